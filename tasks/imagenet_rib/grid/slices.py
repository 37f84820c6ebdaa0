"""Evaluation cut into parts: which cells there are, and how their answers are joined again."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from gridcell.data import LabelledSet

CORRUPTED = "c"
"""The set that is cut by corruption: its groups are named ``corruption/severity``."""


def evaluation_cuts(
    sets: Sequence[str], cut: str, corruptions: Sequence[str] = (), added: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Return what each evaluation cell of a model covers.

    Args:
        sets: names of all evaluated sets.
        cut: ``model`` (one cell), ``set`` (one a set), or ``corruption`` (one a set, and of ``c`` one a
            corruption).
        corruptions: of ``c``.
        added: sets of shifts from outside, which have cells of their own: so one more repeats no evaluation.

    Returns:
        For each cell ``{"sets": names}``, with ``"corruption": name`` where it covers a part of ``c``.
    """
    if cut == "model":
        together = [name for name in sets if name not in added]
        return [{"sets": together}, *({"sets": [name]} for name in sets if name in added)]
    parts: list[dict[str, Any]] = []
    for name in sets:
        if cut == "corruption" and name == CORRUPTED:
            parts += [{"sets": [name], "corruption": corruption} for corruption in corruptions]
        else:
            parts.append({"sets": [name]})
    return parts


def key_of(name: str, corruption: str | None) -> str:
    """Return the name under which the answers on a set, or on a part of it, are kept: ``c/fog``."""
    return name if corruption is None else f"{name}/{corruption}"


def members(labelled: "LabelledSet", corruption: str) -> "np.ndarray":
    """Return the positions of the images under a corruption, ascending; none where there are none."""
    import numpy as np

    if labelled.group_of is None:
        return np.empty(0, dtype=np.int64)
    mine = [k for k, group in enumerate(labelled.groups) if group.partition("/")[0] == corruption]
    return np.flatnonzero(np.isin(labelled.group_of, mine))


def join(answers: "Mapping[str, np.ndarray]", sets: "Mapping[str, LabelledSet]") -> "dict[str, np.ndarray]":
    """Put the answers on parts of a set back in the set's order.

    Args:
        answers: right or wrong, bool, by the keys of :func:`key_of`.
        sets: the sets.

    Returns:
        Right or wrong by set; a set some of whose parts are missing is left out.
    """
    import numpy as np

    whole = {key: right for key, right in answers.items() if "/" not in key}
    for name in {key.partition("/")[0] for key in answers if "/" in key} - whole.keys():
        labelled = sets[name]
        joined = np.zeros(len(labelled), dtype=bool)
        seen = np.zeros(len(labelled), dtype=bool)
        for key, right in answers.items():
            if key.partition("/")[0] == name:
                place = members(labelled, key.partition("/")[2])
                joined[place], seen[place] = right, True
        if seen.all():
            whole[name] = joined
    return whole
