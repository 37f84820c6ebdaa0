"""What the numbers say, in sentences that claim what their ranges allow and no more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generalization_difficulty.report.along import sentences_along
from generalization_difficulty.report.numbers import dimension, named, scientific
from generalization_difficulty.report.summary import below
from generalization_difficulty.report.uncertainty import range_of, reported_within, resolution_of, warnings_of


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """Return the report's sentences: what they say of all tasks, then of each."""
    return [*overall(summary), *of_each(summary)]


def overall(summary: Mapping[str, Any]) -> list[str]:
    """Name the easiest and hardest task, and say how the expected orders came out."""
    return [*told_ends(summary), *told_orders(summary), *sentences_along(summary)]


def of_each(summary: Mapping[str, Any]) -> list[str]:
    """Say of each measured task how sure its number is, and what of its data deserves a second look."""
    said = []
    for task, entry in summary["measured"].items():
        name = named(summary, task)
        if summary["ranges"][task] is None:
            said.append(f"{name}: {_why_no_range(entry)}.")
        elif entry.get("contributions") is not None:
            said.append(range_of(name, summary["ranges"][task], entry))
            said += reported_within(name, entry)
        said += resolution_of(name, entry) + warnings_of(name, entry)
        if _is_estimated(entry):
            said.append(f"{name}: intrinsic dimension {dimension(entry, 3)}.")
        if entry["duplicates"]["high"]:
            said.append(
                f"{name}: up to {entry['duplicates']['high']:.0f} pairs of equal points have different "
                "labels; they are left out of the resolution."
            )
    if any(_is_estimated(entry) for entry in summary["measured"].values()):
        said.append(_OF_BIAS)
    return said


_OF_BIAS = (
    "No range holds the bias of an estimated dimension, which is too low where points are few or dimensions "
    "many: of 2,000 points on spheres 10 is read as 9.2, and 20 as 16.4."
)
"""Figures of the table in the documentation's page on this task."""


def _is_estimated(entry: Mapping[str, Any]) -> bool:
    return entry["true_dimension"] is None and entry["m_estimate"]["mean"] is not None


@dataclass(frozen=True)
class Ends:
    """The tasks at both ends, by their medians.

    Attributes:
        easiest: of the least median.
        hardest: of the greatest.
        as_easy: it, and the tasks whose ranges are not known to be apart from its own, in the suite's order.
        as_hard: likewise of the hardest.
    """

    easiest: str
    hardest: str
    as_easy: Sequence[str]
    as_hard: Sequence[str]


def ends_of(summary: Mapping[str, Any]) -> Ends:
    """Return the easiest and the hardest of the tasks that are done, with those that may be so as well."""
    names = {name: summary["log2_bits"][name] for name in summary["tasks"]}
    ranges = summary["ranges"]
    easiest, hardest = min(names, key=names.__getitem__), max(names, key=names.__getitem__)
    return Ends(
        easiest,
        hardest,
        [name for name in names if below(ranges[easiest], ranges[name]) is not True],
        [name for name in names if below(ranges[name], ranges[hardest]) is not True],
    )


def told_ends(summary: Mapping[str, Any]) -> list[str]:
    """Name the easiest and the hardest task, as far as their ranges tell."""
    names = {name: summary["log2_bits"][name] for name in summary["tasks"]}
    if len(names) > 1:
        found = ends_of(summary)
        shown = {named(summary, name): value for name, value in names.items()}
        ranges = {named(summary, name): summary["ranges"][name] for name in names}
        easiest, hardest = named(summary, found.easiest), named(summary, found.hardest)
        as_easy, as_hard = (
            [named(summary, name) for name in near] for near in (found.as_easy, found.as_hard)
        )
        return [
            _end("easiest", easiest, as_easy, shown, ranges),
            _end("hardest", hardest, as_hard, shown, ranges),
        ]
    return [f"{named(summary, name)} asks for {scientific(value, 2)} bits." for name, value in names.items()]


def told_orders(summary: Mapping[str, Any]) -> list[str]:
    """Say of each expected order whether it holds."""
    said = []
    for order in summary["orders"]:
        told = {True: "holds", False: "does not hold", None: "can't be told"}[order["holds"]]
        values = ", ".join(
            f"{named(summary, name)} {'not done' if value is None else scientific(value, 2)}"
            for name, value in zip(order["tasks"], order["log2_bits"], strict=True)
        )
        said.append(f"Expected order {order['title']} {told}: {values} (bits).")
    return said


def _end(
    which: str,
    name: str,
    near: Sequence[str],
    log2_bits: Mapping[str, float],
    ranges: Mapping[str, Sequence[float | None] | None],
) -> str:
    """Name the task at one end, or those whose ranges over seeds are not known to be apart from it.

    Args:
        which: easiest or hardest.
        name: the task of least or greatest median.
        near: it, and the tasks whose ranges are not known to be apart from its own.
        log2_bits: of each task.
        ranges: of each task, None where it is not known.
    """
    if len(near) == 1:
        return f"{which.capitalize()} is {name} with {scientific(log2_bits[name], 2)} bits."
    unknown = [one for one in near if ranges[one] is None]
    if not unknown:
        return f"Which is {which} can't be told: the ranges over seeds of {', '.join(near)} are not apart."
    return (
        f"Which of {', '.join(near)} is {which} can't be told: "
        f"no range over seeds is known for {', '.join(unknown)}."
    )


def _why_no_range(entry: Mapping[str, Any]) -> str:
    """Say why the seeds of a measured task show no range."""
    if len(entry["seeds"]) == 1:
        return "one seed says nothing about the spread"
    # No point is searched for neighbours where the dimension is given.
    if entry["delta_points"] == entry["n"] and entry["m_points"] in (0, entry["n"]):
        return "every seed saw all points, so seeds say nothing about the spread"
    return "all seeds give one value, which says nothing about the spread"
