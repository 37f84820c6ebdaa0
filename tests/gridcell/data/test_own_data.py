"""Folders and arrays as people have them: one answer of all readers, which the README says."""

import hashlib
import os
import re
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generalization_difficulty.data.files import open_own
from gridcell.data.folder import read_folder
from gridcell.data.folders import open_class_folders
from gridcell.data.shards.samples import FolderSamples, ShardSamples
from gridcell.data.shards.write import import_set
from gridcell.errors import CorruptData, UserError
from imagenet_rib.grid.image_folders import open_sets
from inductive_bias.problems.sources import from_folder, from_npz, from_shards, notes
from own_data import ARRAYS, FOLDERS, SIDE, N, pixels, save, table

README = Path(__file__).parents[3] / "platform/gridcell/data/README.md"


def by_folder(root, size):
    read = read_folder(root, size)
    return len(read.classes), len(read)


def by_difficulty(root, size):
    batches = list(open_own(str(root), image_size=size).batches)
    labels = np.concatenate([labels for _, labels in batches])
    return len(np.unique(labels)), len(labels)


def by_bias(root, size):
    pool = from_folder(root, size)
    return pool.y.shape[1], len(pool.x)


def by_imagenet(root, size):
    """Class folders 0, 1, ... are ImageNet's classes, too; it always brings images to a size."""
    sets = open_sets(root)
    return len(sets.base.label_of), len(read_folder(sets.base.folders.root, size or SIDE))


def by_import(root, size):
    target = root.parent / "shards"
    import_set("folder", [root], str(target))
    pool = from_shards(str(target), size)
    return pool.y.shape[1], len(pool.x)


def by_plain_samples(root, size):
    samples = FolderSamples("folder", root)
    for shard, count in enumerate(samples.counts):
        for number in range(count):
            samples.read(shard, number)
    return len(samples.classes), sum(samples.counts)


READERS = (by_folder, by_difficulty, by_bias, by_imagenet, by_import, by_plain_samples)


@pytest.mark.parametrize("row", FOLDERS, ids=lambda row: row.make.__name__.strip("_<>"))
def test_all_readers_give_the_answer_of_the_readme(row, tmp_path):
    root = tmp_path / "images"
    row.make(root)
    sizes = "sizes" in row.oddity
    for read in READERS:
        if read is by_imagenet and ("two ways" in row.oddity or sizes):
            continue  # é is no ImageNet class; images are always brought to one size
        if read is by_plain_samples and sizes:
            continue  # it hands out undecoded images
        if row.refused:
            with pytest.raises((UserError, CorruptData), match=re.escape(row.refused)) as caught:
                read(root, None)
            assert "\n" not in str(caught.value)
        else:
            assert read(root, None) == (row.classes, row.images), read.__name__


@pytest.mark.parametrize("row", [row for row in FOLDERS if row.said], ids=lambda row: row.make.__name__)
def test_what_is_left_out_or_converted_is_said_by_every_plan(row, tmp_path):
    root = tmp_path / "images"
    row.make(root)
    assert row.said in " ".join(open_own(str(root)).said)
    assert row.said in " ".join(notes(root, "folder", None, None, ""))
    if "grey" not in row.said and "16 bits" not in row.said:
        assert row.said in " ".join(open_sets(root).said([]))


@pytest.mark.parametrize(
    "row", [row for row in FOLDERS if "left out" in row.said], ids=lambda row: row.make.__name__
)
def test_what_an_import_leaves_out_is_said(row, tmp_path):
    row.make(tmp_path / "images")
    done = import_set("folder", [tmp_path / "images"], str(tmp_path / "shards"))
    assert row.said in " ".join(done.manifest.how["said"])


@pytest.mark.parametrize("row", ARRAYS, ids=lambda row: row.oddity)
def test_both_npz_readers_give_the_answer_of_the_readme(row, tmp_path):
    file = tmp_path / "mine.npz"
    np.savez(file, **row.arrays())
    if row.refused:
        if row.told_by_task:
            assert "of type float64 are read as 3 classes" in " ".join(open_own(str(file)).said)
        for values in () if row.told_by_task else (True, False):
            with pytest.raises(UserError, match=re.escape(row.refused)) as caught:
                open_own(str(file), target=row.target, values=values)
            assert "\n" not in str(caught.value)
        with pytest.raises(UserError, match=re.escape(row.refused)):
            from_npz(file, row.target)
        return
    pool = from_npz(file, row.target)
    assert (len(pool.x), pool.x[0].size, pool.y.shape[1]) == (N, row.features, row.classes or 1)
    assert row.said in " ".join(notes(file, "npz", None, row.target, ""))
    if not row.classes:
        with pytest.raises(UserError, match="are numbers"):
            open_own(str(file), target=row.target)
        return
    own = open_own(str(file), target=row.target)
    points, labels = next(iter(own.batches))
    assert (len(points), points[0].size, len(np.unique(labels))) == (N, row.features, row.classes)
    assert np.array_equal(np.argmax(pool.y, axis=1), labels)
    assert row.said in " ".join(own.said)
    assert open_own(str(file), target=row.target, values=False).fingerprint == own.fingerprint


@pytest.mark.parametrize(("rows", "head"), [(FOLDERS, "image folder"), (ARRAYS, ".npz file")])
def test_the_readme_has_the_tables(rows, head):
    assert table(rows, head) in README.read_text(encoding="utf-8"), "run: python tests/own_data.py"


def rows_named(*parts):
    return [row for row in FOLDERS if any(part in row.oddity for part in parts)]


@pytest.mark.parametrize("row", rows_named("16 bits alone", "grey images alone"), ids=["grey", "deep"])
def test_grey_images_keep_their_one_channel_and_their_values(row, tmp_path):
    root = tmp_path / "images"
    row.make(root)
    right = np.stack(
        [pixels(10 * label + number, grey=True) / 255 for label in range(2) for number in range(3)]
    )
    import_set("folder", [root], str(tmp_path / "shards"))
    for pool in (from_folder(root, None), from_shards(str(tmp_path / "shards"), None)):
        assert pool.x.shape == (6, 1, SIDE, SIDE)
        order = np.lexsort(pool.x.reshape(6, -1).T)
        assert np.allclose(pool.x[order, 0], right[np.lexsort(right.reshape(6, -1).T)], atol=1e-7)
    points, _ = next(iter(open_own(str(root)).batches))
    scaled = points / 255 if points.dtype == np.uint8 else points
    assert np.allclose(scaled[..., 0], right, atol=1e-7)
    assert np.allclose(read_folder(root).images[..., 0] / 255, right)


def test_photographs_are_turned_and_drawn_on_white_in_folders_and_their_imports(tmp_path):
    root = tmp_path / "images"
    for row in rows_named("EXIF", "transparency"):
        row.make(root)
    with Image.open(root / "0" / "phone.jpg") as stored:
        lying = np.asarray(stored)
    place = [image.name for image in open_class_folders(root).images].index("0/phone.jpg")
    np.testing.assert_array_equal(read_folder(root).images[place], np.rot90(lying, -1))
    import_set("folder", [root], str(tmp_path / "shards"))
    ours, stored = (
        sorted(image.tobytes() for image in pool.x)
        for pool in (from_folder(root, None), from_shards(str(tmp_path / "shards"), None))
    )
    assert ours == stored
    assert any((image == 1).all() for image in from_folder(root, None).x)


def test_what_an_import_changes_is_counted_by_it_and_by_every_plan_on_its_shards(tmp_path):
    root, shards = tmp_path / "images", tmp_path / "shards"
    for row in rows_named("EXIF", "transparency", "twice in a class"):
        row.make(root)
    said = "1 image turned upright by EXIF, 1 image with transparency drawn on white: stored as PNG"
    for _ in range(2):  # once more after a shard was lost
        assert import_set("folder", [root], str(shards)).manifest.changed == said
        (shards / "shard-00000.tar").unlink()
    import_set("folder", [root], str(shards))
    for sentences in (open_own(str(shards)).said, notes(shards, "shards", None, None, "")):
        assert said in " ".join(sentences)
        assert "1 image is a copy of another" in " ".join(sentences)


def test_classes_are_in_one_order_however_their_accents_are_stored(tmp_path):
    marks = set()
    for form in ("NFC", "NFD"):
        root = tmp_path / form
        for number, name in enumerate(("é", "f", "z")):
            save_in(root / unicodedata.normalize(form, name), unicodedata.normalize(form, "ü.png"), number)
        folders = open_class_folders(root)
        assert folders.class_names == ("f", "z", "é")
        assert import_set("folder", [root], str(tmp_path / f"{form}-shards")).manifest.class_names == (
            folders.class_names
        )
        marks.add(folders.fingerprint)
    assert len(marks) == 1


def test_a_class_whose_name_is_no_text_is_shown_in_every_output(tmp_path):
    for name in ("ant", os.fsdecode(b"caf\xe9"), "two\nlines"):
        save_in(tmp_path / name, "0.png", len(name))
    assert open_class_folders(tmp_path).class_names == ("ant", r"caf\xe9", r"two\nlines")


def test_a_strip_is_not_brought_to_a_square(tmp_path):
    for label in range(2):
        save_in(tmp_path / str(label), "0.png", label)
    Image.new("RGB", (2001, 20)).save(tmp_path / "0" / "strip.png")
    with pytest.raises(UserError, match="2001 x 20 px are too narrow"):
        read_folder(tmp_path, 224)


def test_the_fingerprint_is_of_the_bytes_that_are_read_in_their_order(tmp_path):
    root = tmp_path / "images"
    for row in rows_named("nothing odd"):
        row.make(root)
    folders = open_class_folders(root)
    assert [image.facts.sha256 for image in folders.images] == [
        hashlib.sha256((root / image.name).read_bytes()).hexdigest() for image in folders.images
    ]
    before = folders.fingerprint
    path = root / "1" / "2.png"
    content = path.read_bytes()
    path.write_bytes(content + b"x" * 100_000)  # behind what was hashed before
    assert open_class_folders(root).fingerprint != before
    with pytest.raises(UserError, match=r"2\.png changed since"):
        read_folder_of(folders)
    path.write_bytes(content)
    assert open_class_folders(root).fingerprint == before
    (root / ".DS_Store").write_bytes(b"x")
    assert open_class_folders(root).fingerprint == before, "what isn't read has no part in it"


def read_folder_of(folders):
    return [folders.read(image) for image in folders.images]


def test_folders_of_links_to_other_images_are_other_data(tmp_path):
    for name, classes in (("a", 2), ("b", 3)):
        for label in range(classes):
            for number in range(4):
                save_in(
                    tmp_path / f"{name}-real" / str(label),
                    f"{number}.png",
                    100 * classes + 10 * label + number,
                )
        (tmp_path / name).mkdir()
        for label in range(classes):
            (tmp_path / name / str(label)).symlink_to(tmp_path / f"{name}-real" / str(label))
    marks = {name: open_class_folders(tmp_path / name).fingerprint for name in ("a", "b", "a-real", "b-real")}
    assert marks["a"] == marks["a-real"] != marks["b"] == marks["b-real"]
    val = tmp_path / "rib" / "val"
    val.parent.mkdir()
    val.symlink_to(tmp_path / "b")
    alone = open_sets(tmp_path / "rib")
    (tmp_path / "rib" / "v2").symlink_to(tmp_path / "a")
    both = open_sets(tmp_path / "rib")
    assert "v2" not in alone.given
    assert both.given["v2"][0].folders.fingerprint == marks["a"]
    assert "v2 derived from val" in " ".join(alone.said(["v2"]))
    assert "v2" not in " ".join(both.said(["v2"]))


def save_in(folder, name, number):
    save(folder / name, number)


def test_small_classes_are_left_out_and_said(tmp_path):
    for label, count in enumerate((3, 5, 1)):
        for number in range(count):
            save_in(tmp_path / "images" / f"c{label}", f"{number}.png", 10 * label + number)
    folders = open_class_folders(tmp_path / "images", min_images=3)
    assert folders.class_names == ("c0", "c1")
    assert folders.left_out.sentence == "1 class of fewer than 3 images (c2 1) left out"
    done = import_set("folder", [tmp_path / "images"], str(tmp_path / "shards"), min_images=4)
    assert done.manifest.class_names == ("c1",)
    assert "2 classes of fewer than 4 images (c0 3, c2 1) left out" in done.manifest.how["said"]
    assert ShardSamples(str(tmp_path / "shards")).classes == (0,)


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for label in range(2):
        save_in(tmp_path / "images" / str(label), "0.png", label)
    np.savez(tmp_path / "mine.npz", x=np.eye(4), y=np.arange(4))
    import_set("folder", ["~/images"], "~/shards")
    assert (tmp_path / "shards" / "manifest.json").exists()
    assert len(list(open_own("~/images").batches)) == 1
    assert len(list(open_own("~/shards").batches)) == 1
    assert len(list(open_own("~/mine.npz").batches)) == 1
    assert len(from_folder("~/images", None).x) == len(from_shards("~/shards", None).x) == 2
    assert len(from_npz("~/mine.npz").x) == 4
    assert len(open_sets("~/images").base.folders.images) == 2


def test_unnamed_arrays_that_may_be_in_another_order_are_refused(tmp_path):
    x, y = np.random.default_rng(0).random((6, 4)), np.arange(6) % 2
    np.savez(tmp_path / "mine.npz", x, x, y, y)
    with pytest.raises(UserError, match="arr_0 and arr_1 look like points alike"):
        from_npz(tmp_path / "mine.npz")
    np.savez(tmp_path / "mine.npz", x, x)  # numbers to predict
    assert from_npz(tmp_path / "mine.npz").y.shape == (6, 4)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("x", b"no array", "x is no array"),
        ("x.npy", b"no array", "x is no array|it can't be read|magic string"),
        ("x", None, ""),
    ],
)
def test_what_lies_in_an_archive_and_is_no_array_is_refused(tmp_path, name, content, why):
    """Other programs leave out NumPy's ending of a member, which NumPy reads all the same."""
    np.savez(tmp_path / "mine.npz", y=np.arange(4) % 2)
    np.save(tmp_path / "x.npy", np.eye(4))
    with zipfile.ZipFile(tmp_path / "mine.npz", "a") as archive:
        archive.writestr(name, (tmp_path / "x.npy").read_bytes() if content is None else content)
    readers = (
        lambda: open_own(str(tmp_path / "mine.npz")),
        lambda: open_own(str(tmp_path / "mine.npz"), values=False),
        lambda: from_npz(tmp_path / "mine.npz"),
    )
    for read in readers:
        if content is None:
            read()
        else:
            with pytest.raises(UserError, match=why):
                read()


@pytest.mark.parametrize("content", [b"", b"no array at all", b"\x93NUMPY\1\0"])
def test_a_damaged_array_is_refused_without_advice_to_load_it_unsafely(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    np.save(tmp_path / "y.npy", np.arange(4))
    with pytest.raises(UserError, match=r"can't be read as arrays of numbers: (?!.*pickle)") as caught:
        open_own(str(tmp_path / "x.npy"), str(tmp_path / "y.npy"))
    assert "\n" not in str(caught.value)


def test_endings_of_arrays_may_be_in_capitals(tmp_path):
    np.savez(tmp_path / "mine.npz", x=np.eye(4), y=np.arange(4))
    (tmp_path / "mine.npz").rename(tmp_path / "MINE.NPZ")
    assert len(list(open_own(str(tmp_path / "MINE.NPZ")).batches)) == 1
