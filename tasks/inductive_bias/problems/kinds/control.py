"""``cartpole`` and ``pendulum``: what a good policy does, to be regressed on what it sees."""

from typing import Any

from pydantic import Field

from inductive_bias.problems.kind import Points, ProblemKind
from inductive_bias.problems.vector_size import CONTROL_DIMENSIONS, Extent


class Control(Points):
    """States of Gymnasium's cart-pole or pendulum and a good policy's actions, drawn anew for each seed.

    Attributes:
        points: that are drawn.
        seed: of the points, beside the suite's.
    """

    points: int = Field(2000, ge=4)
    seed: int = Field(0, ge=0)


def cartpole(points: int, seed: int) -> Any:
    """Return the pool; see ``control.cartpole``."""
    from inductive_bias.problems import control

    return control.cartpole(points, seed)


def pendulum(points: int, seed: int) -> Any:
    """Return the pool; see ``control.pendulum``."""
    from inductive_bias.problems import control

    return control.pendulum(points, seed)


def _extent(chosen: Control) -> Extent:
    return Extent(chosen.points, CONTROL_DIMENSIONS[chosen.source])


problem = (
    ProblemKind("cartpole", cartpole, Control, labelled=True, extent=_extent),
    ProblemKind("pendulum", pendulum, Control, extent=_extent),
)
