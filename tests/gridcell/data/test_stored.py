"""Stored images: the same tensors from shards, from folders and from elsewhere, and an index of its own."""

from dataclasses import replace
from itertools import chain

import fsspec
import numpy as np
import pytest
import torch
from PIL import Image

from gridcell.data.sharded import load_index, read_stored, save_index
from gridcell.data.shards.samples import open_samples
from gridcell.data.shards.write import import_set
from gridcell.errors import CorruptData, UserError
from gridcell.store.cache import FileCache
from published_sets import SETS

pytestmark = pytest.mark.xdist_group("stored-sets")


def prepare(image):
    return torch.from_numpy(np.array(image.resize((8, 8), Image.Resampling.BICUBIC)))


def stored(name, uri):
    return read_stored(name, uri, open_samples(name, uri).content)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Two sets, each as published and imported: name -> (folder, shards)."""
    root = tmp_path_factory.mktemp("sets")
    found = {}
    for name in ("objectnet", "c"):
        published = SETS[name](root)
        import_set(name, [published.root], str(root / "shards" / name))
        found[name] = str(published.root), str(root / "shards" / name)
    return found


def batches(images, **settings):
    return list(images.training_batches(8, prepare, seed=3, **settings))


@pytest.mark.parametrize("name", ["objectnet", "c"])
def test_shards_and_folders_give_the_same_tensors_in_the_same_order(sets, name):
    folder, shards = (stored(name, uri) for uri in sets[name])
    for one, other in zip(batches(folder), batches(shards), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    for one, other in zip(
        folder.evaluation_batches(8, prepare), shards.evaluation_batches(8, prepare), strict=True
    ):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert folder.content != shards.content  # files are known by their sizes, shards by their bytes


@pytest.mark.parametrize("loaders", [0, 2])
def test_rows_and_values_come_with_their_images(sets, loaders):
    images = replace(stored("c", sets["c"][1]), loaders=loaders)
    for some in (images, images.select(np.arange(3, len(images), 2))):
        numbers = torch.arange(len(some))[:, None]
        parts = {"rank": 1, "world_size": 2, "accumulate": 2}
        plain, beside = (
            list(some.training_batches(8, prepare, seed=3, beside=rows, **parts)) for rows in (None, numbers)
        )
        values = list(some.training_values(numbers, 8, seed=3, **parts))
        pixels = some.pixels(prepare)
        assert len(plain) == len(beside) == len(values) > 1
        for (read, labels, weight), (again, (told, rows), _), (own, known, same) in zip(
            plain, beside, values, strict=True
        ):
            assert torch.equal(read, again)
            assert torch.equal(labels, told)
            assert torch.equal(pixels[rows[:, 0]], read)
            assert torch.equal(own, rows)
            assert torch.equal(known, labels)
            assert weight == same


def test_values_begin_within_an_epoch(sets):
    images = stored("c", sets["c"][1])
    batches = images.training_values(torch.arange(len(images)), 8, seed=3)
    batches.sampler.set_epoch(2)
    whole = [values.tolist() for values, _ in batches]
    batches.start_at(3)
    assert [values.tolist() for values, _ in batches] == whole[3:]
    assert sorted(chain.from_iterable(whole)) == list(range(len(images)))


def test_a_selection_is_the_same_images(sets):
    images = stored("c", sets["c"][1])
    chosen = images.select(np.flatnonzero(images.labels == images.classes[1]))
    assert chosen.classes == images.classes[1:2]
    again = chosen.select([1, 4])
    pixels = images.pixels(prepare)
    expected = pixels[torch.from_numpy(np.flatnonzero(images.labels == images.classes[1])[[1, 4]])]
    ((read, labels),) = again.evaluation_batches(8, prepare)
    assert torch.equal(read, expected)
    assert torch.equal(again.pixels(prepare)[torch.tensor([0, 1])], expected)
    assert labels.tolist() == again.labels.tolist()
    assert again.group_of.tolist() == images.group_of[images.labels == images.classes[1]][[1, 4]].tolist()
    ((rest, _),) = chosen.evaluation_batches(200, prepare, range(2, len(chosen)))
    assert len(rest) == len(chosen) - 2


def test_the_labels_are_those_that_are_read(sets):
    for name, uris in sets.items():
        images = stored(name, uris[1])
        read = [label for _, labels in images.evaluation_batches(16, prepare) for label in labels.tolist()]
        assert read == images.labels.tolist()


def test_an_index_comes_back_without_its_place(sets, tmp_path):
    for name, uris in sets.items():
        images = stored(name, uris[1])
        save_index(tmp_path / "index.npz", images)
        assert uris[1].encode() not in (tmp_path / "index.npz").read_bytes()
        found = load_index(tmp_path / "index.npz")
        for field in ("name", "content", "classes", "class_names", "groups", "alternatives"):
            assert getattr(found, field) == getattr(images, field)
        assert np.array_equal(found.labels, images.labels)
        assert np.array_equal(found.group_of, images.group_of) or images.group_of is None
        with pytest.raises(UserError, match=r"'data.root' must name the folder"):
            found.evaluation_batches(1, prepare)


def test_other_images_at_the_same_place_are_refused(sets):
    with pytest.raises(UserError, match="changed since the run was planned"):
        read_stored("c", sets["c"][1], "0" * 64)


def test_a_missing_shard_is_named_before_anything_is_read(sets, tmp_path):
    published = SETS["a"](tmp_path)
    import_set("a", [published.root], str(tmp_path / "shards"), shard_mb=0.004)
    content = open_samples("a", str(tmp_path / "shards")).content
    (tmp_path / "shards" / "shard-00001.tar").unlink()
    with pytest.raises(CorruptData, match=r"shard-00001\.tar is missing; 'gridcell data verify"):
        read_stored("a", str(tmp_path / "shards"), content)


@pytest.mark.parametrize("loaders", [0, 2])
def test_remote_shards_are_read_through_the_cache(tmp_path, monkeypatch, loaders):
    monkeypatch.setenv("GRIDCELL_CACHE", str(tmp_path / "cache"))
    published = SETS["c"](tmp_path)
    uri = f"memory://remote-{loaders}/c"
    import_set("c", [published.root], uri)
    try:
        images = stored("c", uri)
        assert not FileCache().root.exists()  # planning and indexing fetch no shard
        fog = images.select(np.flatnonzero([images.groups[g].startswith("fog/") for g in images.group_of]))
        fog = replace(fog, loaders=loaders)
        assert sum(len(labels) for _, labels in fog.evaluation_batches(4, prepare)) == 15
        assert len(list(FileCache().root.glob("*.tar"))) == 1  # of fifteen: that of the fog alone
    finally:
        fsspec.filesystem("memory").rm(f"/remote-{loaders}", recursive=True)
