"""Which results were made by other code, or from other inputs, than are there now."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gridcell import plugins
from gridcell.cell import Cell
from gridcell.fingerprint import RULE, Code, Codes, changes, unwatched, unwatched_data
from gridcell.grid import Grid
from gridcell.store import Result, Store
from gridcell.task import Task

BY_NEEDS = "from results that are stale"
_NAMED = 4  # of the files that changed, so many are named


@dataclass(frozen=True)
class Staleness:
    """What is known of a grid's results.

    Attributes:
        reasons: id -> why it is stale, of the results that are.
        stamps: id -> stamp of the record that is stale.
        unknown: ids of results that don't say by which code they were made.
        unwatched: packages that the code of cells imports, and whose edits can't be noticed.
        unwatched_data: data files that it reads by a path of the working folder or an absolute one, likewise.
        outside: data files that it reads from outside of its folder, likewise.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    stamps: Mapping[str, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    unwatched: tuple[str, ...] = ()
    unwatched_data: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.reasons)

    def causes(self) -> list[str]:
        """Say how many results are stale for each reason, the most frequent first."""
        return [f"{count} done {reason}" for reason, count in Counter(self.reasons.values()).most_common()]

    def sentences(self) -> list[str]:
        """Say how many results are stale and why, and what is not known or not noticed."""
        said = self.causes()
        if self.unknown:
            said.append(
                f"{len(self.unknown)} results don't say by which code they were made: they count as current"
            )
        if self.unwatched:
            named = _listed([f"'{name}'" for name in self.unwatched])
            said.append(f"edits of {named} are not noticed: imported from outside the folder of the code")
        if self.outside:
            named = _listed([f"'{name}'" for name in self.outside])
            said.append(f"edits of {named} are not noticed: read from outside the folder of the code")
        if self.unwatched_data:
            named = _listed([f"'{name}'" for name in self.unwatched_data])
            said.append(
                f"edits of {named} are not noticed: read by a path that does not start from the code "
                '(Path(__file__).parent / "FILE" does)'
            )
        return said


def find_stale(task: Task, grid: Grid, store: Store, results: Mapping[str, Result]) -> Staleness:
    """Compare results with the code that is here and with the results that they were made from.

    Args:
        task: whose cells they are.
        grid: all cells, each after those it needs.
        store: holds what the fingerprints of earlier code stand for.
        results: those of the grid's cells that are done.
    """
    codes = Codes(task)
    stored = {str(result.provenance["code"]) for result in results.values() if "code" in result.provenance}
    known = store.codes.read(stored)
    names = _names_of_parts(task)
    reasons: dict[str, str] = {}
    unknown = set()
    met: dict[str, Code] = {}
    own = bool(plugins.loaded())  # what is not noticed in one's own file should be known before it is run
    for cell_id, cell in grid.cells.items():
        result = results.get(cell_id)
        if result is None:
            if own:
                code = codes.of(cell)
                met[code.fingerprint] = code
            continue
        if "code" not in result.provenance:
            unknown.add(cell_id)
        code = codes.of(cell)
        met[code.fingerprint] = code
        why = (
            _by_code(code, str(result.provenance.get("code", "")), known, names)
            or _by_inputs(cell, result.provenance.get("inputs", {}), results)
            or _by_needs(cell, grid, reasons)
        )
        if why:
            reasons[cell_id] = why
    stamps = {cell_id: results[cell_id].stamp for cell_id in reasons}
    packages = sorted({name for code in met.values() for name in unwatched(code)})
    data = sorted({path for code in met.values() for path in unwatched_data(code)})
    outside = sorted({path for code in met.values() for path in code.outside})
    return Staleness(reasons, stamps, frozenset(unknown), tuple(packages), tuple(data), tuple(outside))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def failures_of(task: Task, grid: Grid, store: Store) -> dict[str, dict[str, object]]:
    """Return the failures that a store has, but for divergences that say nothing of a grid as it is now.

    Whether training diverges is an outcome of its code and inputs, as a result is. Where these changed,
    the cell counts as not run.

    Args:
        task: whose cells they are.
        grid: of which outdated divergences are left out.
        store: holds the failures.

    Returns:
        Id -> failure record.
    """
    failures = store.failures.read_all()
    diverged = {
        cell_id: failure
        for cell_id, failure in failures.items()
        if cell_id in grid.cells and failure["failure_class"] == "diverged" and "code" in failure
    }
    if not diverged:
        return failures
    codes, names = Codes(task), _names_of_parts(task)
    known = store.codes.read({str(failure["code"]) for failure in diverged.values()})
    needs = {need for cell_id in diverged for need in grid.cells[cell_id].needs.values()}
    results, _ = store.results.read_many(needs)
    for cell_id, failure in diverged.items():
        cell, read = grid.cells[cell_id], failure.get("inputs", {})
        assert isinstance(read, Mapping)
        if _by_code(codes.of(cell), str(failure["code"]), known, names) or _by_inputs(cell, read, results):
            del failures[cell_id]
    return failures


def _by_code(
    now: Code, before: str, known: Mapping[str, Mapping[str, object]], names: Mapping[str, str]
) -> str:
    if not before or before == now.fingerprint:
        return ""
    record = known.get(before)
    if record is None:
        return "by other code"
    released = record.get("release")
    if released and now.release and released != now.release:  # between releases, the versions of kinds decide
        return ""
    changed = [names.get(name, name) for name in _changes(record, "files", now.files, now.earlier)]
    changed += _changes(record, "data", now.data, {})
    if not changed:  # a record of an earlier rule, or a file that was renamed and says what it said
        return ""
    return f"by other code: {_listed(changed)} changed since"


def _changes(
    record: Mapping[str, object], key: str, now: Mapping[str, str], earlier: Mapping[str, str]
) -> list[str]:
    """Return the names of the files that differ, of those that count by the rule of the record, too."""
    before = record.get(key, {})
    assert isinstance(before, Mapping)
    if record.get("rule", 1) != RULE:
        both = before.keys() & now.keys()
        return sorted(name for name in both if before[name] not in (now[name], earlier.get(name)))
    return _without_renamed(before, now)


def _without_renamed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of the files that differ; one that has another name and the same text does not."""
    gone = [before[name] for name in before.keys() - now.keys()]
    come = [now[name] for name in now.keys() - before.keys()]
    renamed = Counter(gone) & Counter(come)
    found = []
    for name in changes(before, now):
        only = None if name in before and name in now else before.get(name, now.get(name))
        if only not in renamed:
            found.append(name)
    return found


def _by_inputs(cell: Cell, read: Mapping[str, object], results: Mapping[str, Result]) -> str:
    for role, need in cell.needs.items():
        if role in read and need in results and read[role] != results[need].content:
            return f"from another result of '{results[need].cell.title}' than is there now"
    return ""


def _by_needs(cell: Cell, grid: Grid, reasons: Mapping[str, str]) -> str:
    for need in cell.needs.values():
        if need in reasons:
            return BY_NEEDS
    return ""


def _names_of_parts(task: Task) -> dict[str, str]:
    """Return module -> what people call the part that it defines, e.g. ``method ewc``."""
    found = {}
    for kind, part_kind in task.parts.items():
        registry = part_kind.parts()
        for name in registry.all:
            module = registry.module_of(name)
            if module.endswith(".py"):  # a file of the user's own
                module = Path(module).stem
            found[module] = f"{kind} {name}"
    return found
