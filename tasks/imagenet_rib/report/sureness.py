"""How sure a difference is, in words: over images (or seeds), and over fine-tunings.

The two are different questions. The interval says whether the mean over these models and sets would be
another on other images (or, with several seeds, at other seeds). The test of pairs says whether the
difference holds from one fine-tuning of these models on these sets to the next, or comes from a few of
them. It does not speak of other sets or models. Of several models the pairs of one set are not independent.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imagenet_rib.report.estimates import verdict
from imagenet_rib.report.significance import ALPHA

Board = Mapping[str, Any]

OVER = {"images": "images", "seeds": "seeds"}
"""What an interval is over, in words, by the word of an estimate.

Not "test images": those of a gain were trained on.
"""


def over_fine_tunings(board: Board, p: float | None) -> bool | None:
    """Tell whether a difference is significant over fine-tunings; None where no test can say."""
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


def too_few_pairs(boards: Iterable[tuple[str, Board]]) -> str:
    """Say of which rankings no difference can be significant, whatever was measured; empty if of none.

    Args:
        boards: rankings by the name of what they are over.

    Example:
        >>> board = {"smallest_p_holm": 0.35, "comparisons": [{"pairs": 8}]}
        >>> too_few_pairs([("vit", board)]).partition(": it")[0]
        'Too few pairs for any difference to be significant (vit: 8 pairs, p ≥ 0.35)'
    """
    weak = [
        f"{scope}: {max(one['pairs'] for one in board['comparisons'])} pairs, "
        f"p ≥ {board['smallest_p_holm']:.2g}"
        for scope, board in boards
        if board["smallest_p_holm"] is not None and board["smallest_p_holm"] >= ALPHA
    ]
    few = "Too few pairs for any difference to be significant"
    return f"{few} ({'; '.join(weak)}): it takes more seeds (--seeds)." if weak else ""


def in_words(estimate: Mapping[str, Any], board: Board, p: float | None) -> str:
    """Say over what a difference is sure; empty where it has no interval.

    Args:
        estimate: of the difference.
        board: the ranking that the test belongs to.
        p: of the test, corrected.

    Example:
        >>> sure = {"mean": 2.0, "ci95": [1.0, 3.0], "interval": "images"}
        >>> in_words(sure, {"smallest_p_holm": 0.01}, 0.02), in_words(sure, {"smallest_p_holm": 0.01}, 0.2)
        ('images and fine-tunings', 'images only')
    """
    where, sure = verdict(estimate), over_fine_tunings(board, p)
    if not where:
        return ""
    if where == "either":
        return "fine-tunings only" if sure else "neither"
    return f"{estimate['interval']} {'and fine-tunings' if sure else 'only'}"


def colour(estimate: Mapping[str, Any], board: Board, p: float | None) -> str:
    """Return the mark of a difference that is sure over both, "above" or "below"; else none."""
    return verdict(estimate) if over_fine_tunings(board, p) and verdict(estimate) != "either" else ""


def not_apart(board: Board) -> list[list[str]]:
    """Return the largest groups of methods of which no two are shown to differ over fine-tunings.

    Any two methods that share no group differ significantly. Without a test that can say so all are in one.
    (Bron and Kerbosch, "Finding All Cliques of an Undirected Graph", 1973.)

    Returns:
        Groups of two or more, each in the order of the ranking.
    """
    ranked = [row["method"] for row in board["ranking"]]
    p_values = {frozenset((one["a"], one["b"])): one["p_holm"] for one in board["comparisons"]}

    def alike(a: str, b: str) -> bool:
        return over_fine_tunings(board, p_values.get(frozenset((a, b)))) is not True

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
