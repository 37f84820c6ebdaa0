"""A store of imagenet-rib with made-up answers, in a moment: for tests of what is done with results."""

import zlib

import numpy as np

from gridcell.data.images import LabelledImages, save_npz
from gridcell.data.sharded import StoredImages, save_index
from gridcell.report import GridResults
from imagenet_rib.cells.packed_bits import PackedAnswers
from imagenet_rib.grid.plan import plan
from imagenet_rib.settings import Settings

IMAGES = 40
SETS = ["v2", "r", "val"]


def stored_results(store, tmp_path, methods, *, without=(), failures=None, **settings):
    """A run in whose stored evaluations the same share of each set is right as a hash of the cell says."""
    given = {
        "data": {"image_size": 16},
        "architectures": {"net": {"name": "resnet18"}},
        "pretrainings": {"plain": {}},
        "downstream": ["v2", "r"],
        "methods": methods,
    }
    checked = Settings.model_validate(given | settings)
    grid = plan(checked)
    for cell in grid.cells.values():
        outputs = tmp_path / "outputs" / cell.id
        outputs.mkdir(parents=True)
        if cell.kind == "data" and cell.config["source"] == "published":
            save_index(outputs / "index.npz", stored(cell.config["set"]))
        elif cell.kind == "data":
            name = cell.config["set"]
            save_npz(outputs / "set.npz", {name: images(name)})
        elif cell.kind == "evaluate":
            PackedAnswers(right(cell.id)).write(outputs / "correct.npz")
        if cell.kind in ("data", "evaluate") and cell.kind not in without:
            store.results.commit(cell, {}, outputs, {"host": "here", "versions": {}})
    results, _ = store.results.read_many(grid.cells)
    return GridResults("t", checked.model_dump(mode="json"), grid, results, failures or {}, store)


def images(name, side=16):
    pixels = np.zeros((IMAGES, side, side, 3), dtype=np.uint8)
    return LabelledImages(name, pixels, np.arange(IMAGES) % 2, (0, 1), ("zero", "one"))


def stored(name):
    labels = np.arange(IMAGES) % 2
    return StoredImages(name, None, "", labels, (0, 1), ("zero", "one"), (), None, {})


def right(cell_id):
    return {name: np.arange(IMAGES) < zlib.crc32(f"{cell_id} {name}".encode()) % IMAGES for name in SETS}
