"""What the last run on a storage asked for, by its plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gridcell.answers.request import reading
from gridcell.store import Store


@dataclass(frozen=True)
class LastRun:
    """What a run asked for.

    Attributes:
        task: its name.
        suite: name of the suite, or the path of its file.
        settings: overrides, each ``key=value``.
        seeds: how many; None for the suite's own.
        plugins: files of the user's own.
    """

    task: str
    suite: str
    settings: Sequence[str]
    seeds: int | None
    plugins: Sequence[str]

    @property
    def options(self) -> list[str]:
        """What gives the same settings and seeds on a command line; empty where these are the suite's own."""
        pairs = [("--set", each) for each in self.settings]
        pairs += [("--seeds", str(self.seeds))] if self.seeds is not None else []
        return [part for pair in [("--suite", self.suite), *pairs] for part in pair] if pairs else []


def last_run(store: Store, task: str, suite: str | None = None) -> LastRun | None:
    """Return what the last run of a task on a storage asked for; None where its plan does not say that.

    What it selected is left out: of what was not run there is no result anyway. Searches are no runs here.

    Args:
        store: the storage.
        task: name of the task.
        suite: only runs of this one, by its name or as it was typed; None for any.
    """
    with reading(store.uri):
        plans = [plan for plan in store.plans.read_all() if plan.task == task and not plan.search]
    for plan in reversed(plans):
        given = plan.arguments[1:]  # after the task: options, each with its value
        pairs = list(zip(given[::2], given[1::2], strict=True))
        named = next((value for option, value in pairs if option == "--suite"), plan.suite)
        if suite is not None and suite not in (plan.suite, named):
            continue
        if not pairs:
            return None
        seeds = next((int(value) for option, value in pairs if option == "--seeds"), None)
        settings = [value for option, value in pairs if option == "--set"]
        files = [value for option, value in pairs if option == "--plugin"]
        return LastRun(task, named, settings, seeds, files)
    return None
