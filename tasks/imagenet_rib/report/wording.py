"""How gains and losses are told in words."""

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
    if beside is None:
        text = f"{_leads(best)}: it {told(best)}"
        return f"{text}; the next, {shown(others[0])}, {told(others[0], short=True)}"
    if beside is best:
        return _of_baseline(best, others)
    clear = [row for row in rows if row is not beside and verdict(row["total_minus_ft"]) == "above"]
    if clear and clear[0] is best:
        text = f"{_leads(best, f'clearly above plain fine-tuning ({shown(beside)})')}: it {told(best)}"
        return f"{text}; {shown(beside)} {told(beside, short=True)}"
    if clear:
        text = f"{shown(clear[0])} is clearly better than plain fine-tuning ({shown(beside)}) {_BY}: it"
        text = f"{text} {told(clear[0])}, {shown(beside)} {told(beside, short=True)}"
        return f"{text}; {shown(best)}, which has the largest sum, is not told apart from {shown(beside)}"
    text = f"No method is clearly better than plain fine-tuning ({shown(beside)}) {_BY}, which"
    text = f"{text} {told(beside)}; {shown(best)}, which has the largest sum, {told(best, short=True)}"
    return f"{text}{_if_nothing(beside, best)}"


def _of_baseline(best: Row, others: Sequence[Row]) -> str:
    """Say that the baseline leads, and which methods are not told apart from it."""
    alike = [row for row in others if verdict(row["total_minus_ft"]) != "below"]
    if not alike:
        text = f"{_leads(best, 'clearly above all others')}: it {told(best)}"
        return f"{text}; the next, {shown(others[0])}, {told(others[0], short=True)}"
    names = [shown(row) for row in (best, *alike[:_NAMED])]
    names += [f"{len(alike) - _NAMED} more"] if len(alike) > _NAMED else []
    text = f"{', '.join(names[:-1])} and {names[-1]} are not told apart {_BY}"
    text = f"{text}: {shown(best)} {told(best)}; {shown(alike[0])} {told(alike[0], short=True)}"
    return f"{text}{_if_nothing(best, alike[0])}"


def _leads(best: Row, how: str = "") -> str:
    """Say that a method has the largest sum, and where the model before fine-tuning may be as good."""
    if not _if_nothing(best):
        return f"{shown(best)} has the largest gain + change elsewhere{f', {how}' if how else ''}"
    return f"{shown(best)} is ahead {_BY}, but not told apart from no fine-tuning (its intervals hold 0)"


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
