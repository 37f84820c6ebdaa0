"""``digits``: scikit-learn's handwritten digits, embedded."""

from typing import Any

from inductive_bias.problems.kind import Labelled, ProblemKind
from inductive_bias.problems.vector_size import DIGITS


class Digits(Labelled):
    """scikit-learn's digits, embedded."""


def make(seed: int) -> Any:
    """Return the pool; see ``sources.digits``."""
    from inductive_bias.problems.sources import digits

    del seed
    return digits()


problem = ProblemKind(
    "digits", make, Digits, drawn=False, labelled=True, images=True, extent=lambda chosen: DIGITS
)
