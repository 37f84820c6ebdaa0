"""Results of cells that were never run, for tests of what is made of results."""

from gridcell.cell import Cell
from gridcell.grid import Grid, Target
from gridcell.report import GridResults
from gridcell.store import Store


def made_up(metrics, labels, tmp_path, **provenance):
    """Results of cells with given metrics and labels; a cell without metrics isn't done."""
    store = Store(str(tmp_path / "store")).prepare()
    (tmp_path / "none").mkdir(exist_ok=True)
    cells = [Cell("t", "k", {"index": index}, title=f"cell {index}") for index in range(len(metrics))]
    for cell, answered in zip(cells, metrics, strict=True):
        if answered is not None:
            store.results.commit(cell, answered, tmp_path / "none", {"seconds": 1.5, **provenance})
    targets = tuple(Target(label, cell.id) for label, cell in zip(labels, cells, strict=True))
    grid = Grid({cell.id: cell for cell in cells}, targets)
    results, _ = store.results.read_many(grid.cells)
    return GridResults("t", {}, grid, results, {}, store)
