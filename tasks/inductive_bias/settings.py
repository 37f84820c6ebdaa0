"""The settings of a suite, checked before anything starts."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from gridcell import Distinct, Seeds, Strict


class _Points(Strict):
    """What every problem may vary.

    Attributes:
        dimensions: project the inputs to so many dimensions, one after another.
        training_size: training points where nothing else is said; replaces the suite's.
        training_sizes: vary the number of training points; replaces the suite's.
    """

    dimensions: list[Annotated[int, Field(ge=1)]] = []
    training_size: int | None = Field(None, ge=1)
    training_sizes: list[Annotated[int, Field(ge=1)]] | None = None


class _Labelled(_Points):
    """What problems with labels may be.

    Attributes:
        ways: makes a few-shot problem: so many classes, drawn anew for each of the suite's seeds.
        shots: training points of each class; with ``ways`` they give the training size.
    """

    ways: int | None = Field(None, ge=2)
    shots: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _few_shot(self) -> Self:
        """Refuse what contradicts a few-shot problem."""
        if self.ways is not None and (self.training_size is not None or self.training_sizes):
            raise ValueError("ways and shots give the training size: leave out training_size(s)")
        if self.ways is None and self.shots != 1:
            raise ValueError("shots are of a few-shot problem: give it ways, too")
        return self


class Digits(_Labelled):
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


class Control(_Points):
    """States of Gymnasium's cart-pole or pendulum and a good policy's actions, drawn anew for each seed.

    Attributes:
        points: that are drawn.
        seed: of the points, beside the suite's.
    """

    source: Literal["cartpole", "pendulum"]
    points: int = Field(2000, ge=4)
    seed: int = Field(0, ge=0)


class Arrays(_Labelled):
    """Arrays of points and of labels.

    Attributes:
        path: of the npz file.
        target: what its labels are, where that can't be told.
    """

    source: Literal["npz"]
    path: str
    target: Literal["classes", "numbers"] | None = None


class Images(_Labelled):
    """Labelled images.

    Attributes:
        source: ``folder`` (a folder a class) or ``shards`` (of ``gridcell data import``).
        path: of the folder, or the address of the shards.
        size: side in pixels that images are brought to.
    """

    source: Literal["folder", "shards"]
    path: str
    size: int | None = Field(None, ge=4)


Problem = Digits | Teacher | Control | Arrays | Images
"""What is to be learned."""

AnyProblem = Annotated[Problem, Field(discriminator="source")]


class Training(Strict):
    """How a network is trained until its training error is ``fit_error`` (in the suite's unit).

    Attributes:
        optimiser: ``adam`` or ``sgd``.
        momentum: of ``sgd``.
        lr: step size.
        batch_size: samples a step.
        max_epochs: a network that doesn't fit by then is no sample.
        check_every: epochs between two looks at the training error.
        fit_error: at which a network fits; a kernel whose functions keep a larger one is an error.
        fit_levels: larger errors, at which the test error is recorded on the way to ``fit_error``.
        at_once: networks trained side by side in one matrix; ``auto``: by a rule of device and sizes.
    """

    optimiser: Literal["adam", "sgd"] = "adam"
    momentum: float = Field(0.0, ge=0, lt=1)
    lr: float = Field(1e-3, gt=0)
    batch_size: int = Field(50, ge=1)
    max_epochs: int = Field(300, ge=1)
    check_every: int = Field(10, ge=1)
    fit_error: float = Field(0.02, gt=0)
    fit_levels: Annotated[list[Annotated[float, Field(gt=0)]], Distinct] = []
    at_once: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"


class Kernel(Strict):
    """Functions from a Gaussian process posterior.

    Attributes:
        amplitude: prior variance, in units of the kernel's usual form; ``evidence``: the one of the largest
            marginal likelihood of the training targets.
        noise: variance of the noise on training targets, in their unit squared; 0: functions interpolate.
    """

    amplitude: Annotated[float, Field(gt=0)] | Literal["evidence"] = 1.0
    noise: float = Field(0.0, ge=0)


class Rbf(Kernel):
    """The Gaussian kernel.

    Attributes:
        bandwidth: a number, ``median`` (the median distance between training inputs), or ``evidence``.
    """

    kind: Literal["rbf"]
    bandwidth: Annotated[float, Field(gt=0)] | Literal["median", "evidence"] = 1.0


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
        blocks: ``plain``, ``residual``, ``batch_norm``, or ``attention`` (rows of images are its tokens).
        training: of this space alone; replaces the suite's as a whole.
    """

    kind: Literal["network"]
    widths: list[Annotated[int, Field(ge=1)]] = [100]
    channels: list[Annotated[int, Field(ge=1)]] = []
    blocks: Literal["plain", "residual", "batch_norm", "attention"] = "plain"
    training: Training | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        """Refuse convolutions ahead of blocks that have none."""
        if self.channels and self.blocks != "plain":
            raise ValueError(f"blocks '{self.blocks}' have no convolutions ahead: leave out channels")
        return self


class Module(Strict):
    """Trained networks of the user's own form.

    Attributes:
        factory: ``path/to/file.py:name`` of a class or function that takes the shape of one input and the
            number of outputs and returns a ``torch.nn.Module``.
        training: of this space alone; replaces the suite's as a whole.
    """

    kind: Literal["module"]
    factory: Annotated[str, Field(pattern=r"^.+\.py:[A-Za-z_]\w*$")]
    training: Training | None = None


Space = Rbf | ArcCosine | Network | Module
"""A hypothesis space."""

AnySpace = Annotated[Space, Field(discriminator="kind")]


class Splitting(Strict):
    """Subset simulation, for networks whose target error lies outside the sampled ones.

    Attributes:
        particles: networks at every level, half of which pass to the next.
        sweeps: moves of each of them between two levels.
        runs: independent ones; they give the interval, so one run gives none.
        max_levels: after which a run gives up; a level is about one bit.
    """

    particles: int = Field(100, ge=10)
    sweeps: int = Field(3, ge=1)
    runs: int = Field(4, ge=1)
    max_levels: int = Field(400, ge=1)


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
        accuracy: ask for I of a share of right labels, too, by subset simulation of networks and kernels.
        tail: what gives I of networks where the target lies outside the sampled errors: ``splitting``
            (subset simulation), or ``fit``: the fitted model's tail, as published.
        splitting: how that is done.
        bootstrap: resamples for the goodness of fit, which takes at least 20.
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
    accuracy: float | None = Field(None, gt=0, lt=1)
    tail: Literal["splitting", "fit"] = "splitting"
    splitting: Splitting = Splitting()
    bootstrap: int = Field(100, ge=10)
    resources: Needed = Needed()
    seeds: Seeds = [0]

    @field_validator("epsilons")
    @classmethod
    def _rising(cls, values: list[float]) -> list[float]:
        return sorted(set(values))
