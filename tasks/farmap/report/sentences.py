"""What the numbers say, in sentences that claim what the intervals allow and no more."""

from collections.abc import Mapping
from typing import Any

from farmap.report.summary import FEWEST_MAPS, named

_CLAIMS: tuple[tuple[str, str, str, int, float], ...] = (
    ("early_coverage", "mean coverage over the first {early_steps:,} steps", "points", 1, 1.0),
    ("steps_to_95", "steps to 95 %", "", 1, 1.0),
    ("seconds_per_step", "time per step", "µs", 1, 1e6),
    ("mean_memory", "active memory", "cells", 0, 1.0),
)
"""Measure, its name, unit, decimals and the factor that brings it to that unit.

``{early_steps}`` is to be filled in.
"""


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """Return how the two compared agents differ, a sentence per size of map, and what of it needs a word."""
    differences = [
        f"{' against '.join(named(summary, size, pair[key]) for key in ('first', 'second'))} on "
        f"{_maps(pair['coverage']['n'], size)}: "
        + "; ".join(
            _claim(pair, measure, what.format(early_steps=summary["early_steps"]), unit, digits, factor)
            for measure, what, unit, digits, factor in _CLAIMS
        )
        + "."
        for size, pair in summary["paired"].items()
        if pair["runs"]
    ]
    return [*differences, *filter(None, (ended_early(summary, size) for size in summary["sizes"]))]


def ended_early(summary: Mapping[str, Any], size: str) -> str:
    """Say how many runs ended before the steps of early coverage, and how they count; "" where none did."""
    told = []
    for agent, group in summary["sizes"][size].items():
        count, gave_up = sum(group["ended_early"].values()), group["ended_early"]["bound"]
        if count:
            why = f" ({gave_up} gave up)" if gave_up else ""
            told.append(f"{count} of {group['runs']} runs of {named(summary, size, agent)}{why}")
    if not told:
        return ""
    return (
        f"Early coverage on {size} maps: {', '.join(told)} ended before step {summary['early_steps']:,}: "
        "from their end on they count with the coverage that they ended with."
    )


def _maps(count: int, size: str) -> str:
    shown = f"one {size} map" if count == 1 else f"{count} {size} maps"
    return f"{shown} ({no_interval(count)})" if count < FEWEST_MAPS else shown


def no_interval(maps: int) -> str:
    """Say why so few maps give no interval; starts on one map are no sample of maps.

    Example:
        >>> no_interval(1)
        'one map gives no interval, whatever the number of starts on it: it takes 6 maps'
    """
    if maps == 1:
        return f"one map gives no interval, whatever the number of starts on it: it takes {FEWEST_MAPS} maps"
    return f"fewer than {FEWEST_MAPS} maps: no intervals and no test"


def not_compared(pair: Mapping[str, Any], measure: str) -> str:
    """Say why a threshold of coverage is not compared; "" for a measure that is."""
    if "mean" in pair[measure]:
        return ""
    first, second = (f"{100 * share:.3g} %" for share in pair[measure]["reached"])
    return f"not compared: reached by {first} of {pair['first']}'s runs and {second} of {pair['second']}'s"


def _claim(pair: Mapping[str, Any], measure: str, what: str, unit: str, digits: int, factor: float) -> str:
    if why := not_compared(pair, measure):
        return f"{what} {why}"
    found = pair[measure]

    def signed(value: float) -> str:
        return f"{factor * value:+,.{digits}f}".replace("-", "−")

    text = " ".join(filter(None, [what, signed(found["mean"]), unit]))
    low, high = found["ci95"]
    if low is None:
        return text
    unsure = "" if low > 0 or high < 0 else ", no difference beyond chance"
    return f"{text} [{signed(low)}, {signed(high)}]{unsure}"
