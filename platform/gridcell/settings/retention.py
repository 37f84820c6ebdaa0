"""Which weights a suite keeps once nobody needs them any more: ``keep_weights: last``."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from gridcell.cell import Cell
from gridcell.errors import UserError, unknown
from gridcell.settings.core_yaml import Document

KEEP_WEIGHTS = "keep_weights"

Keep = Literal["all", "last", "best", "none"]
"""What stays of the weights that no cell needs any more.

- ``all``: everything; the default.
- ``last``: those at the end of training, of cells from whose weights no other weights were made.
- ``best``: of the same cells, those that were best by a held-out metric.
- ``none``: nothing.
"""

CHOICES: tuple[Keep, ...] = get_args(Keep)


@dataclass(frozen=True)
class Weights:
    """Which artifacts of a kind of cell are weights, which take most of a storage's room.

    A suite says by ``keep_weights`` which of them stay once all cells that need them are done.

    Attributes:
        last: name of the artifact with the weights at the end of training.
        best: of the one with the weights that were best by a metric from which no reported number is
            computed; empty where there are none.
        between: whether they only serve to make other weights, such as a Fisher information matrix.
        state: name of the artifact with all that the next stage of a training goes on from; it never stays
            once no cell needs it. Empty where there is none.

    Example:
        >>> Weights("agent.pt", best="best.pt").names
        ('agent.pt', 'best.pt')
    """

    last: str
    best: str = ""
    between: bool = False
    state: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(filter(None, (self.last, self.best, self.state)))


@dataclass(frozen=True)
class TaskWeights:
    """What a task says of its weights.

    Attributes:
        of_kinds: kind of cell -> its weights.
        read_by: returns the names of the files that a cell reads of what it needs in a role; None where all.
    """

    of_kinds: Mapping[str, Weights]
    read_by: Callable[[Cell, str], Collection[str] | None] = lambda cell, role: None


def split_retention(
    document: Document, overrides: Sequence[str], weights: Mapping[str, Weights], task: str
) -> tuple[Document, tuple[str, ...], Keep]:
    """Take what is to be kept out of a suite.

    Args:
        document: the suite's.
        overrides: ``dotted.key=value`` each.
        weights: kind of cell -> its weights.
        task: its name.

    Returns:
        the other settings, the other overrides, and what is to be kept.

    Raises:
        UserError: there is no such choice, or the task can't keep that.
    """
    values = dict(document.values) if isinstance(document.values, dict) else {}
    asked, place = values.pop(KEEP_WEIGHTS, "all"), str(document.places.get((KEEP_WEIGHTS,), ""))
    others = []
    for override in overrides:
        if named := re.fullmatch(rf"{KEEP_WEIGHTS}=(.*)", override, re.S):
            asked, place = named[1].strip(), f"--set {override}"
        else:
            others.append(override)
    if asked not in CHOICES:
        raise _said(place, unknown(f"choice for {KEEP_WEIGHTS}", str(asked), CHOICES))
    check_keep(asked, weights, task, place)
    kept = Document(values, document.places) if KEEP_WEIGHTS in document.values else document
    return kept, tuple(others), asked


def check_keep(keep: Keep, weights: Mapping[str, Weights], task: str, place: str = "") -> None:
    """Make sure that a task's cells leave what is to be kept.

    Raises:
        UserError: they don't.
    """
    if keep != "all" and not weights:
        raise _said(place, UserError(f"{KEEP_WEIGHTS} is {keep}, and no cells of {task} leave weights"))
    without = sorted(kind for kind, each in weights.items() if not each.best and not each.between)
    if keep == "best" and without:
        raise _said(
            place,
            UserError(
                f"{KEEP_WEIGHTS} is best, and cells of {task} of the kind {', '.join(without)} keep no "
                "weights that were best by a held-out metric: choose 'last', 'none' or 'all'"
            ),
        )


def _said(place: str, error: UserError) -> UserError:
    return UserError(f"{place}: {error}") if place else error
