"""From what a user asks for to a search: the task's rules, the suite's block ``tune``, and options."""

from collections.abc import Mapping, Sequence
from typing import Any

from gridcell.errors import Mistakes, UserError
from gridcell.search.check import check
from gridcell.search.objective import Objective, selection_of
from gridcell.search.search import Search
from gridcell.search.space import Space
from gridcell.search.wanted import objectives, rule_of, tuning_of, wanted_of
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task


def search_of(
    task: str,
    suite: str,
    store: Store,
    options: Mapping[str, Any],
    *,
    overrides: Sequence[str] = (),
    seeds: int | None = None,
    plugins: Sequence[str] = (),
) -> Search:
    """Return the search that a suite and options ask for.

    Args:
        task: name of the task.
        suite: its suite, or a YAML file, whose block ``tune`` may say what is searched.
        store: that remembers the search.
        options: by the names of :class:`gridcell.search.wanted.Wanted`; None where not given. They go first.
        overrides: of ``--set``.
        seeds: of ``--seeds``.
        plugins: files of the user's own.

    Raises:
        UserError: any of it is wrong, which is known before anything runs.
    """
    found = find_task(task)
    tuning = tuning_of(found)
    loaded = load_suite(found, suite, overrides, seeds, plugins)
    wanted = wanted_of(loaded.tune, options)
    rule = rule_of(tuning, wanted.rule)
    metrics = [
        (name, mode or tuning.metrics.get(name, "max")) for name, mode in objectives(tuning, wanted, rule)
    ]
    _check_overrides(overrides, wanted.params)
    written = loaded.settings.model_dump(mode="json")
    objective = Objective(
        found,
        suite,
        tuple(overrides),
        seeds,
        tuple(plugins),
        {**selection_of(wanted.params, written, tuning.selects), **wanted.select},
        *metrics[0],
        rule,
        tuple(metrics[1:]),
    )
    search = Search(objective, Space.of(wanted.params), wanted, store)
    check(search)
    return search


def _check_overrides(overrides: Sequence[str], params: Mapping[str, Any]) -> None:
    """Make sure that nothing is both set and searched.

    Raises:
        UserError: a setting is.
    """
    mistakes = Mistakes()
    for override in overrides:
        key = override.partition("=")[0].strip()
        with mistakes.noted():
            if key in params:
                raise UserError(
                    f"'--set {override}' sets what is searched: leave it out, or the range of '{key}'"
                )
    mistakes.tell()
