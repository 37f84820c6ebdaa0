"""The settings of a suite, checked before anything starts."""

from typing import Annotated, Literal

from pydantic import Field

from gridcell.settings import Seeds, Strict


class RandomWalkAgent(Strict):
    """A step in a random direction each time."""

    kind: Literal["random-walk"]


class FrontierAgent(Strict):
    """One global map, on to its edge; see ``agents.frontier.Frontier``."""

    kind: Literal["frontier"]
    gamma: float = Field(0.9, ge=0, lt=1)


class FarMapAgent(Strict):
    """Fragmentation and recall; see ``agents.farmap.FarMap``."""

    kind: Literal["farmap"]
    gamma: float = Field(0.9, ge=0, lt=1)
    rho: float = Field(2.0, gt=0)
    epsilon: float = Field(5.0, gt=0)
    criterion: Literal["z", "ratio", "random", "uniform"] = "z"
    period: int = Field(150, ge=2)
    recall: bool = True
    capacity: int | None = Field(None, ge=2)


AnyAgent = Annotated[RandomWalkAgent | FrontierAgent | FarMapAgent, Field(discriminator="kind")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.=-]+$")]


class Maps(Strict):
    """How many generated maps of each size; see ``world.maps.SIZES``.

    Attributes:
        seed: of the collection.
    """

    small: int = Field(0, ge=0)
    medium: int = Field(0, ge=0)
    large: int = Field(0, ge=0)
    seed: int = Field(0, ge=0)


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
        agents: name -> agent; two of them are compared (see ``compare``).
        compare: names of two agents whose difference is taken, first minus second, on the same maps and
            starts.
        vary: parameter -> values that the agent named first in ``compare`` is given one after another.
        steps: length of a run.
        sight: what agents see: the cells themselves, or an image with depth of a rendered world
            (``world.rooms3d``), projected to cells.
        changes: moving obstacles, new colours, noise.
        films: runs that are drawn.
        seeds: of starts and choices, one run each.
    """

    maps: Maps = Maps()
    files: Files = Files()
    agents: dict[Name, AnyAgent] = Field(min_length=1)
    compare: tuple[str, str] | None = None
    vary: dict[Literal["rho", "gamma", "epsilon"], list[float]] = {}
    steps: int = Field(5_000, ge=1)
    sight: Literal["grid", "rgbd"] = "grid"
    changes: Changes = Changes()
    films: list[Film] = []
    seeds: Seeds = [0]
