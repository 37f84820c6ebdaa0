"""What the numbers say, in sentences that claim what the intervals allow and no more."""

from collections.abc import Mapping, Sequence
from typing import Any


def answer(summary: Mapping[str, Any]) -> list[str]:
    """Return the answers to the three questions: dimension, networks against kernels, architectures."""
    if not summary["points"]:
        return ["Nothing has been estimated yet."]
    mixed = [d for d in summary["spaces"] if d["kinds"] == "kernel and network"]
    networks = [d for d in summary["spaces"] if d["kinds"] == "networks"]
    said = []
    for d in summary["dimensions"]:
        said.append(
            f"{d['axis']}, {d['space']}: {_verdict(d, 'more information', 'less information')} at "
            f"dimension {d['high']} than at {d['low']} ({_bits(d)})."
        )
    said += _tally(mixed, "Kernel against network")
    said += _tally(networks, "Network against network")
    return said


def verdict(difference: Mapping[str, Any]) -> str:
    """Say where a difference's interval lies: above, below or on either side of zero; empty if unknown."""
    low, high = difference["ci95"]
    if low is None or high is None:
        return ""
    return "above" if low > 0 else "below" if high < 0 else "either"


def _verdict(difference: Mapping[str, Any], more: str, less: str) -> str:
    words = {"above": more, "below": less, "either": "no difference beyond noise"}
    return words.get(verdict(difference), "no interval for the difference of information")


def _bits(d: Mapping[str, Any]) -> str:
    low, high = d["ci95"]
    ends = "" if low is None or high is None else f" [{low / _NAT:+.3g}, {high / _NAT:+.3g}]"
    return f"{d['bits']:+.3g}{ends} bits".replace("-", "−")


_NAT = 0.6931471805599453  # nats in a bit


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
    return [f"{text}."]
