"""The command that removes results, with what was made from them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from gridcell.cli import common
from gridcell.cli.common import (
    DEFAULT_STORAGE,
    DEFAULT_SUITE,
    Overrides,
    Plugins,
    Seeds,
    Selection,
    Storage,
    SuiteName,
    TaskName,
    open_store,
    request,
    selection,
)
from gridcell.errors import UserError, unknown
from gridcell.grid import Grid
from gridcell.printable import counted


def forget(
    task: TaskName,
    suite: SuiteName = DEFAULT_SUITE,
    storage: Storage = DEFAULT_STORAGE,
    select: Selection = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Only cells of this kind.")
    ] = None,
    override: Overrides = None,
    seeds: Seeds = None,
    plugin: Plugins = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go, and remove nothing.")
    ] = False,
) -> None:
    """Remove the selected results and all that was made from them. The next run makes them again.

    Results that the rest of the suite needs, too, are kept and counted, such as a pre-trained model. Name
    their kind by --kind to remove those, too.
    """
    if not select and not kind:
        raise UserError("Say what to forget: --select key=value, or --kind KIND")
    whole = request(task, suite, None, override, seeds, plugin).grid
    kinds = {cell.kind for cell in whole.cells.values()}
    for name in kind or ():
        if name not in kinds:
            raise unknown("kind of cell", name, kinds)
    first, shared = _to_forget(whole, selection(select or ()), kind or ())
    store = open_store(storage)
    gone = sorted(store.results.done() & _with_dependents(whole, first), key=list(whole.cells).index)
    console = common.console()
    for cell_id in gone:
        if not dry_run:
            store.results.forget(cell_id)
        console.print(f"{cell_id}  {whole.cells[cell_id].kind}  {whole.cells[cell_id].title}", soft_wrap=True)
    would = "would be forgotten" if dry_run else "forgotten"
    console.print(f"{counted(len(gone), 'result')} {would}, with what was made from them.")
    kept = Counter(whole.cells[cell_id].kind for cell_id in (shared - set(gone)) & store.results.done())
    if kept:
        told = ", ".join(f"{count} {name}" for name, count in sorted(kept.items()))
        console.print(f"Kept, as other results of the suite need them: {told}. --kind KIND takes these, too.")


def _to_forget(
    whole: Grid, wanted: Mapping[str, Sequence[str]], kinds: Sequence[str]
) -> tuple[set[str], set[str]]:
    """Return the cells that a user asked to forget, and those left out as other targets need them, too.

    Targets that a selection keeps beside what was selected, without its labels, were not asked for.

    Args:
        whole: the suite's grid.
        wanted: label -> accepted values; empty for all.
        kinds: if any, all cells of these that the chosen targets need, whoever else needs them.
    """
    chosen = [
        target
        for target in whole.select(wanted).targets
        if all(str(target.labels.get(label)) in values for label, values in wanted.items())
    ]
    if not chosen:
        asked = " and ".join(f"{label}={','.join(values)}" for label, values in wanted.items())
        raise UserError(f"No result has {asked} itself: the selection holds only what is compared with it")
    needed = set(whole.closure(target.cell for target in chosen))
    if kinds:
        return {cell_id for cell_id in needed if whole.cells[cell_id].kind in kinds}, set()
    shared = needed & set(whole.closure(target.cell for target in whole.targets if target not in chosen))
    return needed - shared, shared


def _with_dependents(grid: Grid, chosen: set[str]) -> set[str]:
    """Return cells and all that need them, directly or not: in a grid these come later."""
    found = set(chosen)
    for cell_id, cell in grid.cells.items():
        if found.intersection(cell.needs.values()):
            found.add(cell_id)
    return found
