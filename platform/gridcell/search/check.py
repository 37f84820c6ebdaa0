"""Whether a search can do what is asked of it: known before anything runs."""

from collections.abc import Mapping, Sequence, Set

from gridcell.errors import UserError
from gridcell.search.samplers import BLIND, check_installed
from gridcell.search.search import Search
from gridcell.search.space import overlap
from gridcell.search.trial import Trial
from gridcell.search.wanted import tuning_of


def check(search: Search) -> None:
    """Make sure that the settings that are varied are there, and may have the ends of their ranges.

    Raises:
        UserError: one isn't, or may not, or changes nothing that a trial runs; or the best trial can't be
            judged.
    """
    tuning = tuning_of(search.objective.task)
    if search.wanted.fresh_seeds and tuning.judge is None:
        raise UserError(
            f"{search.objective.task.name} has no rule with oracle=True, by which its report judges the "
            "best trial: add one to its Tuning, or leave the comparison out by --fresh-seeds 0"
        )
    if search.wanted.search not in BLIND:
        check_installed(search.wanted.search)
    for swept in search.default.suite.sweeps:
        both = next((key for key in search.space.ranges if overlap(key, swept.keys)), None)
        if both is not None:
            raise UserError(
                f"'{both}' is searched, and the suite sweeps {' and '.join(swept.keys)}: leave one out"
            )
    ends = {share: _checked_point(search, [share] * len(search.space.ranges)) for share in (0.0, 1.0)}
    _checked_point(search, [0.5] * len(search.space.ranges))
    if search.population is not None:
        low, high = (search.space.at([share] * len(search.space.ranges)) for share in (0.0, 1.0))
        search.planned(Trial(search.population.members, high, earlier=(low,), parent=0))
    low = search.space.at([0.0] * len(search.space.ranges))
    for key, one in search.space.ranges.items():
        for value in one.listed if one.kind == "choice" else ():
            search.suite_of(Trial(0, {**low, key: value}))
    idle = [key for key in search.space.ranges if not _changes_cells(search, key, ends)]
    if idle:
        shown = " ".join(f"{label}={','.join(of)}" for label, of in search.objective.select.items())
        raise UserError(
            f"A trial runs nothing that {' or '.join(idle)} changes"
            + (f" (selected: {shown})" if shown else "")
        )


def _checked_point(search: Search, shares: Sequence[float]) -> Set[str]:
    """Return the ids of the cells that a point runs.

    Raises:
        UserError: it can't be planned, or one of its values is a sweep.
    """
    params = search.space.at(shares)
    planned = search.planned(Trial(0, params))
    if planned.suite.sweeps != search.default.suite.sweeps:
        lists = [key for key, value in params.items() if isinstance(value, list)]
        raise UserError(
            f"{' and '.join(lists)}: a list of values is a sweep there, whose variants a trial would "
            "average. Give the values themselves: choice(1, 10), not choice([1, 10])"
        )
    return planned.whole.cells.keys()


def _changes_cells(search: Search, key: str, ends: Mapping[float, Set[str]]) -> bool:
    """Whether a setting changes what a trial runs, all others being at the one or the other end."""
    return any(
        _checked_point(search, [1.0 - share if one == key else share for one in search.space.ranges]) != cells
        for share, cells in ends.items()
    )
