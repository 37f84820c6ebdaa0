"""The settings of a suite, checked before anything starts."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gridcell import Distinct, OneOf, Seeds, Strict
from inductive_bias.problems.kind import Points
from inductive_bias.problems.kinds import registry as problems
from inductive_bias.spaces import registry as spaces
from inductive_bias.spaces.kind import Kernel, Networks, Training

AnyProblem = Annotated[Points, OneOf(problems, "source")]
"""Settings of a problem that the registry has."""

AnySpace = Annotated[Kernel | Networks, OneOf(spaces, "kind")]
"""Settings of a hypothesis space that the registry has."""


class Splitting(Strict):
    """Subset simulation, for networks whose target error lies outside the sampled ones.

    Attributes:
        particles: networks at every level, half of which pass to the next.
        sweeps: moves of each of them between two levels; ``adaptive``: as many as it takes until they have
            forgotten their ancestors, by what was measured at the levels before.
        runs: independent ones; they give the interval, so one run gives none.
        max_levels: after which a run gives up; a level is about one bit.
    """

    particles: int = Field(100, ge=10)
    sweeps: Annotated[int, Field(ge=1)] | Literal["adaptive"] = "adaptive"
    runs: int = Field(4, ge=1)
    max_levels: int = Field(400, ge=1)


class Needed(Strict):
    """What a cell that draws hypotheses occupies.

    Attributes:
        cpus: of each cell.
        gpus: of each cell; a fraction shares one.
    """

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
