"""Which images of set c show one photograph: from what an import stores, compared with the files' names."""

from collections import defaultdict

import numpy as np
import pytest

import published_sets
from gridcell.data.photographs import photographs
from gridcell.data.sharded import load_index, read_stored, save_index
from gridcell.data.shards.samples import open_samples
from gridcell.data.shards.write import import_set


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return published_sets.c(tmp_path_factory.mktemp("c"), count=3, classes=2).root


def files_of(images):
    """Return the name that each image was published under, below its corruption and severity."""
    samples = images.samples()
    numbers = [(shard, number) for shard, count in enumerate(samples.counts) for number in range(count)]
    return ["/".join(samples.file(*both).partition(" in ")[0].split("/")[-2:]) for both in numbers]


@pytest.mark.parametrize("imported", [True, False])
def test_images_of_one_photograph_have_one_number(root, tmp_path, imported):
    uri = str(root)
    if imported:
        uri = str(tmp_path / "shards")
        import_set("c", [root], uri, shard_mb=0.01)
    images = read_stored("c", uri, open_samples("c", uri).content)
    save_index(tmp_path / "index.npz", images)
    for one in (images, load_index(tmp_path / "index.npz", uri)):
        shown = defaultdict(set)
        for file, number, group in zip(files_of(one), one.photographs, one.group_of, strict=True):
            shown[number].add(file)
            assert group in range(75)
        assert len(shown) == 6
        assert all(len(files) == 1 for files in shown.values())
    part = images.select(np.arange(0, len(images), 7))
    assert np.array_equal(part.photographs, images.photographs[::7])


def test_nothing_is_said_of_a_set_that_shows_other_photographs_in_each_part(root, tmp_path):
    """One image is missing: places in the parts no longer tell photographs apart."""
    uri = str(tmp_path / "shards")
    victim = next(path for path in sorted(root.rglob("*.JPEG")) if "fog/3" in str(path))
    kept = victim.read_bytes()
    try:
        victim.write_bytes(b"broken")
        import_set("c", [root], uri, on_corrupt="skip")
    finally:
        victim.write_bytes(kept)
    assert read_stored("c", uri, open_samples("c", uri).content).photographs is None


def test_groups_of_equal_labels_show_the_same_photographs_in_their_order():
    labels, group_of = np.array([0, 1, 0, 1, 0, 1]), np.array([0, 0, 1, 1, 2, 2])
    assert photographs(labels, group_of).tolist() == [0, 1, 0, 1, 0, 1]
    places = np.array([1, 0, 1, 0, 0, 1])  # the last group lies in another order
    assert photographs(labels, group_of, places) is None
    assert photographs(labels[[1, 0, 3, 2, 4, 5]], group_of, places).tolist() == [1, 0, 1, 0, 0, 1]
    assert photographs(labels, None) is None
