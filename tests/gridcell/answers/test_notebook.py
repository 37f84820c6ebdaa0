"""The example notebook runs from its first cell to its last, on a small stored grid."""

from pathlib import Path

import pytest

from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task

NOTEBOOK = Path(__file__).parents[3] / "platform/docs/results.ipynb"
SUITE = """
extends: mini
without: [pretrainings.rich, methods]
downstream: [v2, r]
distance: {enabled: false}
methods: {ft: {}, lp: {}, ewc: {strength: 200}}
seeds: [0, 1]
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a suite and a store in which all of its evaluations and trainings are done."""
    (tmp_path / "small.yaml").write_text(SUITE)
    grid = load_suite(find_task("imagenet-rib"), str(tmp_path / "small.yaml")).grid()
    store = Store(str(tmp_path / "runs")).prepare()
    for index, cell in enumerate(grid.cells.values()):
        outputs = tmp_path / "outputs" / cell.id
        outputs.mkdir(parents=True)
        metrics, curves = {}, {}
        if cell.kind == "evaluate":
            (outputs / "correct.npz").write_bytes(b"made up")
            metrics = {"accuracy": {"v2": 50.0 + index, "r": 40.0}, "mean_accuracy": 45.0 + index / 2}
        elif cell.kind == "train":
            curves = {"loss": [(1, 2.0), (2, 1.0 + index)]}
        store.results.commit(cell, metrics, outputs, {"seconds": 1.0, "versions": {}}, curves)
    return tmp_path


@pytest.mark.slow  # starts a kernel: 15 s
def test_the_notebook_runs(folder):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    changed = first.source.replace('"mini", "runs"', '"small.yaml", "runs"')
    assert changed != first.source
    first.source = changed
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}).execute()
    assert {path.name for path in folder.iterdir()} >= {"matrix.svg", "matrix.pdf", "gain.pdf"}
    drawn = [
        cell
        for cell in notebook.cells
        if any("image/png" in out.get("data", {}) for out in cell.get("outputs", []))
    ]
    assert len(drawn) == 3


def test_the_notebook_is_stored_without_outputs():
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
