"""The first answer: how the two compared agents differ on the largest maps."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from farmap.report.lacking import fewer_runs, without_runs
from farmap.report.sentences import ended_early, no_interval
from farmap.report.summary import named
from gridcell.report import Answer

Summary = Mapping[str, Any]

_ROUNDING = 1e-9  # per cent by which means of equal coverages may differ


def main_size(summary: Summary) -> str:
    """Return the size of map that the answer speaks of: the last on which both compared agents ran."""
    compared = [size for size, pair in summary["paired"].items() if pair["runs"]]
    return (compared or list(summary["sizes"]))[-1]


def answer(summary: Summary) -> Answer:
    """Say how much sooner the first of two agents covers a map, with how much memory; or who leads.

    An agent without any result is named in the same breath: the others may lead for want of it.
    """
    found = _of_done(summary)
    text = " ".join([found.text, *without_runs(summary)])
    sure = [*found.sure, *_over_starts(summary)]
    early = ended_early(summary, main_size(summary))
    if early and any(re.search("over the first|early coverage", said) for said in [found.text, *sure]):
        sure.append(early)
    return replace(found, text=text, sure=[*sure, *fewer_runs(summary)])


def _over_starts(summary: Summary) -> list[str]:
    """Say how far runs on a single map differ by where they start."""
    size = main_size(summary)
    ends = {
        agent: group["early_coverage_over_starts"]
        for agent, group in summary["sizes"][size].items()
        if "early_coverage_over_starts" in group
    }
    told = [f"{named(summary, size, agent)} {low:.1f} to {high:.1f} %" for agent, (low, high) in ends.items()]
    over = f"mean coverage over the first {summary['early_steps']:,} steps"
    return [f"From start to start on this map, {over}: {', '.join(told)}."] if told else []


def _of_done(summary: Summary) -> Answer:
    size = main_size(summary)
    pair = summary["paired"].get(size)
    if not pair or not pair["runs"]:
        return _leader(summary, size)
    first, second = (named(summary, size, pair[key]) for key in ("first", "second"))
    steps, early, memory = pair["steps_to_95"], pair["early_coverage"], pair["mean_memory"]
    parts = []
    if "mean" in steps:
        here = steps["second_mean"] + steps["mean"]
        on = _on(steps["n"], size)
        parts.append(
            f"{on}, {first} sees 95 % in {here:,.1f} steps on average and {second} in "
            f"{steps['second_mean']:,.1f}"
        )
    else:
        here = early["second_mean"] + early["mean"]
        parts.append(
            f"{_on(early['n'], size)}, {first} covers {here:.1f} % on average over the first "
            f"{summary['early_steps']:,} steps and {second} {early['second_mean']:.1f} %"
        )
    if memory["second_mean"] > 0:
        share = 100 * (memory["second_mean"] + memory["mean"]) / memory["second_mean"]
        parts.append(f"{first}'s active memory is {share:.0f} % of {second}'s")
    sure = [_interval(pair, "steps_to_95" if "mean" in steps else "early_coverage", size)]
    others = [_other(name, one) for name, one in summary["paired"].items() if name != size and one["runs"]]
    return Answer(f"{'; '.join(parts)}.", [*sure, *_best_of_all(summary, size, pair), *filter(None, others)])


def _on(maps: int, size: str) -> str:
    return f"On {maps} {size} maps" if maps != 1 else f"On the one {size} map"


def _best_of_all(summary: Summary, size: str, pair: Mapping[str, Any]) -> list[str]:
    """Name the agent that covers most early, where it is none of the two that are compared."""
    agents, first = summary["sizes"][size], pair["first"]
    covered = {name: agents[name]["early_coverage"]["mean"] for name in agents}
    best = max(covered, key=covered.__getitem__)
    leaders = _as_much(covered)
    if first in leaders or pair["second"] in leaders:
        return []
    maps = f"{size} maps" if agents[best]["maps"] != 1 else f"the one {size} map"
    return [
        f"Of all {len(covered)} agents {_cover_most(summary, size, leaders)} of {maps} on average "
        f"over the first {summary['early_steps']:,} steps: {covered[best]:.1f} %, "
        f"{named(summary, size, first)} {covered[first]:.1f} %."
    ]


def _as_much(covered: Mapping[str, float]) -> list[str]:
    """Return the agents that cover most; several where they do alike."""
    most = max(covered.values())
    return [name for name, value in covered.items() if most - value < _ROUNDING]


def _cover_most(summary: Summary, size: str, leaders: Sequence[str]) -> str:
    """Name all that cover most."""
    *others, last = (named(summary, size, name) for name in leaders)
    return f"{', '.join(others)} and {last} cover equally much, the most" if others else f"{last} covers most"


def _leader(summary: Summary, size: str) -> Answer:
    """Say which agent covers most early, where no two agents are compared."""
    agents = summary["sizes"][size]
    ranked = sorted(agents, key=lambda name: -agents[name]["early_coverage"]["mean"])
    shown = [named(summary, size, name) for name in ranked[:4]]
    told = [
        f"{name} {agents[agent]['early_coverage']['mean']:.1f} %"
        for name, agent in zip(shown, ranked, strict=False)
    ]
    maps = f"{size} maps" if agents[ranked[0]]["maps"] != 1 else f"the one {size} map"
    leaders = _as_much({name: agents[name]["early_coverage"]["mean"] for name in ranked})
    over = f"of {maps} on average over the first {summary['early_steps']:,} steps"
    text = f"{_cover_most(summary, size, leaders)} {over}"
    if len(leaders) == len(ranked) > 1:
        text = f"No agent covers more {over} than another"
    if len(ranked) == 1:
        over = f"mean coverage over the first {summary['early_steps']:,} steps"
        text = f"{shown[0]} alone ran on {maps}: {over}"
    why = "No two agents are compared map by map, so how sure this is cannot be said."
    if agents[ranked[0]]["maps"] == 1:
        why = f"How sure this is cannot be said: {no_interval(1)}."
    return Answer(f"{text}: {', '.join(told)}.", [why])


def _interval(pair: Mapping[str, Any], measure: str, size: str) -> str:
    """Write a difference with its interval and p-value, or why it has none.

    It has no fewer digits than the two values beside it, whose own difference is off by their rounding.
    """
    found = pair[measure]
    unit, digits = ("steps to 95 %", 1) if measure == "steps_to_95" else ("points of early coverage", 2)
    low, high = found["ci95"]
    said = f"Difference on {found['n']} {size} map{'s' * (found['n'] != 1)}: {_signed(found['mean'], digits)}"
    if low is None:
        return f"{said} {unit}; {no_interval(found['n'])}."
    unsure = "" if low > 0 or high < 0 else ": no difference beyond chance"
    ends = f"[{_signed(low, digits)}, {_signed(high, digits)}]"
    return f"{said} {ends} {unit} (95 % over maps; Wilcoxon p = {found['p']:.2g}){unsure}."


def _other(size: str, pair: Mapping[str, Any]) -> str:
    found = pair["steps_to_95"]
    if "mean" not in found:
        return ""
    low, high = found["ci95"]
    ends = "" if low is None else f" [{_signed(low, 1)}, {_signed(high, 1)}]"
    where = f"{found['n']} {size} map{'s' * (found['n'] != 1)}"
    return f"On {where}: {_signed(found['mean'], 1)}{ends} steps to 95 %."


def _signed(value: float, digits: int) -> str:
    return f"{value:+,.{digits}f}".replace("-", "−")
