"""The first answer: which curiosity did best, or forgot least, and how sure that is."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from farcuriosity.report.sentences import (
    AGREE_BY_CHANCE,
    Lead,
    between,
    decimals_of,
    improvements,
    leads,
    named,
    quoted,
    sooner,
    spread,
)
from gridcell.report import Answer, marked

_FIRST = {"score": "return", "rooms": "rooms", "places": "places"}
"""Metric that the answer speaks of -> figure that shows it over time."""
_FEW = 3

Summary = Mapping[str, Any]


def answer(summary: Summary) -> Answer:
    """Say who leads: by score where scores differ, else by rooms, else by cells; or who forgets least."""
    found = _main(summary)
    forgetting = _forgetting(summary)
    if found:
        environments = {row["environment"] for row in summary["table"]}
        first = found[0]
        if len(environments) == 1:
            said = [first.sure, sooner(summary, first.environment), *forgetting]
            return Answer(f"In {first.environment}, {first.claim}", _listed(said))
        stale = {row["curiosity"] for row in summary["table"] if "stale" in row}
        text = _most(found, len(environments), stale)
        told = [f"{one.environment}: {one.claim} {one.sure}".strip() for one in found]
        return Answer(text, _listed([*improvements(summary), *told[:_FEW], *forgetting]))
    if summary["table"]:
        return Answer(_alike(summary["table"]), _listed(forgetting))
    return Answer(forgetting[0], forgetting[1:]) if forgetting else Answer("No agent is done yet.")


def first_figure(summary: Summary) -> str:
    """Return the name of the figure over time that the page begins with; empty where another does."""
    if summary["aggregates"].get("by_curiosity"):
        return ""
    found = _main(summary)
    return _FIRST[found[0].metric] if found else "return"


def _main(summary: Summary) -> list[Lead]:
    """Return the first lead of each environment."""
    first: dict[str, Lead] = {}
    for lead in leads(summary):
        first.setdefault(lead.environment, lead)
    return list(first.values())


def _alike(table: Sequence[Mapping[str, Any]]) -> str:
    """Say what is known where nobody leads."""
    stale = {row["curiosity"] for row in table if "stale" in row}
    names = [marked(name, name in stale) for name in dict.fromkeys(row["curiosity"] for row in table)]
    row = table[0]
    known = next((name for name in _FIRST if name in row["values"]), "")
    told = f" ({known} {spread(row, known)} in {row['environment']})" if known else ""
    if len(names) == 1:
        return f"{names[0]} alone is done{told}; there is nothing to compare it with."
    return f"No curiosity leads: {', '.join(names)} do equally well{told}."


def _forgetting(summary: Summary) -> list[str]:
    """Say for each world who errs least on coming back, where that is beyond chance."""
    rows = summary["forgetting"]
    said = []
    for world in dict.fromkeys(row["world"] for row in rows):
        here = [row for row in rows if row["world"] == world and "return_error" in row]
        ranked = sorted(here, key=lambda row: row["return_error"]["mean"])
        if not ranked:
            continue
        decimals = decimals_of(row["return_error"]["mean"] for row in ranked)
        told = ", ".join(f"{named(row)} {between(row['return_error'], decimals)}" for row in ranked)
        what = "error on coming back to a room, less that at leaving it"
        said.append(
            f"In world {world}, {_least(summary, world, ranked)} ({what}: {told}).{_unlearned(ranked)}"
        )
    return said


def _unlearned(ranked: Sequence[Mapping[str, Any]]) -> str:
    """Say where the one with the least return error errs most at leaving: it has least to forget."""
    left = [row["left_error"] for row in ranked if "left_error" in row]
    if len(ranked) < 2 or len(left) < len(ranked) or left[0] <= max(left[1:]):
        return ""
    others = f"{min(left[1:]):.3g} to {max(left[1:]):.3g}" if len(left) > 2 else f"{left[1]:.3g}"
    return f" But {named(ranked[0])} errs most at leaving, {left[0]:.3g} ({others}): it has least to forget."


def _least(summary: Summary, world: str, ranked: Sequence[Mapping[str, Any]]) -> str:
    """Say who forgets least of curiosities that are sorted by their return error."""
    if len(ranked) == 1:
        return "one curiosity is done"
    best, second = (row["curiosity"] for row in ranked[:2])
    means = [row["return_error"]["mean"] for row in ranked]
    if math.isclose(means[0], means[1]):
        *others, last = [
            named(row) for row, mean in zip(ranked, means, strict=True) if math.isclose(means[0], mean)
        ]
        return f"{', '.join(others)} and {last} err alike"
    shown = named(ranked[0])
    for pair in summary["differences"]:
        names = {pair["curiosity"], pair["against"]}
        if (pair["environment"], pair["metric"], names) == (world, "return_error", {best, second}):
            low, high = pair["ci95"] if pair["against"] == best else [-end for end in reversed(pair["ci95"])]
            by_chance = low == high and pair["seeds"] < AGREE_BY_CHANCE
            return (
                f"{shown} forgets least"
                if low > 0 and not by_chance
                else "no curiosity is shown to forget least"
            )
    return f"{shown} errs least, from too few seeds to tell it from chance"


def _most(found: Sequence[Lead], environments: int, stale: Collection[str]) -> str:
    """Say who leads in most environments beyond chance; where nobody does, who does by the means."""
    clear = Counter(one.best[0] for one in found if one.clear)
    if clear:
        name, count = clear.most_common(1)[0]
        return (
            f"{marked(quoted(name), name in stale)} clearly leads in {count} of {environments} environments."
        )
    means = Counter(one.best[0] for one in found if len(one.best) == 1)
    if not means:
        return f"No curiosity leads alone in any of {environments} environments."
    name, count = means.most_common(1)[0]
    nobody = f"No curiosity clearly leads in any of {environments} environments"
    return f"{nobody}; by the means, {marked(quoted(name), name in stale)} leads in {count}."


def _listed(said: Sequence[str]) -> list[str]:
    return [sentence for sentence in said if sentence][: _FEW + 1]
