"""Labelled images: what is refused, taking apart and joining, the file format."""

import hashlib
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gridcell.data.images import LabelledImages, concatenate, content_digest, load_npz, save_npz, select
from gridcell.errors import CorruptData, UserError


def make(labels, classes, groups=(), group_of=None):
    labels = np.array(labels, dtype=np.int64)
    images = np.arange(len(labels) * 4 * 4 * 3).reshape(-1, 4, 4, 3).astype(np.uint8)
    return LabelledImages("r", images, labels, tuple(classes), tuple("0123456789"), groups, group_of)


def assert_same(left, right):
    assert (left.name, left.classes, left.class_names, left.groups) == (
        right.name,
        right.classes,
        right.class_names,
        right.groups,
    )
    np.testing.assert_array_equal(left.images, right.images)
    np.testing.assert_array_equal(left.labels, right.labels)
    assert (left.group_of is None) == (right.group_of is None)
    if left.group_of is not None:
        np.testing.assert_array_equal(left.group_of, right.group_of)


def test_missing_class_is_named():
    with pytest.raises(UserError, match=r"set 'r' has no image of class '7'"):
        make([1, 2], [1, 2, 7])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((2, 4, 4), np.uint8)}, "shape"),
        ({"images": np.zeros((2, 4, 4, 3), np.float32)}, "uint8"),
        ({"labels": np.array([1], np.int64)}, "labels must be int64"),
        ({"labels": np.array([1, 2], np.int32)}, "labels must be int64"),
        ({"labels": np.array([1, 3], np.int64)}, "labelled 3"),
        ({"classes": (2, 1)}, "ascend"),
        ({"classes": (1, 2, 11)}, "class 11"),
        ({"groups": ("fog/1",)}, "go together"),
        ({"groups": ("fog/1",), "group_of": np.array([0, 1])}, "outside its 1 groups"),
    ],
)
def test_inconsistent_sets_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        replace(make([1, 2], [1, 2]), **change)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.data())
def test_selected_parts_join_to_the_whole(labels, data):
    whole = make(labels, sorted(set(labels)))
    cut = data.draw(st.integers(0, len(labels)))
    order = np.array(data.draw(st.permutations(range(len(labels)))), dtype=np.int64)
    joined = concatenate([select(whole, order[:cut]), select(whole, order[cut:])], name="r")
    assert_same(select(joined, np.argsort(order)), whole)


def test_select_keeps_only_classes_that_are_left():
    assert select(make([1, 2, 2, 5], [1, 2, 5]), [1, 2], name="x").classes == (2,)


def test_groups_of_joined_sets_are_merged_by_name():
    left = make([1, 2], [1, 2], groups=("fog/1", "fog/2"), group_of=np.array([0, 1]))
    right = make([2, 1], [1, 2], groups=("snow/1", "fog/1"), group_of=np.array([0, 1]))
    joined = concatenate([left, right], name="c")
    assert [joined.groups[k] for k in joined.group_of] == ["fog/1", "fog/2", "snow/1", "fog/1"]


def test_sets_that_do_not_fit_are_not_joined(coloured):
    with pytest.raises(UserError, match="image size"):
        concatenate([make([1], [1]), coloured], name="x")
    with pytest.raises(UserError, match="label spaces"):
        concatenate([make([1], [1]), replace(make([1], [1]), class_names=("a", "b"))], name="x")
    with pytest.raises(UserError, match="only one of the sets"):
        concatenate([make([1], [1]), make([1], [1], groups=("g",), group_of=np.array([0]))], name="x")
    with pytest.raises(UserError, match="nothing to concatenate"):
        concatenate([], name="x")


def test_archive_returns_what_was_saved(tmp_path, coloured):
    grouped = make([3, 1], [1, 3], groups=("fog/1", "fog/2"), group_of=np.array([1, 0]))
    save_npz(tmp_path / "deep" / "sets.npz", {"plain": coloured, "c": grouped})
    loaded = load_npz(tmp_path / "deep" / "sets.npz")
    assert set(loaded) == {"plain", "c"}
    assert_same(loaded["plain"], coloured)
    assert_same(loaded["c"], grouped)
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["sets.npz"]


def test_archive_has_the_same_bytes_whatever_the_date_and_order(tmp_path, coloured):
    save_npz(tmp_path / "1.npz", {"b": coloured, "a": make([3], [3])})
    save_npz(tmp_path / "2.npz", {"a": make([3], [3]), "b": coloured})
    first, second = (hashlib.sha256((tmp_path / name).read_bytes()).digest() for name in ("1.npz", "2.npz"))
    assert first == second
    with zipfile.ZipFile(tmp_path / "1.npz") as archive:
        assert {member.date_time[0] for member in archive.infolist()} == {1980}


def test_damaged_or_foreign_archive_is_refused(tmp_path, coloured):
    file = tmp_path / "sets.npz"
    save_npz(file, {"a": coloured})
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "flipped.npz").write_bytes(content)
    (tmp_path / "cut.npz").write_bytes(file.read_bytes()[:1000])
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    pickled = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "pickled.npz", index=pickled)
    for name in ("flipped", "cut", "other", "pickled"):
        with pytest.raises(CorruptData, match=name):
            load_npz(tmp_path / f"{name}.npz")
    with pytest.raises(FileNotFoundError):
        load_npz(tmp_path / "absent.npz")


@settings(max_examples=30)
@given(st.integers(0, 11), st.integers(0, 19), st.integers(0, 23), st.integers(0, 2), st.integers(1, 255))
def test_digest_sees_every_pixel(image, row, column, channel, change):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 20, 24, 3), dtype=np.uint8)
    labels = np.zeros(12, np.int64)
    before = LabelledImages("a", images, labels, (0,), ("x",))
    other = images.copy()
    other[image, row, column, channel] ^= change
    assert content_digest(before) != content_digest(replace(before, images=other))
    assert content_digest(before) == content_digest(replace(before, name="b"))
