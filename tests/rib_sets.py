"""imagenet-rib's sets of images as their cells make them, by the names in the plan."""

import tempfile
from pathlib import Path

from gridcell.context import Context
from gridcell.data import load_npz
from gridcell.grid import GridBuilder
from gridcell.store import Store
from imagenet_rib.cells.data import run
from imagenet_rib.grid.data_cells import DataCells
from imagenet_rib.settings import DOWNSTREAM

SETS = ("pretrain", "val", *DOWNSTREAM)


def planned(data, names=SETS):
    """Return the grid of the cells that the sets called ``names`` need, and set -> cell."""
    builder = GridBuilder("imagenet-rib")
    downstream = [name for name in names if name not in ("pretrain", "val")]
    wanted = DataCells(builder, data, downstream).of(*names)
    return builder.build(), {role.partition(" ")[2]: cell for role, cell in wanted.items()}


def sets_of(data, names=SETS):
    """Run the data cells of some settings, in a store that is thrown away; return set -> images."""
    grid, wanted = planned(data, names)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"{folder}/store").prepare()
        made = {}
        for cell in grid.cells.values():
            outputs = Path(folder, cell.id)
            outputs.mkdir()
            context = Context(cell, store, outputs, Path(folder), Path(folder), locations=grid.locations)
            store.results.commit(cell, run(cell, context), outputs, {})
            made[cell.id] = load_npz(outputs / "set.npz")
        return {name: made[cell.id][name] for name, cell in wanted.items()}
