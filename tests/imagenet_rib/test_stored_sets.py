"""Sets are read from what their data cells left, whatever else these left."""

import numpy as np

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.data import load_digits_images, save_npz
from gridcell.debugging import PROFILE_FOLDER
from imagenet_rib.cells.stored_sets import read_sets


def test_sets_of_a_cell_that_left_a_profile_are_read(store, tmp_path):
    """``run --profile`` on an empty storage makes the sets under the profiler, too."""
    digits, outputs = load_digits_images(8), tmp_path / "outputs"
    (outputs / PROFILE_FOLDER).mkdir(parents=True)
    (outputs / PROFILE_FOLDER / "profile.txt").write_text("where the time went")
    save_npz(outputs / "set.npz", {"digits": digits})
    data = Cell("imagenet-rib", "data", {"set": "digits"})
    store.results.commit(data, {}, outputs, {})
    cell = Cell("imagenet-rib", "train", {}, needs={"data digits": data.id})
    (found,) = read_sets(Context(cell, store, tmp_path, tmp_path, tmp_path / "cache")).values()
    assert np.array_equal(found.images, digits.images)
