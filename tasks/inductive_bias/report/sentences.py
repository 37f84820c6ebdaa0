"""What the numbers say, in sentences that claim what the intervals allow and no more."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from gridcell.report import DAGGER, marked
from inductive_bias.report.places import named

UNSUITED = 2.0
"""Times the constant prediction's error that a space's hypotheses have on average, from which it is said."""


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """Return the answers to the three questions: dimension, networks against kernels, architectures."""
    mixed = [d for d in summary["spaces"] if d["kinds"] == "kernel and network"]
    networks = [d for d in summary["spaces"] if d["kinds"] == "networks"]
    said = [_dimension(d) for d in summary["dimensions"]]
    said += _tally(mixed, "Kernel against network")
    said += _tally(networks, "Network against network")
    return [*said, *unsuited(summary)]


def unsuited(summary: Mapping[str, Any]) -> list[str]:
    """Name spaces whose hypotheses err far more than the constant prediction: their bits tell of that.

    Errors are relative to the constant prediction's, unless the suite's ``error_unit`` is another.
    """
    if summary.get("unit") != "relative":
        return []
    said = []
    for row in summary["compared"]:
        place = ("problem", "space", "n_train", "dimension")
        errors = [
            point["mean_error"]
            for point in summary["points"]
            if point["mean_error"] is not None and all(point[key] == row[key] for key in place)
        ]
        if errors and fmean(errors) > UNSUITED:
            said.append(
                f"{named(row)}, {marked(row['space'], 'stale' in row)}: hypotheses that fit have on average "
                f"{fmean(errors):.3g} times the error of the constant prediction. So many bits say that this "
                "space does not suit the data, and not how hard they are: try noise, or bandwidth and "
                "amplitude by evidence."
            )
    return said


def verdict(difference: Mapping[str, Any]) -> str:
    """Say where a difference's interval lies: above, below or on either side of zero; empty if unknown."""
    low, high = difference["ci95_bits"]
    if low is None or high is None:
        return ""
    return "above" if low > 0 else "below" if high < 0 else "either"


def fewer_seeds(row: Mapping[str, Any]) -> str:
    """Say over how many seeds a row is, ``k of n seeds``, where some are missing; empty where none is."""
    return f"{row['seeds']} of {row['planned']} seeds" if row["seeds"] < row["planned"] else ""


def some_seeds(rows: Iterable[Mapping[str, Any]]) -> str:
    """Say the same of several rows, ``k to l of n seeds``; empty where none lacks a seed."""
    counts = {(row["seeds"], row["planned"]) for row in rows}
    if all(seeds >= planned for seeds, planned in counts):
        return ""
    (low, planned), (high, _) = min(counts), max(counts)
    return f"{low} of {planned} seeds" if low == high else f"{low} to {high} of {planned} seeds"


def _dimension(d: Mapping[str, Any]) -> str:
    high, low = d["high"], d["low"]
    said = {
        "above": f"more information at dimension {high} than at {low}",
        "below": f"less information at dimension {high} than at {low}",
        "either": f"no difference beyond noise between dimensions {high} and {low}",
        "": f"one seed can't tell dimensions {high} and {low} apart",
    }
    return f"{d['axis']}, {marked(d['space'], 'stale' in d)}: {said[verdict(d)]} ({_bits(d)})."


def _bits(d: Mapping[str, Any]) -> str:
    low, high = d["ci95_bits"]
    ends = "" if low is None or high is None else f" [{_signed(low)}, {_signed(high)}]"
    seeds = fewer_seeds(d)
    return f"{_signed(d['bits'])}{ends} bits" + (f", {seeds}" if seeds else "")


def _signed(value: float) -> str:
    """Write a difference in three digits, or in full from a thousand on."""
    return (f"{value:+,.0f}" if abs(value) >= 1000 else f"{value:+.3g}").replace("-", "−")


def _tally(differences: Sequence[Mapping[str, Any]], title: str) -> list[str]:
    """Count pairs by verdict: how many of them need more, less, or can't be told apart."""
    if not differences:
        return []
    counts = {side: sum(verdict(d) == side for d in differences) for side in ("above", "below", "either", "")}
    first, second = ("kernel", "network") if title.startswith("Kernel") else ("first named", "second named")
    text = (
        f"{title}, {len(differences)} paired comparisons: the {first} needs more information in "
        f"{counts['above']}, the {second} in {counts['below']}; {counts['either']} can't be told apart"
    )
    if counts[""]:
        text += f", {counts['']} have no interval"
    seeds = some_seeds(differences)
    stale = sum("stale" in d for d in differences)
    text += f"; {stale} of them {DAGGER}" if stale else ""
    return [f"{text} ({seeds})." if seeds else f"{text}."]
