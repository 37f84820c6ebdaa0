"""What the numbers say, in sentences."""

from collections.abc import Mapping
from typing import Any

from generalization_difficulty.numbers import scientific


def answer(summary: Mapping[str, Any]) -> list[str]:
    """Return the report's sentences: easiest and hardest task, and how the expected orders came out."""
    names = {name: summary["log2_bits"][name] for name in summary["tasks"]}
    sentences = []
    if len(names) > 1:
        easiest, hardest = min(names, key=names.__getitem__), max(names, key=names.__getitem__)
        sentences.append(
            f"Easiest is {easiest} with {scientific(names[easiest], 2)} bits, hardest {hardest} with "
            f"{scientific(names[hardest], 2)} bits."
        )
    elif names:
        ((name, value),) = names.items()
        sentences.append(f"{name} asks for {scientific(value, 2)} bits.")
    for order in summary["orders"]:
        told = {True: "holds", False: "does not hold", None: "can't be told"}[order["holds"]]
        values = ", ".join(
            f"{name} {'not done' if value is None else scientific(value, 2)}"
            for name, value in zip(order["tasks"], order["log2_bits"], strict=True)
        )
        sentences.append(f"Expected order {order['title']} {told}: {values} (bits).")
    for name, entry in summary["measured"].items():
        true, found = entry["true_dimension"], entry["m_estimate"]
        if true is None and found["mean"] is not None:
            within = f" ± {found['sd']:.2g} over seeds" if found["sd"] is not None else ""
            sentences.append(f"{name}: intrinsic dimension {found['mean']:.3g}{within}.")
        if entry["duplicates"]["high"]:
            sentences.append(
                f"{name}: up to {entry['duplicates']['high']:.0f} pairs of equal points have different "
                "labels; they are left out of the resolution."
            )
    return sentences
