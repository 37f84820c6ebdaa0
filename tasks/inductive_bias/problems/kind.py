"""What a kind of problem is, as suites name it, and what every problem may vary."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from gridcell import Strict

if TYPE_CHECKING:
    from inductive_bias.problems.vector_size import Extent


class Points(Strict):
    """What every problem may vary.

    Attributes:
        dimensions: project the inputs to so many dimensions, one after another.
        training_size: training points where nothing else is said; replaces the suite's.
        training_sizes: vary the number of training points; replaces the suite's.
    """

    dimensions: list[Annotated[int, Field(ge=1)]] = Field([])
    training_size: int | None = Field(None, ge=1)
    training_sizes: list[Annotated[int, Field(ge=1)]] | None = None

    if TYPE_CHECKING:
        source: str  # the problem's name: suites give it, and gridcell.OneOf adds it


class Labelled(Points):
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


CUT = frozenset(Labelled.model_fields)
"""Settings that say how points are cut from a problem, not what they are."""


@dataclass(frozen=True)
class ProblemKind:
    """What is to be learned: one file, of ``problems.kinds`` or of the user's own, as ``problem``.

    Attributes:
        name: in suites, under ``source``.
        make: called as ``make(seed=..., **parameters)`` with the kind's own parameters; returns inputs, real
            numbers (N, d) or images (N, channels, height, width), and targets: labels, whole numbers (N,), or
            numbers (N,) or (N, k). One that reads a file is called with ``location`` instead of a seed.
        parameters: settings, which derive from :class:`Points` or :class:`Labelled`, each with a default; of
            one that reads a file, ``path`` has none.
        version: of what it makes. Raise it where that changes: cells of before stay apart.
        drawn: whether it is made anew for each of the suite's seeds.
        labelled: whether its targets are labels, which are right or wrong.
        images: whether its inputs may be images.
        extent: parameters -> how many points and dimensions there are; None where only its cells know.

    Example:
        >>> ProblemKind("mine", make=lambda seed: ([[0.0], [1.0]], [0.0, 1.0])).drawn
        True
    """

    name: str
    make: Callable[..., Any]
    parameters: type[Points] = Points
    version: int = 1
    drawn: bool = True
    labelled: bool = False
    images: bool = False
    extent: "Callable[[Any], Extent] | None" = None
