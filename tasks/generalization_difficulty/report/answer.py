"""The first answer: which task asks for most, and how sure that is."""

import math
from collections.abc import Mapping
from typing import Any

from generalization_difficulty.report.along import sentences_along
from generalization_difficulty.report.numbers import log10, named, power, scientific
from generalization_difficulty.report.sentences import Ends, ends_of, told_ends, told_orders
from gridcell.report import Answer

_FEW = 3  # sentences below the first


def answer(summary: Mapping[str, Any], published: Mapping[str, float]) -> Answer:
    """Say which task is hardest and by how much, with what its range and the published values say."""
    bits = {name: summary["log2_bits"][name] for name in summary["tasks"]}
    along = sentences_along(summary)
    if not bits:
        first = along[0] if along else "Nothing that this suite asks for is done yet."
        return Answer(first, along[1:_FEW])
    if len(bits) == 1:
        (hardest,) = bits
        text = f"To generalize on {named(summary, hardest)} takes {scientific(bits[hardest], 2)} bits."
    else:
        ends = ends_of(summary)
        hardest = ends.hardest
        text = _hardest(summary, ends, bits)
    sure = [sentence for sentence in told_ends(summary) if "can't be told" in sentence]
    ranges = summary["ranges"].get(hardest)
    if hardest not in summary["measured"]:
        sure.append(f"The ingredients of {named(summary, hardest)} are given, so its number is exact.")
    elif ranges is not None and None not in ranges:
        low, high = (scientific(end, 1) for end in ranges)
        sure.append(
            f"{named(summary, hardest)}: {low} to {high} bits, by what is uncertain in its ingredients."
        )
    else:
        sure.append(f"{named(summary, hardest)}: no range is known; more seeds would tell one.")
    compared = {
        name: 2 ** (math.log2(value) - bits[name]) for name, value in published.items() if name in bits
    }
    if compared:
        worst = max(abs(ratio - 1) for ratio in compared.values())
        sure.append(f"Of {len(compared)} published values ours differ by {100 * worst:.2g} % at most.")
    return Answer(text, [*sure, *told_orders(summary), *along][: _FEW + 1])


def _hardest(summary: Mapping[str, Any], ends: Ends, bits: Mapping[str, float]) -> str:
    """Say which task is hardest, or may be, and how far the ends are apart."""
    hardest, easiest = named(summary, ends.hardest), named(summary, ends.easiest)
    times = log10(bits[ends.hardest] - bits[ends.easiest])
    factor = f"{10**times:,.0f}" if times < 4 else power(round(times))
    least = f"({scientific(bits[ends.easiest], 1)})"
    low = (
        f"the easiest {least}"
        if len(ends.as_easy) == 1
        else f"one of the {len(ends.as_easy)} easiest {least}"
    )
    takes = f"takes {scientific(bits[ends.hardest], 1)} bits, {factor} times as many as {easiest}, {low}."
    if len(ends.as_hard) == 1:
        return f"{hardest} is the hardest: it {takes}"
    if len(ends.as_hard) <= _FEW:
        several = " or ".join(named(summary, name) for name in ends.as_hard)
        return f"{several} is the hardest: {hardest} {takes}"
    several = f"Which of {len(ends.as_hard)} tasks is the hardest can't be told"
    return f"{several}: by its median {hardest} {takes}"
