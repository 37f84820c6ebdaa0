"""The settings of a suite, checked before anything starts."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gridcell.settings import Distinct, Seeds, Strict


class _Points(Strict):
    """What every problem may vary.

    Attributes:
        dimensions: project the inputs to so many dimensions, one after another.
        training_sizes: vary the number of training points; replaces the suite's.
    """

    dimensions: list[Annotated[int, Field(ge=1)]] = []
    training_sizes: list[Annotated[int, Field(ge=1)]] | None = None


class Digits(_Points):
    """scikit-learn's digits, embedded."""

    source: Literal["digits"]


class Teacher(_Points):
    """A random network on Gaussian inputs of known dimension, drawn anew for each of the suite's seeds.

    Attributes:
        dimension: of the inputs.
        outputs: of the network.
        width: its hidden units.
        points: that are drawn.
        seed: of the network and points, beside the suite's.
    """

    source: Literal["teacher"]
    dimension: int = Field(4, ge=1)
    outputs: int = Field(1, ge=1)
    width: int = Field(32, ge=1)
    points: int = Field(2000, ge=4)
    seed: int = Field(0, ge=0)


class CartPole(_Points):
    """States of Gymnasium's cart-pole, drawn anew for each of the suite's seeds.

    Attributes:
        points: that are drawn.
        seed: of the points, beside the suite's.
    """

    source: Literal["cartpole"]
    points: int = Field(2000, ge=4)
    seed: int = Field(0, ge=0)


class Arrays(_Points):
    """Arrays of points and of labels.

    Attributes:
        path: of the npz file.
        target: what its labels are, where that can't be told.
    """

    source: Literal["npz"]
    path: str
    target: Literal["classes", "numbers"] | None = None


class Images(_Points):
    """Labelled images.

    Attributes:
        source: ``folder`` (a folder a class) or ``shards`` (of ``gridcell data import``).
        path: of the folder, or the address of the shards.
        size: side in pixels that images are brought to.
    """

    source: Literal["folder", "shards"]
    path: str
    size: int | None = Field(None, ge=4)


Problem = Digits | Teacher | CartPole | Arrays | Images
"""What is to be learned."""

AnyProblem = Annotated[Problem, Field(discriminator="source")]


class Kernel(Strict):
    """Functions from a Gaussian process posterior.

    Attributes:
        amplitude: prior variance, in units of the kernel's usual form.
    """

    amplitude: float = Field(1.0, gt=0)


class Rbf(Kernel):
    """The Gaussian kernel.

    Attributes:
        bandwidth: a number, or ``median``: the median distance between training inputs.
    """

    kind: Literal["rbf"]
    bandwidth: Annotated[float, Field(gt=0)] | Literal["median"] = 1.0


class ArcCosine(Kernel):
    """The kernel of infinitely wide networks of rectified units.

    Attributes:
        depth: hidden layers.
    """

    kind: Literal["arc_cosine"]
    depth: int = Field(2, ge=1)


class Network(Strict):
    """Trained networks.

    Attributes:
        widths: of the fully connected hidden layers.
        channels: of 3 x 3 convolutions, each with 2 x 2 max pooling, ahead of them.
    """

    kind: Literal["network"]
    widths: list[Annotated[int, Field(ge=1)]] = [100]
    channels: list[Annotated[int, Field(ge=1)]] = []


Space = Rbf | ArcCosine | Network
"""A hypothesis space."""

AnySpace = Annotated[Space, Field(discriminator="kind")]


class Training(Strict):
    """How a network is trained, by Adam, until its training error is ``fit_error`` (in the suite's unit).

    Attributes:
        lr: of Adam.
        batch_size: samples a step.
        max_epochs: a network that doesn't fit by then is no sample.
        check_every: epochs between two looks at the training error.
        fit_error: at which a network fits; a kernel whose functions keep a larger one is an error.
        at_once: networks trained side by side in one matrix; ``auto``: by a rule of device and sizes.
    """

    lr: float = Field(1e-3, gt=0)
    batch_size: int = Field(50, ge=1)
    max_epochs: int = Field(300, ge=1)
    check_every: int = Field(10, ge=1)
    fit_error: float = Field(0.02, gt=0)
    at_once: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"


class Needed(Strict):
    """What a cell that draws hypotheses occupies."""

    cpus: int = Field(1, ge=1)
    gpus: float = Field(0.0, ge=0)


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]


class Settings(Strict):
    """A suite: problems x spaces x training-set sizes and input dimensions x seeds.

    Attributes:
        problems: what is to be learned, by name.
        spaces: hypothesis spaces, by name.
        training_size: training points where nothing else is said.
        training_sizes: vary them, at the full input dimension.
        test_points: on which errors are measured.
        standardise: inputs to mean 0 and root mean square 1 over all coordinates.
        error_unit: ``relative`` (errors in units of the best constant prediction's) or ``absolute``.
        epsilons: target errors of the curves, in that unit.
        target: the error at which spaces, sizes and dimensions are compared, in that unit.
        kernel_samples: functions drawn from a kernel's posterior, 20 or more: a fit takes as many.
        hypotheses: networks trained, likewise.
        hypotheses_per_cell: how many of them in one cell.
        bootstrap: resamples for intervals, and for the goodness of fit, which takes at least 20.
        seeds: each draws the data anew: the teacher, points and projection.
    """

    problems: dict[Name, AnyProblem] = Field(min_length=1)
    spaces: dict[Name, AnySpace] = Field(min_length=1)
    training_size: int = Field(100, ge=1)
    training_sizes: Annotated[list[Annotated[int, Field(ge=1)]], Distinct] = []
    test_points: int = Field(100, ge=1)
    standardise: bool = True
    error_unit: Literal["relative", "absolute"] = "relative"
    epsilons: list[Annotated[float, Field(gt=0)]] = Field([0.05, 0.1, 0.2, 0.3, 0.5, 0.8], min_length=1)
    target: float = Field(0.2, gt=0)
    kernel_samples: int = Field(2000, ge=20)
    hypotheses: int = Field(200, ge=20)
    hypotheses_per_cell: int = Field(50, ge=1)
    training: Training = Training()
    bootstrap: int = Field(100, ge=10)
    resources: Needed = Needed()
    seeds: Seeds = [0]

    @field_validator("epsilons")
    @classmethod
    def _rising(cls, values: list[float]) -> list[float]:
        return sorted(set(values))
