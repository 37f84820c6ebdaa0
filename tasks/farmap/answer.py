"""What the numbers say, in sentences that claim what the intervals allow and no more."""

from collections.abc import Mapping
from typing import Any

_CLAIMS = {
    "early_coverage": ("covers", "{:+.1f} percentage points in the first 1,000 steps", 1.0),
    "steps_to_95": ("needs to 95 %", "{:+,.0f} steps", 1.0),
    "seconds_per_step": ("takes per step", "{:+,.1f} µs", 1e6),
    "mean_memory": ("holds in use", "{:+,.0f} cells", 1.0),
}


def answer(summary: Mapping[str, Any]) -> list[str]:
    """Return how the two compared agents differ by size of map."""
    sentences = []
    for size, pair in summary["paired"].items():
        said = []
        for name, (verb, form, factor) in _CLAIMS.items():
            if name not in pair:
                continue
            low, high = pair[name]["ci95"]
            text = form.format(factor * pair[name]["mean"]).replace("-", "−")
            if low is None:
                said.append(f"{verb} {text} (one map: no interval)")
            else:
                ends = f"95 % interval {factor * low:+,.4g} to {factor * high:+,.4g}".replace("-", "−")
                known = "" if low > 0 or high < 0 else ", so no difference beyond chance"
                said.append(f"{verb} {text} ({ends}{known})")
        if said:
            sentences.append(
                f"On {size} maps {pair['first']}, compared with {pair['second']} on the same maps and starts, "
                + "; ".join(said)
                + "."
            )
    return sentences
