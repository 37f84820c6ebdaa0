"""How sure a difference is, in words: over test images (or seeds), and over the sets that were fine-tuned on.

The two are different questions. The interval says whether the mean over these models and sets would be
another on other test images (or, with several seeds, after other fine-tunings). The test of pairs says
whether the difference holds from set to set, or comes from a few of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from imagenet_rib.report.estimates import verdict
from imagenet_rib.report.significance import ALPHA

Board = Mapping[str, Any]

OVER = {"images": "test images", "seeds": "seeds"}
"""What an interval is over, in words, by the word of an estimate."""


def over_sets(board: Board, p: float | None) -> bool | None:
    """Tell whether a difference is significant over the sets; None where no test of so few pairs can say."""
    least = board["smallest_p_holm"]
    if p is None or least is None or least >= ALPHA:
        return None
    return p < ALPHA


def unselected(summary: Mapping[str, Any]) -> str:
    """Say over which tests p is corrected where a selection leaves methods of the suite out; else nothing."""
    names = summary["leaderboard"]["test"]["unselected"]
    if not names:
        return ""
    return (
        f"p is corrected for the whole suite, with its methods that are not selected ({', '.join(names)}): a "
        "selection makes no difference significant. A suite that has these methods alone is corrected for "
        "their pairs alone."
    )


def in_words(estimate: Mapping[str, Any], board: Board, p: float | None) -> str:
    """Say over what a difference is sure; empty where it has no interval.

    Args:
        estimate: of the difference.
        board: the ranking that the test belongs to.
        p: of the test, corrected.

    Example:
        >>> sure = {"mean": 2.0, "ci95": [1.0, 3.0], "interval": "images"}
        >>> in_words(sure, {"smallest_p_holm": 0.01}, 0.02), in_words(sure, {"smallest_p_holm": 0.01}, 0.2)
        ('images and sets', 'images only')
    """
    where, sets = verdict(estimate), over_sets(board, p)
    if not where:
        return ""
    if where == "either":
        return "sets only" if sets else "neither"
    return f"{estimate['interval']} {'and sets' if sets else 'only'}"


def colour(estimate: Mapping[str, Any], board: Board, p: float | None) -> str:
    """Return the mark of a difference that is sure over both, "above" or "below"; else none."""
    return verdict(estimate) if over_sets(board, p) and verdict(estimate) != "either" else ""


def not_apart(board: Board) -> list[list[str]]:
    """Return the largest groups of methods of which no two are shown to differ over the sets.

    Any two methods that share no group differ significantly. Without a test that can say so all are in one.
    (Bron and Kerbosch, "Finding All Cliques of an Undirected Graph", 1973.)

    Returns:
        Groups of two or more, each in the order of the ranking.
    """
    ranked = [row["method"] for row in board["ranking"]]
    p_values = {frozenset((one["a"], one["b"])): one["p_holm"] for one in board["comparisons"]}

    def alike(a: str, b: str) -> bool:
        return over_sets(board, p_values.get(frozenset((a, b)))) is not True

    near = {a: {b for b in ranked if b != a and alike(a, b)} for a in ranked}
    found: list[list[str]] = []

    def grow(group: Sequence[str], left: set[str], seen: set[str]) -> None:
        if not left and not seen:
            found.append(sorted(group, key=ranked.index))
        for name in sorted(left, key=ranked.index):
            grow([*group, name], left & near[name], seen & near[name])
            left, seen = left - {name}, seen | {name}

    grow([], set(ranked), set())
    return sorted((group for group in found if len(group) > 1), key=lambda group: ranked.index(group[0]))
