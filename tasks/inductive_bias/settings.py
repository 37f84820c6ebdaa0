"""The settings of a suite, checked before anything starts."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from gridcell.settings import Distinct, Seeds, Strict


class Problem(Strict):
    """What is to be learned.

    Attributes:
        source: ``digits`` (embedded), ``teacher`` (a random network on Gaussian inputs of known dimension),
            ``cartpole`` and ``pendulum`` (a good policy's actions; need Gymnasium), ``npz`` (arrays x and y),
            ``folder`` (images, a folder a class) or ``shards`` (of ``gridcell data import``).
        path: of the file or folder, or the address of the shards.
        size: side in pixels that images of a folder or of shards are brought to.
        dimension: of a teacher's inputs.
        outputs: of a teacher.
        width: hidden units of a teacher.
        points: of teachers and control tasks.
        seed: of teachers and control tasks, which are drawn anew for each of the suite's seeds too.
        dimensions: project the inputs to so many dimensions, one after another.
        training_size: training points where nothing else is said; replaces the suite's.
        training_sizes: vary the number of training points; replaces the suite's.
        ways: makes a few-shot problem of labelled images: so many classes, drawn anew for each seed.
        shots: training points of each class; with ``ways`` they give the training size.
    """

    source: Literal["digits", "teacher", "cartpole", "pendulum", "npz", "folder", "shards"]
    path: str | None = None
    size: int | None = Field(None, ge=4)
    dimension: int = Field(4, ge=1)
    outputs: int = Field(1, ge=1)
    width: int = Field(32, ge=1)
    points: int = Field(2000, ge=4)
    seed: int = Field(0, ge=0)
    dimensions: list[Annotated[int, Field(ge=1)]] = []
    training_size: int | None = Field(None, ge=1)
    training_sizes: list[Annotated[int, Field(ge=1)]] | None = None
    ways: int | None = Field(None, ge=2)
    shots: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _few_shot(self) -> Self:
        """Refuse what contradicts a few-shot problem."""
        if self.ways is None:
            return self
        if self.source in ("teacher", "cartpole", "pendulum"):
            raise ValueError(f"a few-shot problem needs labelled images, and '{self.source}' gives none")
        if self.training_size is not None or self.training_sizes:
            raise ValueError("ways and shots give the training size: leave out training_size(s)")
        return self

    def base_size(self, suite: int) -> int:
        """Return the training points at which spaces are compared, by default ``suite``."""
        if self.ways is not None:
            return self.ways * self.shots
        return suite if self.training_size is None else self.training_size


class Space(Strict):
    """A hypothesis space.

    Attributes:
        kind: ``rbf`` or ``arc_cosine`` (functions from a Gaussian process posterior), or ``network``.
        bandwidth: of ``rbf``: a number, ``median`` (the median distance between training inputs), or
            ``evidence`` (the largest marginal likelihood of the training targets).
        amplitude: prior variance of a kernel, in units of its usual form: a number or ``evidence``.
        noise: variance of the noise on a kernel's training targets, in their unit squared; 0: its functions
            interpolate.
        depth: hidden layers of ``arc_cosine``.
        widths: of a network's fully connected hidden layers.
        channels: of a network's 3 x 3 convolutions, each with 2 x 2 max pooling, ahead of them.
        blocks: ``plain``, ``residual``, ``batch_norm`` or ``attention`` (rows of images as tokens).
        module: a network of the user's own, as ``path/to/file.py:name``: a class or function that takes the
            shape of one input and the number of outputs and returns a ``torch.nn.Module``.
    """

    kind: Literal["rbf", "arc_cosine", "network"]
    bandwidth: Annotated[float, Field(gt=0)] | Literal["median", "evidence"] = 1.0
    amplitude: Annotated[float, Field(gt=0)] | Literal["evidence"] = 1.0
    noise: float = Field(0.0, ge=0)
    depth: int = Field(2, ge=1)
    widths: list[Annotated[int, Field(ge=1)]] = [100]
    channels: list[Annotated[int, Field(ge=1)]] = []
    blocks: Literal["plain", "residual", "batch_norm", "attention"] = "plain"
    module: Annotated[str, Field(pattern=r"^.+\.py:[A-Za-z_]\w*$")] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        """Refuse settings of one kind of network on another, which would be ignored."""
        if self.module is not None and (self.channels or self.blocks != "plain"):
            raise ValueError("a space with a module has no channels or blocks: the module decides")
        if self.channels and self.blocks != "plain":
            raise ValueError(f"blocks '{self.blocks}' have no convolutions ahead: leave out channels")
        if self.kind != "network" and (self.module is not None or self.channels or self.blocks != "plain"):
            raise ValueError(f"a space of kind '{self.kind}' has no module, channels or blocks")
        if self.kind == "network" and (self.noise or self.bandwidth != 1.0 or self.amplitude != 1.0):
            raise ValueError("a space of kind 'network' has no bandwidth, amplitude or noise")
        return self


class Training(Strict):
    """How a network is trained until its training error is ``fit_error`` (in the suite's unit).

    Attributes:
        optimiser: ``adam`` or ``sgd``.
        lr: step size.
        momentum: of ``sgd``.
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
        accuracy: ask for I of a share of right labels too, by subset simulation: of networks and of kernels.
        kernel_samples: functions drawn from a kernel's posterior, 20 or more: a fit takes as many.
        hypotheses: networks trained, likewise.
        hypotheses_per_cell: how many of them in one cell.
        tail: what gives I of networks where the target lies outside the sampled errors: ``splitting``
            (subset simulation), or ``fit``: the fitted model's tail, as published.
        splitting: how that is done.
        bootstrap: resamples for the goodness of fit, which takes at least 20.
        seeds: each draws the data anew: the teacher, points and projection.
    """

    problems: dict[Name, Problem] = Field(min_length=1)
    spaces: dict[Name, Space] = Field(min_length=1)
    training_size: int = Field(100, ge=1)
    training_sizes: Annotated[list[Annotated[int, Field(ge=1)]], Distinct] = []
    test_points: int = Field(100, ge=1)
    standardise: bool = True
    error_unit: Literal["relative", "absolute"] = "relative"
    epsilons: list[Annotated[float, Field(gt=0)]] = Field([0.05, 0.1, 0.2, 0.3, 0.5, 0.8], min_length=1)
    target: float = Field(0.2, gt=0)
    accuracy: float | None = Field(None, gt=0, lt=1)
    kernel_samples: int = Field(2000, ge=20)
    hypotheses: int = Field(200, ge=20)
    hypotheses_per_cell: int = Field(50, ge=1)
    training: Training = Training()
    tail: Literal["splitting", "fit"] = "splitting"
    splitting: Splitting = Splitting()
    bootstrap: int = Field(100, ge=10)
    resources: Needed = Needed()
    seeds: Seeds = [0]

    @field_validator("epsilons")
    @classmethod
    def _rising(cls, values: list[float]) -> list[float]:
        return sorted(set(values))
