"""Runs that were asked for and are not done: an agent without any stands in no table, so it is said."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Counts = dict[str, int]


def count_runs(asked: Iterable[tuple[str, str]]) -> dict[str, Counts]:
    """Count the runs of each agent.

    Args:
        asked: agent and state of each run; see ``gridcell.report.GridResults.states``.

    Returns:
        Agent -> ``asked``, ``done`` and ``failed``, by themselves or because of what they need.

    Example:
        >>> count_runs([("farmap", "done"), ("slow", "failed"), ("slow", "not run")])["slow"]
        {'asked': 2, 'done': 0, 'failed': 1}
    """
    states: dict[str, Counter[str]] = {}
    for agent, state in asked:
        states.setdefault(agent, Counter())[state] += 1
    return {
        agent: {
            "asked": found.total(),
            "done": found["done"],
            "failed": found["failed"] + found["diverged"] + found["blocked"],
        }
        for agent, found in states.items()
    }


def without_runs(summary: Mapping[str, Any]) -> Iterator[str]:
    """Name the agents of which no run is done."""
    for agent, found in summary.get("runs", {}).items():
        if not found["done"]:
            failed, asked = found["failed"], found["asked"]
            all_failed = "its only run failed" if asked == 1 else f"all {asked} failed"
            why = (
                all_failed if failed == asked else f"{failed} of {asked} failed" if failed else "not run yet"
            )
            yield f"{agent} has no result ({why})."


def fewer_runs(summary: Mapping[str, Any]) -> Iterator[str]:
    """Name the agents that lack some runs while others have them, so that their means are of other runs."""
    known = {agent: found for agent, found in summary.get("runs", {}).items() if found["done"]}
    if len({found["done"] for found in known.values()}) > 1:
        told = [f"{agent} {found['done']} of {found['asked']}" for agent, found in known.items()]
        yield (
            f"Not all agents have all runs ({', '.join(told)}): means of agents are over the runs that each "
            "has, paired differences over those that both have."
        )
