"""The command that removes results, with what was made from them."""

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

    Results that the rest of the suite needs, too, are kept, such as a pre-trained model.
    """
    if not select and not kind:
        raise UserError("Say what to forget: --select key=value, or --kind KIND")
    whole = request(task, suite, None, override, seeds, plugin).grid
    kinds = {cell.kind for cell in whole.cells.values()}
    for name in kind or ():
        if name not in kinds:
            raise unknown("kind of cell", name, kinds)
    first = {
        cell_id
        for cell_id in _only_for(whole, whole.select(selection(select or ())))
        if not kind or whole.cells[cell_id].kind in kind
    }
    store = open_store(storage)
    gone = sorted(store.results.done() & _with_dependents(whole, first), key=list(whole.cells).index)
    console = common.console()
    for cell_id in gone:
        if not dry_run:
            store.results.forget(cell_id)
        console.print(f"{cell_id}  {whole.cells[cell_id].kind}  {whole.cells[cell_id].title}", soft_wrap=True)
    would = "would be forgotten" if dry_run else "forgotten"
    console.print(f"{counted(len(gone), 'result')} {would}, with what was made from them.")


def _only_for(whole: Grid, chosen: Grid) -> set[str]:
    """Return the cells that only the chosen targets need."""
    others = [target.cell for target in whole.targets if target not in chosen.targets]
    return set(chosen.cells) - set(whole.closure(others))


def _with_dependents(grid: Grid, chosen: set[str]) -> set[str]:
    """Return cells and all that need them, directly or not: in a grid these come later."""
    found = set(chosen)
    for cell_id, cell in grid.cells.items():
        if found.intersection(cell.needs.values()):
            found.add(cell_id)
    return found
