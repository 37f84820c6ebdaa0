"""How gains and losses are told in words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gridcell.plots import interval
from gridcell.report import marked
from imagenet_rib.report.estimates import verdict
from imagenet_rib.vocabulary import BASELINE

Row = Mapping[str, Any]
"""A method with its estimates ``gain``, ``mRI`` and, but for the baseline, ``total_minus_ft``."""

TRAINED_ON = " (training images included)"
"""Of a gain: it is measured on all images of the set that was fine-tuned on.

With ``training.validation_share`` or ``training.max_images`` some of these were not trained on.
"""

ROUNDING = 1e-9
"""Points by which sums of equal numbers may differ."""

_NOTHING = 0.05  # points: less is 0.0 in the tables
_BY = "(by gain + change elsewhere)"
_NAMED = 3  # of the methods that are not told apart from the baseline


def best_trade(rows: Sequence[Row]) -> str:
    """Say which method trades best, by how much, and whether it is told apart, without a full stop.

    Intervals are of differences from the baseline alone. So nothing is said of whether a method that leads
    differs from the next one.

    Args:
        rows: the best trade-off first: the largest sum of gain and change elsewhere.
    """
    best, *others = rows
    beside = next((row for row in rows if row["method"] == BASELINE), None)
    if not others:
        return f"{shown(best)} {told(best)}{_if_nothing(best)}"
    first = _as_large(best, rows)
    if beside is None:
        text = f"{_leads(first)}: {_they(first)} {told(best)}"
        later = [row for row in rows if row not in first][:1]
        return "; ".join([text, *(f"the next, {shown(row)}, {told(row, short=True)}" for row in later)])
    if beside in first:
        return _of_baseline(beside, [row for row in rows if row is not beside])
    clear = [row for row in rows if row is not beside and verdict(row["total_minus_ft"]) == "above"]
    sure = [row for row in first if row in clear]
    if sure:
        how = f"clearly above plain fine-tuning ({shown(beside)})"
        how = how if len(sure) == len(first) else f"{_names(sure)} {how}"
        text = f"{_leads(first, how)}: {_they(first)} {told(best)}"
        return f"{text}; {shown(beside)} {told(beside, short=True)}"
    has = "has the largest sum" if len(first) == 1 else "have the same, largest sum"
    largest = f"{_names(first)}, which {has},"
    if clear:
        better = _as_large(clear[0], clear)
        text = (
            f"{_names(better)} {_are(better)} clearly better than plain fine-tuning ({shown(beside)}) {_BY}:"
        )
        text = f"{text} {_they(better)} {told(clear[0])}, {shown(beside)} {told(beside, short=True)}"
        return f"{text}; {largest} {_are(first)} not told apart from {shown(beside)}"
    text = f"No method is clearly better than plain fine-tuning ({shown(beside)}) {_BY}, which"
    each = "" if len(first) == 1 else f" {_they(first)}"
    text = f"{text} {told(beside)}; {largest}{each} {told(best, short=True)}"
    return f"{text}{_if_nothing(beside, best)}"


def _of_baseline(best: Row, others: Sequence[Row]) -> str:
    """Say that the baseline leads, and which methods are not told apart from it."""
    alike = [row for row in others if verdict(row["total_minus_ft"]) != "below"]
    if not alike:
        text = f"{_leads([best], 'clearly above all others')}: it {told(best)}"
        return f"{text}; the next, {shown(others[0])}, {told(others[0], short=True)}"
    names = [shown(row) for row in (best, *alike[:_NAMED])]
    names += [f"{len(alike) - _NAMED} more"] if len(alike) > _NAMED else []
    text = f"{listed(names)} are not told apart {_BY}"
    text = f"{text}: {shown(best)} {told(best)}; {shown(alike[0])} {told(alike[0], short=True)}"
    return f"{text}{_if_nothing(best, alike[0])}"


def _leads(first: Sequence[Row], how: str = "") -> str:
    """Say which methods have the largest sum, and where the model before fine-tuning may be as good."""
    several = len(first) > 1
    if not _if_nothing(first[0]):
        has = "have the same, largest" if several else "has the largest"
        return f"{_names(first)} {has} gain + change elsewhere{f', {how}' if how else ''}"
    ahead, whose = ("equally far ahead", "their") if several else ("ahead", "its")
    return (
        f"{_names(first)} {_are(first)} {ahead} {_BY}, but not told apart from no fine-tuning "
        f"({whose} intervals hold 0)"
    )


def _as_large(best: Row, rows: Sequence[Row]) -> list[Row]:
    """Return the rows whose sum is that of one of them, but for rounding of floating-point numbers."""
    return [row for row in rows if math.isclose(_sum(row), _sum(best), rel_tol=0, abs_tol=ROUNDING)]


def _sum(row: Row) -> float:
    return float(row["gain"]["mean"] + row["mRI"]["mean"])


def _names(rows: Sequence[Row]) -> str:
    return listed([shown(row) for row in rows])


def _are(rows: Sequence[Row]) -> str:
    return "is" if len(rows) == 1 else "are"


def _they(rows: Sequence[Row]) -> str:
    """Return what says the numbers of the first row are: all of them, where they share these, or itself."""
    if len(rows) == 1:
        return "it"
    alike = all(math.isclose(row["gain"]["mean"], rows[0]["gain"]["mean"], abs_tol=ROUNDING) for row in rows)
    return "each" if alike else shown(rows[0])


def listed(names: Sequence[str]) -> str:
    """Join names as a sentence does.

    Example:
        >>> listed(["ft", "lp", "ewc"]), listed(["ft"])
        ('ft, lp and ewc', 'ft')
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _if_nothing(*rows: Row) -> str:
    """Say that no change of these rows is shown, if all their intervals hold zero."""
    changes = [row[key] for row in rows for key in ("gain", "mRI")]
    return " (all intervals hold 0: no change is shown)" if {*map(verdict, changes)} == {"either"} else ""


def ends(estimate: Mapping[str, Any], decimals: int = 1) -> str:
    """Write the ends of an estimate's interval; nothing where it has none.

    A bootstrap of images that all change alike, or not at all, has no width: that is no interval.
    """
    if not estimate["ci95"]:
        return ""
    low, high = estimate["ci95"]
    if low != high:
        return interval(low, high, decimals)
    return "(no change)" if low == 0 else "(all alike)"


def shown(row: Row) -> str:
    """Return a row's method, marked where its numbers rest on stale results."""
    return marked(row["method"], "stale" in row["mRI"])


def told(row: Row, *, short: bool = False) -> str:
    """Say what a method gains on the set fine-tuned on and changes elsewhere."""
    gain, elsewhere = row["gain"]["mean"], row["mRI"]["mean"]
    trained_on = "" if short else TRAINED_ON
    if max(abs(gain), abs(elsewhere)) < _NOTHING:
        return f"changes nothing on the set fine-tuned on{trained_on} or elsewhere"
    both = abs(gain) >= _NOTHING and abs(elsewhere) >= _NOTHING
    one_verb = both and (gain > 0) == (elsewhere > 0)
    second = f"{abs(elsewhere):.1f}" if one_verb else change(elsewhere, points=False)
    if short and both:
        return f"{change(gain, points=False)} and {second}"
    return f"{change(gain)} on the set fine-tuned on{trained_on} and {second} elsewhere"


def change(value: float, *, points: bool = True) -> str:
    """Say by how much an accuracy rises or falls."""
    if abs(value) < _NOTHING:
        return "changes nothing"
    unit = (" point" if f"{abs(value):.1f}" == "1.0" else " points") if points else ""
    return f"{'gains' if value > 0 else 'loses'} {abs(value):.1f}{unit}"
