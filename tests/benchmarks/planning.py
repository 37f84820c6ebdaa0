"""Looking at large grids: planning 10,000 cells, and the status of 10,000 stored ones."""

import tempfile
import time
from pathlib import Path

from gridcell.cell import Cell
from gridcell.execute.schedule import missing_cells
from gridcell.grid import Grid, GridBuilder
from gridcell.store import Store

AIMS = {"plan 10,000 cells (s)": "<= 2", "status of 10,000 stored cells (s)": "<= 5"}


def large_grid(chains: int) -> Grid:
    """Plan chains of a training and four evaluations under one pre-training."""
    grid = GridBuilder("bench")
    pre = grid.add("pretrain", {"architecture": "vit", "epochs": 100}, title="pretrain")
    for chain in range(chains):
        config = {"method": "ft", "training": {"lr": 0.001, "epochs": 10}, "downstream": chain}
        trained = grid.add("train", config, needs={"pre": pre}, seed=chain, title=f"train {chain}")
        for part in range(4):
            cell = grid.add("evaluate", {"sets": [part]}, needs={"weights": trained}, title=f"{chain} {part}")
            grid.target({"chain": chain, "part": part}, cell)
    return grid.build()


def measure() -> dict[str, float]:
    """Return seconds."""
    begun = time.perf_counter()
    grid = large_grid(2000)
    missing = missing_cells(grid, set())
    planned = time.perf_counter() - begun
    assert len(missing) == len(grid) == 10_001
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder).prepare()
        _fill(store, list(grid.cells.values()))
        begun = time.perf_counter()
        done = store.results.done()
        results, damaged = store.results.read_many(done)
        left = missing_cells(grid, done)
        looked = time.perf_counter() - begun
    assert len(results) == len(grid)
    assert not damaged
    assert not left
    return {"plan 10,000 cells (s)": planned, "status of 10,000 stored cells (s)": looked}


def _fill(store: Store, cells: list[Cell]) -> None:
    with tempfile.TemporaryDirectory() as empty:
        for cell in cells:
            store.results.commit(cell, {"accuracy": 0.5}, Path(empty), {"started": 0.0, "seconds": 1.0})
