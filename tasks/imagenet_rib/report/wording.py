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


def best_trade(rows: Sequence[Row]) -> str:
    """Say which method trades best and by how much, without a full stop.

    Args:
        rows: the best trade-off first.
    """
    best, *others = rows
    beside = next((row for row in rows if row["method"] == BASELINE), None)
    if not others:
        return f"{shown(best)} {told(best)}{_if_nothing(best)}"
    if beside is best and verdict(others[0]["total_minus_ft"]) != "below":
        text = f"{shown(best)} and {shown(others[0])} are not told apart {_BY}: {shown(best)} {told(best)}"
        text = f"{text}; {shown(others[0])} {told(others[0], short=True)}"
        return f"{text}{_if_nothing(best, others[0])}"
    if beside is None or beside is best:
        text = f"{_leads(best)}: it {told(best)}"
        return f"{text}; the next, {shown(others[0])}, {told(others[0], short=True)}"
    if verdict(best["total_minus_ft"]) == "above":
        text = f"{_leads(best)}: it {told(best)}"
        return f"{text}; plain fine-tuning ({shown(beside)}) {told(beside, short=True)}"
    text = f"No method has a clearly better trade-off {_BY} than plain fine-tuning ({shown(beside)}), which"
    text = f"{text} {told(beside)}; {shown(best)}, which has the largest sum, {told(best, short=True)}"
    return f"{text}{_if_nothing(beside, best)}"


def _leads(best: Row) -> str:
    """Say that a method is best, and where the model before fine-tuning may be as good."""
    if not _if_nothing(best):
        return f"{shown(best)} has the best trade-off {_BY}"
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
