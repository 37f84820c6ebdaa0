"""The settings of a suite, checked before anything starts."""

from typing import Annotated, Literal

from pydantic import Field

from gridcell.settings import Seeds, Strict


class ClassificationTask(Strict):
    """A classification whose ingredients are given; see ``tasks.Classification``."""

    kind: Literal["classification"]
    n: int = Field(ge=1)
    m: float = Field(ge=1)
    radius: float = Field(gt=0)
    classes: int = Field(ge=2)
    delta: float = Field(gt=0)
    eps: float = Field(gt=0)


class MetaLearningTask(Strict):
    """Few-shot learning whose ingredients are given; see ``tasks.MetaLearning``.

    Attributes:
        alphabets: characters of each alphabet, from which n is counted.
        drawings: images of each character.
    """

    kind: Literal["meta-learning"]
    alphabets: list[Annotated[int, Field(ge=1)]] = Field(min_length=1)
    drawings: int = Field(20, ge=1)
    ways: int = Field(20, ge=2)
    m_within: float = Field(ge=1)
    m_across: float = Field(ge=1)
    radius: float = Field(gt=0)
    delta: float = Field(gt=0)
    eps: float = Field(gt=0)


class ReinforcementTask(Strict):
    """A policy whose ingredients are given; see ``tasks.Reinforcement``."""

    kind: Literal["reinforcement"]
    n: int = Field(ge=1)
    m: int = Field(ge=1)
    actions: int = Field(ge=1)
    delta: float = Field(gt=0)
    eps: float = Field(gt=0)


AnyTaskSettings = Annotated[
    ClassificationTask | MetaLearningTask | ReinforcementTask, Field(discriminator="kind")
]


class Environment(Strict):
    """A Gymnasium environment, whose spaces say how many numbers are observed and acted with.

    Attributes:
        id: as registered, e.g. ``CartPole-v1``; with the module whose import registers it where that is not
            Gymnasium, e.g. ``ale_py:ALE/Pong-v5``.
        history: how many successive observations the policy sees.
    """

    id: str
    history: int = Field(1, ge=1)
    n: int = Field(1_000_000, ge=1)
    delta: float = Field(0.001, gt=0)
    eps: float = Field(0.001, gt=0)


class Digits(Strict):
    """scikit-learn's digits.

    Attributes:
        eps: target error.
    """

    source: Literal["digits"]
    eps: float = Field(0.01, gt=0)


class Manifold(Strict):
    """Points of a manifold of known dimension, drawn anew for each seed.

    Attributes:
        source: a ``sphere``'s surface, or a ``linear`` subspace.
        dimension: of the manifold.
        ambient: numbers per point.
        n: points.
        eps: target error.
    """

    source: Literal["sphere", "linear"]
    dimension: int = Field(2, ge=1)
    ambient: int = Field(40, ge=1)
    n: int = Field(3_000, ge=1)
    eps: float = Field(0.01, gt=0)


Dataset = Digits | Manifold
AnyDataset = Annotated[Dataset, Field(discriminator="source")]


class Data(Strict):
    """The user's own data.

    Attributes:
        path: an .npz with points and labels, an .npy of points, a folder of images, one folder per class, or
            the shards of ``gridcell data import``, which may be at a remote address.
        labels: the .npy of the labels of an .npy.
        image_size: side in px that images of a folder or of shards are brought to.
        name: in the report; by default the file's.
        eps: target error.
    """

    path: str | None = None
    labels: str | None = None
    image_size: int | None = Field(None, ge=1)
    name: str | None = None
    eps: float = Field(0.01, gt=0)


class Estimation(Strict):
    """How ingredients are estimated; see ``measure.measure``.

    Attributes:
        m: the intrinsic dimension, where it is known.
        resolution: which estimate of delta enters the formula, or delta itself.
        memory_mb: MiB that the held sample may take.
    """

    m: float | None = Field(None, ge=1)
    resolution: Literal["evt", "sample"] | Annotated[float, Field(gt=0)] = "evt"
    neighbours: int = Field(5, ge=2)
    queries: int = Field(10_000, ge=2)
    subset: int = Field(10_000, ge=2)
    pairs: int = Field(4_000_000, ge=100)
    largest: int = Field(2_000, ge=10)
    duplicates: Literal["refuse", "ignore"] = "refuse"
    memory_mb: int = Field(1024, ge=1)


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]


class Settings(Strict):
    """A suite: given tasks, their unions, environments, and data to be measured, once per seed.

    Attributes:
        tasks: name -> ingredients.
        unions: classification tasks among these; each is united with each, itself too.
        environments: name -> Gymnasium environment.
        datasets: name -> data that come with the install.
        data: the user's own, where a path is set.
        estimation: how ingredients of data are estimated.
        orders: title -> names of tasks expected in this order, easiest first.
        seeds: of every random choice, one measurement each.
    """

    tasks: dict[Name, AnyTaskSettings] = {}
    unions: list[str] = []
    environments: dict[Name, Environment] = {}
    datasets: dict[Name, AnyDataset] = {}
    data: Data = Data()
    estimation: Estimation = Estimation()
    orders: dict[str, list[str]] = {}
    seeds: Seeds = [0]
