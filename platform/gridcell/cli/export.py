"""``gridcell export``: a cell's model as files that other programs load."""

import shutil
import uuid
from pathlib import Path
from typing import Annotated

import typer

from gridcell import plugins
from gridcell.cli import common
from gridcell.cli.cells import CellId
from gridcell.cli.common import DEFAULT_STORAGE, Plugins, Storage, open_store, reading
from gridcell.errors import CorruptData, UserError
from gridcell.store.scratch import scratch_folder
from gridcell.task import Exporting, find_task


def export(
    cell_id: CellId,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A folder that is absent or empty.")],
    storage: Storage = DEFAULT_STORAGE,
    plugin: Plugins = None,
) -> None:
    """Write a cell's model with its classes, normalisation and origin, for timm and for gridcell."""
    store = open_store(storage)
    with reading(storage):
        plan, cell = store.plans.find(cell_id)
        done = cell.id in store.results.done()
    if not done:
        raise UserError(f"Cell {cell.id} ({cell.title}) isn't done: only finished cells can be exported")
    to = to.expanduser()
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"{to} exists and is not empty: choose another folder")
    plugins.load(plugin or plan.plugins)
    to.parent.mkdir(parents=True, exist_ok=True)
    partial = to.with_name(f".{to.name}.{uuid.uuid4().hex[:8]}.partial")
    with scratch_folder("export") as scratch:
        asked = Exporting(store, plan.cells, plan.locations, cell, partial, scratch, str(to))
        lines = _written(asked, plan.task)
    console = common.console()
    console.print(f"{cell.title}: written to {to}", soft_wrap=True)
    for line in lines:
        console.print(line, soft_wrap=True)


def _written(asked: Exporting, task: str) -> list[str]:
    """Write everything under a temporary name, so that the folder appears whole or not at all."""
    asked.folder.mkdir()
    try:
        lines = list(find_task(task).export_cell(asked.cell, asked))
        target = Path(asked.to)
        if target.exists():
            target.rmdir()
        asked.folder.rename(target)
    except CorruptData as error:
        raise UserError(f"The cell can't be exported: {error}") from error
    finally:
        shutil.rmtree(asked.folder, ignore_errors=True)
    return lines
