"""The settings of a suite, checked before anything starts."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from farmap.agents.kind import Parameters
from farmap.agents.kinds import registry
from gridcell import Distinct, Mistake, OneOf, Seeds, SettingsError, Strict

AnyAgent = Annotated[Parameters, OneOf(registry, "kind")]
"""Settings of an agent that the registry has."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.=-]+$")]


class Maps(Strict):
    """How many generated maps of each size; see ``world.maps.SIZES``.

    Attributes:
        small: maps of fewer than 750 visible cells.
        medium: maps of 750 to 1,499 visible cells.
        large: maps of 1,500 to 5,999 visible cells.
        huge: maps of 6,000 visible cells or more.
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
    """How the world and the odometry are less than ideal; see ``world.environment.FarMapEnv``.

    Attributes:
        obstacles: single cells that walk about at random, each of a colour of its own.
        recolour: probability per step that one wall square changes its colour.
        odometry_noise: probability that the measured displacement of a move is one cell wrong.
    """

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
    steps: int = Field(5_000, ge=1)
    sight: Literal["grid", "rgbd"] = "grid"
    changes: Changes = Changes()
    keep: Annotated[list[Literal["graph", "trajectory"]], Distinct] = []
    films: list[Film] = []
    seeds: Seeds = [0]

    @model_validator(mode="before")
    @classmethod
    def _no_vary(cls, given: Any) -> Any:
        """Refuse a setting of earlier versions, and say what to write."""
        if not isinstance(given, dict) or "vary" not in given:
            return given
        agent = next(iter(given.get("compare") or given.get("agents") or ("farmap",)))
        varied = given["vary"] if isinstance(given["vary"], dict) else {}
        blocks = ", ".join(f"{{agents.{agent}.{name}: {values}}}" for name, values in varied.items())
        instead = f"write sweep: [{blocks}]" if blocks else "leave it out"
        raise SettingsError([Mistake(("vary",), f"The setting '{{where}}' is gone: {instead}", unknown="")])
