"""``teacher``: a random network on Gaussian inputs of known dimension."""

from typing import Any

from pydantic import Field

from inductive_bias.problems.kind import Points, ProblemKind
from inductive_bias.problems.vector_size import Extent


class Teacher(Points):
    """A random network on Gaussian inputs of known dimension, drawn anew for each of the suite's seeds.

    Attributes:
        dimension: of the inputs.
        outputs: of the network.
        width: its hidden units.
        points: that are drawn.
        seed: of the network and points, beside the suite's.
    """

    dimension: int = Field(4, ge=1)
    outputs: int = Field(1, ge=1)
    width: int = Field(32, ge=1)
    points: int = Field(2000, ge=4)
    seed: int = Field(0, ge=0)


def make(**parameters: Any) -> Any:
    """Return the pool; see ``sources.teacher``."""
    from inductive_bias.problems.sources import teacher

    return teacher(**parameters)


problem = ProblemKind("teacher", make, Teacher, extent=lambda chosen: Extent(chosen.points, chosen.dimension))
