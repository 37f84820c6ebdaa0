"""What is said of a measured task's uncertainty, its resolution, and data that deserve a second look."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from generalization_difficulty.report.numbers import plain, scientific

FAR = 10.0
"""How many times farther from the origin than they spread points are, before it is said."""

FEWER = 10.0
"""How many times fewer the bits are from the points' mean, before it is said."""

TIED = 0.1
"""Share of points whose nearest neighbours are all equally far, from which it is said.

Uniform points of three dimensions, rounded to 32, 16 and 8 steps a side, have 0.3, 11 and 84 % of them, and m
is estimated as 3.2, 4.5 and 19.
"""


def of_seed(entry: Mapping[str, Any], key: str) -> Any:
    """Return an ingredient at the seed whose details are told, where each seed has it; else its mean."""
    values = entry[key]["values"]
    if len(values) != len(entry["seeds"]):
        return entry[key]["mean"]
    return values[entry["seeds"].index(entry["of_seed"])]


def which_seed(entry: Mapping[str, Any]) -> str:
    """Say of which seed details are; empty where there is one.

    Example:
        >>> which_seed({"seeds": [0, 1, 2], "of_seed": 1})
        ' (seed 1, that of median bits)'
    """
    return f" (seed {entry['of_seed']}, that of median bits)" if len(entry["seeds"]) > 1 else ""


def range_of(name: str, ends: Sequence[float | None], entry: Mapping[str, Any]) -> str:
    """Say between which bits a difficulty lies and what each source of uncertainty does alone."""
    contributions = entry["contributions"]
    if not contributions:
        return f"{name}: its ingredients are exact or given, so the bits have no range."
    parts = ", ".join(
        f"{item['source']} {_ends(item['log2_bits'])} ({_symbol(item['source'])} {plain(item['low'], 4)} to "
        f"{plain(item['high'], 4)})"
        for item in contributions
    )
    return f"{name}: {_ends(ends)}; each source alone{which_seed(entry)}: {parts}."


def reported_within(name: str, entry: Mapping[str, Any]) -> list[str]:
    """Say that the ranges of single sources of m reach to the reported value, where their own m do not.

    A source's bits are stored together with those at the whole m that was reported: 4.67 is rounded to 5, and
    an error of m of 4.57 to 4.77 alone does not reach the bits at 5.
    """
    sources = [one for one in entry["contributions"] if _symbol(one["source"]) == "m"]
    if not sources:
        return []
    m, estimate = of_seed(entry, "m"), of_seed(entry, "m_estimate")
    if m is None or all(one["low"] <= m <= one["high"] for one in sources):
        return []
    return [
        f"{name}: the range of each source of m includes the reported bits{which_seed(entry)}, which are at "
        f"m {plain(m, 4)}: the estimate {plain(estimate, 4)}, rounded."
    ]


def resolution_of(name: str, entry: Mapping[str, Any]) -> list[str]:
    """Say how delta was found and what that leaves open."""
    way, delta, seed = entry["resolution"], of_seed(entry, "delta"), which_seed(entry)
    if way == "exact":
        pair = entry["delta_pair"]
        where = f" (points {pair[0]} and {pair[1]})" if pair and len(entry["seeds"]) == 1 else ""
        return [
            f"{name}: delta {plain(delta, 4)}{seed} is the least distance between classes of all "
            f"points{where}."
        ]
    if way == "evt":
        low, high = of_seed(entry, "delta_low"), of_seed(entry, "delta_high")
        return [
            f"{name}: delta {plain(delta, 4)} [{plain(low, 4)}, {plain(high, 4)}]{seed} is extrapolated from "
            f"{entry['delta_pairs']:,} random pairs (95 % interval; near copies among the other pairs, which "
            "no extrapolation sees, would make it smaller)."
        ]
    if way == "sample" and entry["delta_points"] < entry["n"]:
        return [
            f"{name}: delta {plain(delta, 4)}{seed} is that of {entry['delta_points']:,} of {entry['n']:,} "
            "points; of all points it is smaller or equal, so the bits are a lower bound."
        ]
    return []


def warnings_of(name: str, entry: Mapping[str, Any]) -> list[str]:
    """Say where the data are not what the formula has in mind."""
    said = []
    far, spread = entry["mean_norm"], entry["spread"]
    if far is not None and spread is not None and entry["centre"] == "origin":
        if far > FAR * spread:
            said.append(
                f"{name}: the points lie {plain(far / spread, 2) if spread else 'infinitely'} times farther "
                "from the origin than they spread, and R, so the bits, grows with that: set "
                "estimation.centre to mean where the origin means nothing."
            )
        else:
            said += _of_origin(name, entry)
    if (entry["m_tied"] or 0) > TIED:  # None of results of before it was counted
        said.append(
            f"{name}: the nearest neighbours of {entry['m_tied']:.0%} of the points are all equally far, as "
            "on a lattice of whole numbers: m is likely too large."
        )
    if entry["copies"]:
        said.append(f"{name}: {entry['copies']:,} points equal others; equal points are one neighbour.")
    return said


def _of_origin(name: str, entry: Mapping[str, Any]) -> list[str]:
    """Say that the bits hang on where the origin is: they grow like R to the power of m.

    How far from the mean the farthest point lies is not known. It is some sqrt(R^2 - |mean|^2) where it
    lies at a right angle to the mean, as in many dimensions it does, and nearer in few.
    """
    radius, far = entry["radius"]["mean"], entry["mean_norm"]
    if not radius:
        return []
    share = far / radius  # squares of R may leave what a float holds
    left = max(math.sqrt(max((1 - share) * (1 + share), 0.0)), entry["spread"] / radius)
    if not left or -entry["m"]["mean"] * math.log2(left) < math.log2(FEWER):
        return []
    return [
        f"{name}: R is measured from the origin, as published, and the points' mean lies {plain(far, 3)} "
        f"from it, where they spread {plain(entry['spread'], 3)}. From their mean R is smaller and the bits "
        f"are fewer by more than a factor of {FEWER:g}, which the range leaves out: set estimation.centre to "
        "mean where the origin means nothing."
    ]


def _ends(ends: Sequence[float | None]) -> str:
    """Write a range of log2 of the bits as bits."""
    low, high = ends
    if low is None:
        return "unknown" if high is None else f"up to {scientific(high, 1)} bits, or there is no difficulty"
    if high is None:
        return f"{scientific(low, 1)} bits or more"
    return f"{scientific(low, 1)} to {scientific(high, 1)} bits"


def _symbol(source: str) -> str:
    return "delta" if source == "delta" else "m"
