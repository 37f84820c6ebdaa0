"""What a page says first: the answer, how sure it is, and what state the results are in."""

from collections.abc import Sequence
from dataclasses import dataclass

from gridcell.report.missing import incomplete
from gridcell.report.results import GridResults
from gridcell.report.stale import DAGGER

_AT_ONCE = 5
"""Sentences beside an answer that the first screen shows; of more, the last line unfolds the rest."""


@dataclass(frozen=True)
class Answer:
    """The first sentences of a page.

    Attributes:
        text: which is best and by how much, in one sentence.
        sure: how sure that is, and what else a reader has to know beside it; two or three sentences.
    """

    text: str
    sure: Sequence[str] = ()

    @property
    def first(self) -> Sequence[str]:
        """The sentences of ``sure`` that a page shows at once: all of a few, else the first four."""
        return self.sure if len(self.sure) <= _AT_ONCE else self.sure[: _AT_ONCE - 1]

    @property
    def more(self) -> Sequence[str]:
        """The others, which a click unfolds."""
        return self.sure[len(self.first) :]


def state(results: GridResults) -> list[tuple[str, str, bool]]:
    """Return what a reader must know before using the numbers: label, text, and whether it warns."""
    lacks = incomplete(results)
    rows = [("State", lacks or f"Complete: all {len(results.grid):,} cells are done.", bool(lacks))]
    if results.selected:
        chosen = " ".join(f"{key}={','.join(values)}" for key, values in results.selected.items())
        rows.append(("Part", f"Yes, only what was selected: {chosen}.", True))
    elif results.about.command:
        own = [option for option in ("--set", "--seeds") if f" {option} " in results.about.command]
        changed = f", as {' and '.join(own)} change{'s' * (len(own) == 1)} it" if own else ""
        rows.append(("Part", f"No: the whole suite{changed}.", False))
    if stale := len(results.staleness):
        why = "; ".join(results.staleness.causes())
        told = (
            f"Yes: {stale:,} of {len(results.results):,} results. {why}. {DAGGER} marks what rests on them."
        )
        rows.append(("Stale", told, True))
    elif results.about.command:
        rows.append(("Stale", "No: code and inputs are as they were when the results were made.", False))
    return rows


def code_versions(results: GridResults) -> str:
    """Name gridcell's versions and the commits that the results were made by, as far as they say."""
    found = set()
    for result in results.results.values():
        version = result.provenance.get("versions", {}).get("gridcell", "")
        sources = result.provenance.get("sources") or {}
        commits = {
            f"{one['commit'][:10]}{' (modified)' * bool(one['modified'])}"
            for one in sources.values()
            if one.get("commit")
        }
        found.add(" ".join(filter(None, [f"gridcell {version}" if version else "", *sorted(commits)])))
    return "; ".join(sorted(filter(None, found)))
