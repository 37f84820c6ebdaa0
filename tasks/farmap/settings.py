"""The settings of a suite, checked before anything starts."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gridcell import Distinct, Seeds, Strict


class RandomWalkAgent(Strict):
    """A step in a random direction each time."""

    kind: Literal["random-walk"]


class FrontierAgent(Strict):
    """One global map, on to its edge; see ``agents.frontier.Frontier``."""

    kind: Literal["frontier"]
    gamma: float = Field(0.9, ge=0, lt=1)
    choice: Literal["distance", "weighted", "nearest", "gain"] = "distance"


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "released": {
        "rho": 2.0,
        "recall": "border",
        "share": False,
        "last_look": False,
        "renew": "aimed",
        "patience": None,
        "conventions": "released",
    }
}
"""What a preset of FARMap sets; a value given beside it counts."""


class FarMapAgent(Strict):
    """Fragmentation and recall; see ``agents.farmap.FarMap``.

    Attributes:
        preset: ``released``: by the rules of the authors' code, where these differ from ours.
        share: None: as far as there is recall.
        last_look: likewise.
    """

    kind: Literal["farmap"]
    preset: Literal["released"] | None = Field(None, exclude=True)
    gamma: float = Field(0.9, ge=0, lt=1)
    rho: float = Field(0.75, gt=0)
    epsilon: float = Field(5.0, gt=0)
    criterion: Literal["z", "ratio", "random", "uniform"] = "z"
    period: int = Field(150, ge=2)
    recall: Literal["match", "border", "off"] = "match"
    likeness: float = Field(0.7, gt=0, le=1)
    closure: bool = False
    share: bool | None = None
    last_look: bool | None = None
    renew: Literal["found", "aimed"] = "found"
    patience: int | None = Field(500, ge=1)
    conventions: Literal["ours", "released"] = "ours"
    choice: Literal["weighted", "nearest"] = "weighted"
    capacity: int | None = Field(None, ge=2)

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, values: Any) -> Any:
        """Fill in the preset, and say how ``recall`` is written: it was true or false once."""
        if not isinstance(values, Mapping):
            return values
        given = {**PRESETS.get(str(values.get("preset")), {}), **values}
        recall = given.get("recall", "match")
        if isinstance(recall, bool):
            instead = "border (what true meant) or match" if recall else 'off (in quotes: "off")'
            raise ValueError(f"recall is match, border or off: write {instead}")
        for name in ("share", "last_look"):
            if given.get(name) is None:
                given[name] = recall != "off"
            elif given[name] is True and recall == "off":
                raise ValueError(f"{name} needs fragments with offsets, which recall: off does not keep")
        return given


AnyAgent = Annotated[RandomWalkAgent | FrontierAgent | FarMapAgent, Field(discriminator="kind")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.=-]+$")]


class Maps(Strict):
    """How many generated maps of each size; see ``world.maps.SIZES``.

    Attributes:
        seed: of the collection.
        generator: ``ours``, or ``released``: as the authors' code draws them; see ``world.layout``.
    """

    small: int = Field(0, ge=0)
    medium: int = Field(0, ge=0)
    large: int = Field(0, ge=0)
    huge: int = Field(0, ge=0)
    seed: int = Field(0, ge=0)
    generator: Literal["ours", "released"] = "ours"


class Files(Strict):
    """Maps of the user's own; see ``world.maps.read_world``.

    Attributes:
        paths: .png, .npy or .txt, 0 (black) free, anything else wall.
        scale: cells per side of a square.
        free: which squares of pictures are free: the black ones, or the white ones.
    """

    paths: list[str] = []
    scale: int = Field(1, ge=1)
    free: Literal["black", "white"] = "black"


class Released(Strict):
    """The authors' own maps: a pickled list of arrays of shape (3, height, width); see ``world.released``.

    Attributes:
        path: of the user's copy; nothing in it is executed. None: no such maps.
        scale: cells per side of a square.
        first: number of the first map that is taken.
        count: how many are taken; None: all.
    """

    path: str | None = None
    scale: int = Field(3, ge=1)
    first: int = Field(0, ge=0)
    count: int | None = Field(None, ge=1)


class Changes(Strict):
    """How the world and the odometry are less than ideal; see ``world.environment.FarMapEnv``."""

    obstacles: int = Field(0, ge=0)
    recolour: float = Field(0.0, ge=0, le=1)
    odometry_noise: float = Field(0.0, ge=0, le=1)


class Film(Strict):
    """The run that is drawn: the first seed on one map.

    Attributes:
        map: as the report calls it, e.g. ``large-0``.
        agent: name of the agent.
        frames: in the animation.
    """

    map: str
    agent: str
    frames: int = Field(60, ge=4)


class Settings(Strict):
    """A suite: every agent on every map from every start.

    Attributes:
        maps: generated ones.
        files: of the user's own.
        released: the authors' own, from their file.
        agents: name -> agent; two of them are compared (see ``compare``).
        compare: names of two agents whose difference is taken, first minus second, on the same maps and
            starts.
        vary: parameter -> values that the agent named first in ``compare`` is given one after another.
        steps: length of a run.
        sight: what agents see: the cells themselves, or an image with depth of a rendered world
            (``world.rooms3d``), projected to cells.
        changes: moving obstacles, new colours, noise.
        keep: what is kept of each run beside its numbers: ``graph.json``, FARMap's fragments in networkx's
            node-link form, and ``trajectory.npy``, row, column, heading and number of the map at each step.
        films: runs that are drawn.
        seeds: of starts and choices, one run each.
    """

    maps: Maps = Maps()
    files: Files = Files()
    released: Released = Released()
    agents: dict[Name, AnyAgent] = Field(min_length=1)
    compare: tuple[str, str] | None = None
    vary: dict[Literal["rho", "gamma", "epsilon", "likeness"], list[float]] = {}
    steps: int = Field(5_000, ge=1)
    sight: Literal["grid", "rgbd"] = "grid"
    changes: Changes = Changes()
    keep: Annotated[list[Literal["graph", "trajectory"]], Distinct] = []
    films: list[Film] = []
    seeds: Seeds = [0]
