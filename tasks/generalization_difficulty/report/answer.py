"""The first answer: which task asks for most, and how sure that is."""

import math
from collections.abc import Mapping
from typing import Any

from generalization_difficulty.report.along import sentences_along
from generalization_difficulty.report.numbers import log10, power, scientific
from generalization_difficulty.report.sentences import told_ends, told_orders
from gridcell.report import Answer

_FEW = 3  # sentences below the first


def answer(summary: Mapping[str, Any], published: Mapping[str, float]) -> Answer:
    """Say which task is hardest and by how much, with what its range and the published values say."""
    bits = {name: summary["log2_bits"][name] for name in summary["tasks"]}
    along = sentences_along(summary)
    if not bits:
        first = along[0] if along else "Nothing that this suite asks for is done yet."
        return Answer(first, along[1:_FEW])
    easiest, hardest = min(bits, key=bits.__getitem__), max(bits, key=bits.__getitem__)
    if len(bits) == 1:
        text = f"To generalize on {hardest} takes {scientific(bits[hardest], 2)} bits."
    else:
        times = log10(bits[hardest] - bits[easiest])
        factor = f"{10**times:,.0f}" if times < 4 else power(round(times))
        text = (
            f"{hardest} is the hardest: it takes {scientific(bits[hardest], 1)} bits, {factor} times as many "
            f"as {easiest}, the easiest ({scientific(bits[easiest], 1)})."
        )
    sure = [sentence for sentence in told_ends(summary) if "can't be told" in sentence]
    ranges = summary["ranges"].get(hardest)
    if hardest not in summary["measured"]:
        sure.append(f"The ingredients of {hardest} are given, so its number is exact.")
    elif ranges is not None and None not in ranges:
        low, high = (scientific(end, 1) for end in ranges)
        sure.append(f"{hardest}: {low} to {high} bits, by what is uncertain in its ingredients.")
    else:
        sure.append(f"{hardest}: no range is known; more seeds would tell one.")
    compared = {
        name: 2 ** (math.log2(value) - bits[name]) for name, value in published.items() if name in bits
    }
    if compared:
        worst = max(abs(ratio - 1) for ratio in compared.values())
        sure.append(f"Of {len(compared)} published values ours differ by {100 * worst:.2g} % at most.")
    return Answer(text, [*sure, *told_orders(summary), *along][: _FEW + 1])
