"""How difficulties are written: they run over hundreds of powers of ten."""

import math
from collections.abc import Mapping
from typing import Any

from generalization_difficulty.report.summary import ROUNDING
from gridcell.report import marked

_RAISED = str.maketrans("+-0123456789", "⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def named(summary: Mapping[str, Any], name: str) -> str:
    """Return the name of a task as it is shown: marked where it rests on a stale result."""
    return marked(name, name in summary.get("stale", ()))


def log10(log2: float) -> float:
    """Return a base-2 logarithm to base 10."""
    return log2 * math.log10(2)


def scientific(log2: float, digits: int = 4) -> str:
    """Write 2^log2 with ``digits`` decimals, e.g. ``1.4848 × 10¹⁶``."""
    exponent = math.floor(log10(log2))
    mantissa = f"{10 ** (log10(log2) - exponent):.{digits}f}"
    if mantissa.startswith("10."):  # 9.99996 rounds up
        mantissa, exponent = f"{1:.{digits}f}", exponent + 1
    return f"{mantissa} × {power(exponent)}"


def power(exponent: int) -> str:
    """Write a power of ten, e.g. ``10¹⁶``."""
    return f"10{str(exponent).translate(_RAISED)}"


def plain(value: float, digits: int = 5) -> str:
    """Write an ingredient: integers in full up to a billion, others with ``digits`` digits at most."""
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}" if abs(value) < 10**9 else scientific(math.log2(value), 1)
    return f"{value:.{digits}g}"


def spread(entry: Mapping[str, Any], digits: int = 4) -> str:
    """Write a summary's spread as mean ± standard deviation over seeds; the mean alone where seeds agree."""
    if entry["mean"] is None:
        return "–"
    return f"{entry['mean']:.{digits}g}" + (f" ± {entry['sd']:.2g}" if _varies(entry) else "")


def dimension(entry: Mapping[str, Any], digits: int = 4) -> str:
    """Write the intrinsic dimension of a summary's measured task with what makes it uncertain.

    That is the standard deviation over seeds where they draw other points; seeds that all take every point
    agree, and one seed has no other: there it is the estimate's own standard error.
    """
    estimate = entry["m_estimate"]
    if estimate["mean"] is None:
        return "–"
    if _varies(estimate):
        return f"{spread(estimate, digits)} over seeds"
    error = entry["m_error"]["mean"]
    return f"{estimate['mean']:.{digits}g} ± {error:.2g} (standard error)"


def _varies(entry: Mapping[str, Any]) -> bool:
    return entry["sd"] is not None and entry["sd"] > ROUNDING * abs(entry["mean"])
