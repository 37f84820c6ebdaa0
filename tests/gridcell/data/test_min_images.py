"""Small classes are left out by a setting of each task that reads a folder; it is said, and in the id."""

import numpy as np
import pytest
from PIL import Image

from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.settings import Data
from rib_sets import planned, sets_of

SAID = "1 class of fewer than 3 images (9 2) left out"
PLANS = {
    "generalization-difficulty": ("custom", "data.path={}", "data.image_size=8", "data.min_images"),
    "inductive-bias": (
        "mini",
        "problems={{own: {{source: folder, path: {}, size: 8, training_size: 20, training_sizes: []}}}}",
        "spaces={rbf: {kind: rbf}}",
        "problems.own.min_images",
        "test_points=20",
    ),
    "imagenet-rib": ("lite", "data.root={}", "downstream=[cartoon, drawing]", "data.min_images"),
}


@pytest.fixture
def images(tmp_path):
    draw = np.random.default_rng(0)
    for name, count in (("3", 30), ("7", 30), ("9", 2)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(count):
            pixels = draw.integers(0, 256, (18, 18, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    return tmp_path / "images"


@pytest.mark.parametrize("task", PLANS)
def test_small_classes_are_left_out_by_a_setting(task, images):
    suite, path, other, key, *small = PLANS[task]

    def grid(*more):
        return load_suite(find_task(task), suite, [path.format(images), other, *small, *more]).grid()

    whole, least = grid(), grid(f"{key}=3")
    assert set(grid(f"{key}=1").cells) == set(whole.cells)
    assert SAID not in " ".join(whole.notes)
    assert SAID in " ".join(least.notes)
    readers = ("data", "measure")
    read = {cell_id for cell_id, cell in whole.cells.items() if cell.kind in readers}
    assert not read & set(least.cells)


def test_what_is_left_out_is_in_no_set(images):
    def sets(least):
        data = Data(source="imagenet", root=str(images), image_size=16, min_images=least)
        return sets_of(data, ["val", "cartoon"])

    assert sets(1)["val"].classes == (3, 7, 9)
    found = sets(3)
    assert found["val"].classes == found["cartoon"].classes == (3, 7)
    with pytest.raises(UserError, match=r"'data.min_images' goes with data.source=imagenet"):
        planned(Data(source="digits", min_images=2))
