"""Every evaluated set of every evaluation as one row of a CSV file."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gridcell.report import STALE, write_csv
from imagenet_rib.report.evaluations import Evaluation, in_order
from imagenet_rib.vocabulary import PRE, VAL

COLUMNS = (
    "model",
    "method",
    "downstream",
    "seed",
    "variant",
    "set",
    "n",
    "correct",
    "accuracy",
    "pre_accuracy",
    "difference",
    "seconds",
    "cell",
)


def write_cells(evaluations: Iterable[Evaluation], path: Path) -> None:
    """Write one row per evaluation and evaluated set, in a fixed order.

    ``accuracy`` and ``pre_accuracy`` are in percent, ``difference`` in percentage points, ``seconds`` those
    of the whole evaluation; what is not known is left empty. With groups, ``accuracy`` is the mean over them
    and therefore not ``correct / n``. ``variant`` is WiSE-FT's alpha, and of another method that has variants
    all that tells one from the others, e.g. ``p=2 q=0.5``. ``cell`` is the id of the cell that answered.
    """
    write_csv([*COLUMNS, STALE], _rows(in_order(evaluations)), path)


def _rows(ordered: Sequence[Evaluation]) -> Iterator[list[Any]]:
    before = {e.model: e.accuracy for e in ordered if e.method == PRE}
    for e in ordered:
        for name in sorted(e.correct, key=lambda name: (name == VAL, name)):
            percent, pre = e.accuracy[name], before.get(e.model, {}).get(name)
            yield [
                *(e.model, e.method, e.downstream, e.seed, _variant(e), name),
                *(e.size(name), e.right(name), round(percent, 6)),
                None if pre is None else round(pre, 6),
                None if pre is None else round(percent - pre, 6),
                round(e.seconds, 3),
                e.cell,
                e.stale,
            ]


def _variant(e: Evaluation) -> float | str | None:
    if e.alpha is not None or e.variant is None:
        return e.alpha
    return " ".join(f"{name}={value:g}" for name, value in e.variant.items())
