"""The contract of problems: what can be tried without a suite."""

from functools import partial

import numpy as np

from gridcell.testing import Check, require
from inductive_bias.problems.kind import CUT, ProblemKind
from inductive_bias.problems.pool import Pool, check_labels
from inductive_bias.problems.sources import checked


def checks(kind: ProblemKind) -> list[Check]:
    """Return what a problem keeps to, beside what all parts keep to; one that reads a file is not made."""
    if "path" in kind.parameters.model_fields:
        return []
    return [
        Check("it makes inputs and as many targets", partial(_fits, kind)),
        Check("the same seed makes the same points", partial(_repeats, kind)),
    ]


def _made(kind: ProblemKind) -> Pool:
    own = kind.parameters.model_validate({}).model_dump(exclude={*CUT, "seed"})
    return checked(kind.make(seed=0, **own), kind)


def _fits(kind: ProblemKind) -> None:
    pool = _made(kind)
    require(len(pool.x) == len(pool.y), f"of {len(pool.x)} inputs it makes {len(pool.y)} targets")
    require(kind.images or pool.x.ndim == 2, "its inputs are images, which its ProblemKind does not say")
    if kind.labelled:
        check_labels(pool.y)


def _repeats(kind: ProblemKind) -> None:
    one, two = _made(kind), _made(kind)
    same = np.array_equal(one.x, two.x) and np.array_equal(one.y, two.y)
    require(same, "the second time it makes other points: draw from the seed that it is given")
