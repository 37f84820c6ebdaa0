"""The report's numbers as tables: mRI and gain of each method, RI and gain of each set fine-tuned on."""

from collections.abc import Mapping, Sequence
from typing import Any

from gridcell.report import GridResults, with_ends
from imagenet_rib.report.leaderboard import boards
from imagenet_rib.report.results import summary_of

_OF_METHODS = ("mRI", "gain", "minus_ft", "total_minus_ft")
_OF_SETS = ("ri", "gain", "ri_minus_ft", "total_minus_ft")


def methods(results: GridResults) -> list[dict[str, Any]]:
    """Return a row for each model (and all together) and method: the leaderboard, points.

    ``mRI``, ``gain`` (on the set fine-tuned on, training images included), ``minus_ft`` (mRI less plain
    fine-tuning's, paired) and ``total_minus_ft`` (of mRI + gain), with the ends of their intervals;
    ``interval`` says what these are over. ``rank`` is by mRI. ``p`` and ``p_holm`` are over fine-tunings;
    ``tests`` is how many ``p_holm`` is corrected for, those of methods that are not selected among them.
    WiSE-FT stands there once, by the alpha of the report.
    """
    summary = summary_of(results)
    return [
        {
            "model": scope,
            "method": row["method"],
            "rank": row["rank"],
            **_estimates(row, _OF_METHODS),
            "p": row["p"],
            "p_holm": row["p_holm"],
            "tests": board["tests"],
            **_made(row["mRI"]),
        }
        for scope, board in boards(summary)
        for row in board["ranking"]
    ]


def why_no_methods(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say why there is no leaderboard, and which table has what is known.

    Example:
        >>> why_no_methods([{"method": "ft"}])
        []
    """
    if rows:
        return []
    return [
        "The table is empty: mRI is the mean of RI over all sets, and no model and method has all of them. "
        "The table 'sets' has RI and gain of each set that is known."
    ]


def sets(results: GridResults) -> list[dict[str, Any]]:
    """Return a row for each model, method and set fine-tuned on: RI and gain, points.

    ``ri_minus_ft`` and ``total_minus_ft`` (of RI + gain) are paired differences from plain fine-tuning.
    """
    by_set = summary_of(results)["by_set"]
    return [
        {
            "model": model,
            "method": method,
            "downstream": name,
            **_estimates(one, _OF_SETS),
            **_made(one["ri"]),
        }
        for model, by_method in by_set.items()
        for method, by_name in by_method.items()
        for name, one in by_name.items()
    ]


def _estimates(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {key: value for name in names for key, value in with_ends(name, row.get(name)).items()}


def _made(estimate: Mapping[str, Any]) -> dict[str, Any]:
    told = {"seeds": estimate["seeds"], "interval": estimate["interval"]}
    return {**told, "stale": "stale" in estimate}
