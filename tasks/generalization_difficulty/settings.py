"""The settings of a suite, checked before anything starts."""

import math
from typing import Annotated, Literal

from pydantic import Field

from generalization_difficulty.data.kind import Parameters
from generalization_difficulty.data.sets import registry
from generalization_difficulty.estimate.options import EXACT_PAIRS
from gridcell import AnySize, OneOf, Seeds, Strict

Count = Annotated[int, Field(ge=1), AnySize()]
"""Points, of which a formula takes any number."""


class ClassificationTask(Strict):
    """A classification whose ingredients are given; see ``tasks.Classification``.

    Attributes:
        n: training points.
        m: intrinsic dimension.
        radius: largest norm of a point.
        classes: number of classes.
        delta: smallest distance between points of different classes, in the unit of ``radius``.
        eps: target error relative to the Lipschitz constant of the loss.
    """

    kind: Literal["classification"]
    n: Count
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
        ways: classes of an episode.
        m_within: intrinsic dimension of the images within one alphabet.
        m_across: intrinsic dimension of the images across alphabets.
        radius: largest norm of an image.
        delta: spatial resolution, in the unit of ``radius``.
        eps: target error.
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
    """A policy whose ingredients are given; see ``tasks.Reinforcement``.

    Attributes:
        n: time steps seen.
        m: dimension of the observations.
        actions: dimension of the actions.
        delta: spatial resolution, observations scaled to unit size.
        eps: target distance from the best action.
    """

    kind: Literal["reinforcement"]
    n: Count
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
        n: time steps seen.
        delta: spatial resolution, observations scaled to unit size.
        eps: target distance from the best action.
    """

    id: str
    history: int = Field(1, ge=1)
    n: Count = 1_000_000
    delta: float = Field(0.001, gt=0)
    eps: float = Field(0.001, gt=0)


AnyDataset = Annotated[Parameters, OneOf(registry, "source")]
"""Settings of a data set that the registry has."""


class Data(Strict):
    """The user's own data.

    Attributes:
        path: an .npz with points and labels, an .npy of points, a folder of images, one folder per class, or
            the shards of ``gridcell data import``, which may be at a remote address.
        labels: the .npy of the labels of an .npy.
        image_size: side in px that images of a folder or of shards are brought to.
        min_images: classes of a folder with fewer images are left out.
        target: what the labels of an .npz or .npy are; whole numbers are taken for classes, said in a note.
        name: in the report; by default the file's.
        eps: target error.
    """

    path: str | None = None
    labels: str | None = None
    image_size: int | None = Field(None, ge=1)
    min_images: int = Field(1, ge=1)
    target: Literal["classes", "numbers"] | None = None
    name: str | None = None
    eps: float = Field(0.01, gt=0)


class Estimation(Strict):
    """How ingredients are estimated; see ``estimate.options``.

    Attributes:
        m: the intrinsic dimension, where it is known.
        resolution: which estimate of delta enters the formula, or delta itself.
        exact_pairs: pairs of points up to which ``exact`` compares all; beyond, it extrapolates (``evt``).
        centre: from where R is measured: the origin, as published, or the points' mean.
        neighbours: k of the dimension's estimate; twice as many are searched, to show what the choice does.
        queries: points whose neighbours are searched, at most.
        subset: points among which ``sample`` searches the least distance between classes, at most.
        pairs: random pairs for extreme value theory, at most.
        largest: extremes of these that it is fitted to.
        duplicates: whether equal points of different classes are an error, or are counted and left out.
        memory_mb: MiB that the held sample may take; twice that while it is drawn, and what a few images
            take.
    """

    m: float | None = Field(None, ge=1)
    resolution: Literal["exact", "evt", "sample"] | Annotated[float, Field(gt=0)] = "exact"
    exact_pairs: int = Field(EXACT_PAIRS, ge=1)
    centre: Literal["origin", "mean"] = "origin"
    neighbours: int = Field(5, ge=2)
    queries: int = Field(10_000, ge=2)
    subset: int = Field(10_000, ge=2)
    pairs: int = Field(4_000_000, ge=100)
    largest: int = Field(2_000, ge=10)
    duplicates: Literal["refuse", "ignore"] = "refuse"
    memory_mb: int = Field(1024, ge=1)


class Sweep(Strict):
    """A given task along one of its ingredients.

    Attributes:
        task: one of ``tasks``.
        vary: the ingredient.
        start: its first value.
        stop: its last value.
        points: how many values.
        spacing: ``log`` or ``linear``; counts are rounded.
        published: bits that were published at the two ends, shown beside.
    """

    task: str
    vary: Literal["n", "m", "classes", "delta", "eps"]
    start: float = Field(gt=0)
    stop: float = Field(gt=0)
    points: int = Field(25, ge=2)
    spacing: Literal["log", "linear"] = "log"
    published: tuple[float, float] | None = None


class Models(Strict):
    """Models whose error on a given task is known: the bits that they provide.

    Attributes:
        task: one of ``tasks``, a classification.
        table: a CSV file with the columns name and error, the cells.csv of a report of imagenet-rib, or
            ``published`` for the errors that come with the task; see ``data.errors.read_errors``.
        evaluated: the set whose accuracy is taken from results of imagenet-rib.
        eps_per_error: eps of an error. eps is an error relative to the Lipschitz constant of the loss; labels
            that are one-hot are the square root of 2 apart, so a share e of wrong labels is sqrt(2) e.
    """

    task: str
    table: str = "published"
    evaluated: str = "val"
    eps_per_error: float = Field(math.sqrt(2), gt=0)


class FewShot(Strict):
    """Few-shot learning of drawn characters, measured from images as Omniglot has them.

    Attributes:
        path: a folder of ``<alphabet>/<character>/*.png``; None: characters of a few strokes are drawn, anew
            for each seed.
        image_size: side in px that images are brought to.
        ink: ``dark``: pixels darker than half count 1, others 0, as in the published values; ``as-is``:
            pixels as they are.
        alphabets: drawn.
        characters: of each.
        drawings: of each character.
        side: of a drawing, in px.
        ways: characters of a support set.
        neighbours: k of the dimensions' estimates.
        eps: target error.
    """

    path: str | None = None
    image_size: int | None = Field(None, ge=1)
    ink: Literal["dark", "as-is"] = "dark"
    alphabets: int = Field(8, ge=2)
    characters: int = Field(20, ge=2)
    drawings: int = Field(10, ge=2)
    side: int = Field(28, ge=8)
    ways: int = Field(20, ge=2)
    neighbours: int = Field(5, ge=2)
    eps: float = Field(0.01, gt=0)


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]


class Settings(Strict):
    """A suite: given tasks, their unions, environments, and data to be measured, once per seed.

    Attributes:
        tasks: name -> ingredients.
        unions: classification tasks among these; each is united with each, itself too.
        environments: name -> Gymnasium environment.
        datasets: name -> data that come with the install, or from a file of the user's own.
        data: the user's own, where a path is set.
        few_shot: name -> few-shot learning measured from images.
        sweeps: name -> a given task along one of its ingredients.
        models: name -> models whose error on a given task is known.
        estimation: how ingredients of data are estimated.
        orders: title -> names of tasks expected in this order, easiest first.
        published: name of a task -> bits that were published for it, shown beside ours.
        seeds: of every random choice, one measurement each.
    """

    tasks: dict[Name, AnyTaskSettings] = {}
    unions: list[str] = []
    environments: dict[Name, Environment] = {}
    datasets: dict[Name, AnyDataset] = {}
    few_shot: dict[Name, FewShot] = {}
    sweeps: dict[Name, Sweep] = {}
    models: dict[Name, Models] = {}
    data: Data = Data()
    estimation: Estimation = Estimation()
    orders: dict[str, list[str]] = {}
    published: dict[str, Annotated[float, Field(gt=0)]] = {}
    seeds: Seeds = [0]
