"""What the processes of a cell of imagenet-rib do together in tests."""

import json
from pathlib import Path

import lightning.pytorch  # noqa: F401  once, before the processes are forked
import timm  # noqa: F401

from gridcell.execute.attempt import Attempt, run_in_this_process
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task


def again(rank: int, world_size: int, folder: Path) -> list[str]:
    """Run the cells that ``order.json`` names, one after another; return why any of them failed."""
    order = json.loads((folder / "order.json").read_text())
    task = find_task("imagenet-rib")
    grid = load_suite(task, order["suite"], [*order["set"], f"resources.workers={world_size}"]).grid()
    store = Store(order["storage"])
    attempts = [Attempt(grid.cells[cell], task, store, locations=grid.locations) for cell in order["cells"]]
    return [str(run_in_this_process(attempt, rank).failure or "") for attempt in attempts]
