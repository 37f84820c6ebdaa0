"""Suites: round trip, manifest, damage, and what may be overwritten."""

import json
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from gridcell.data.image_sets import (
    read_suite,
    set_checksums,
    verify_suite,
    write_suite,
    written_checksums,
)
from gridcell.data.images import concatenate, content_digest, select
from gridcell.errors import CorruptData, UserError


@pytest.fixture
def two_sets(coloured):
    grouped = replace(
        select(coloured, range(6), name="c"), groups=("fog/1", "fog/2"), group_of=np.array([0, 1, 1, 0, 1, 0])
    )
    return {"val": coloured, "c": grouped}


def test_suite_round_trip(tmp_path, two_sets):
    write_suite(tmp_path / "suite", two_sets, {"seed": 3})
    read = read_suite(tmp_path / "suite")
    assert list(read) == ["val", "c"]
    for name, labelled in two_sets.items():
        assert content_digest(read[name]) == content_digest(labelled)
    assert list(read_suite(tmp_path / "suite", ["c"])) == ["c"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["suite"], "nothing temporary is left"


def test_manifest_says_what_the_suite_holds(tmp_path, two_sets):
    returned = write_suite(tmp_path / "suite", two_sets, {"seed": 3})
    manifest = json.loads((tmp_path / "suite" / "manifest.json").read_text())
    assert manifest == returned
    assert manifest["how"] == {"seed": 3}
    assert manifest["sets"]["val"]["images_per_class"] == {"ant": 4, "cat": 4, "dog": 4}
    assert manifest["sets"]["c"]["groups"] == {"fog/1": [0, 3, 5], "fog/2": [1, 2, 4]}


def test_changed_or_missing_image_is_noticed(tmp_path, two_sets):
    root = tmp_path / "suite"
    write_suite(root, two_sets, {})
    file = root / "val" / "cat" / "00000001.png"
    pixels = np.array(Image.open(file))
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(file)
    with pytest.raises(CorruptData, match=r"'val'.*checksum"):
        read_suite(root)
    assert len(read_suite(root, ["val"], verify=False)["val"]) == 12
    assert len(read_suite(root, ["c"])["c"]) == 6
    file.write_bytes(b"nothing")
    with pytest.raises(CorruptData, match=r"00000001\.png"):
        read_suite(root)
    file.unlink()
    with pytest.raises(CorruptData, match="should have 12 images, has 11"):
        read_suite(root)


def test_all_images_of_a_set_that_cannot_be_read_are_named(tmp_path, two_sets):
    root = tmp_path / "suite"
    write_suite(root, two_sets, {})
    damaged = sorted((root / "val").rglob("*.png"))[1:12:5]
    damaged[0].write_bytes(b"nothing")
    damaged[1].write_bytes(damaged[1].read_bytes()[:-30])
    damaged[2].write_bytes(b"")
    with pytest.raises(CorruptData) as caught:
        read_suite(root)
    assert "3 images can't be read: " in str(caught.value)
    assert all(f"{file} (" in str(caught.value) for file in damaged)
    assert str(caught.value).endswith("; write the suite again")
    (root / "c/cat/00000001.png").write_bytes(b"nothing")
    in_val, in_c = verify_suite(root).problems
    assert "'val'" in in_val
    assert f"Image {root / 'c/cat/00000001.png'} can't be read: " in in_c


def test_files_of_other_bytes_are_a_problem_though_their_pixels_are_equal(tmp_path, two_sets):
    """Planning compares bytes: what it finds changed must not be called whole."""
    root = tmp_path / "suite"
    write_suite(root, two_sets, {})
    assert verify_suite(root).problems == ()
    with (root / "val" / "cat" / "00000001.png").open("ab") as file:
        file.write(b"x")
    (problem,) = verify_suite(root).problems
    assert problem.startswith(f"Files of set 'val' of {root} are not those that were written")
    (root / "val" / "cat" / ".hidden").write_bytes(b"x")
    manifest = json.loads((root / "manifest.json").read_text())
    del manifest["sets"]["val"]["files"]  # as manifests were before files were hashed
    (root / "manifest.json").write_text(json.dumps(manifest))
    assert verify_suite(root).problems == ()


@pytest.mark.parametrize("old_manifest", [False, True])
def test_checksums_are_of_the_pictures_that_are_there_now(tmp_path, two_sets, old_manifest):
    """Also by a manifest of before files were hashed; a file that was only written anew changes nothing."""
    root = tmp_path / "suite"
    write_suite(root, two_sets, {})
    if old_manifest:
        manifest = json.loads((root / "manifest.json").read_text())
        for about in manifest["sets"].values():
            del about["files"]
        (root / "manifest.json").write_text(json.dumps(manifest))
    written = {name: content_digest(labelled) for name, labelled in two_sets.items()}
    assert set_checksums(root) == written_checksums(root) == written
    file = root / "val" / "cat" / "00000001.png"
    pixels = np.array(Image.open(file))
    Image.fromarray(pixels).save(file, compress_level=0)  # other bytes, the same picture
    assert set_checksums(root) == written
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(file)
    changed = set_checksums(root)
    assert changed["val"] == content_digest(read_suite(root, ["val"], verify=False)["val"]) != written["val"]
    assert (changed["c"], written_checksums(root)) == (written["c"], written)
    file.rename(file.with_name("00000099.png"))
    with pytest.raises(CorruptData, match="should have 12 images"):
        set_checksums(root, ["val"])
    assert set_checksums(root, ["c"]) == {"c": written["c"]}, "a set that nobody asks for isn't read"


def test_image_moved_to_another_class_is_noticed(tmp_path, two_sets):
    root = tmp_path / "suite"
    write_suite(root, two_sets, {})
    (root / "val" / "cat" / "00000001.png").rename(root / "val" / "ant" / "00000001.png")
    with pytest.raises(CorruptData, match="checksum"):
        read_suite(root)


def test_only_own_folders_are_replaced(tmp_path, two_sets):
    root = tmp_path / "suite"
    root.mkdir()
    write_suite(root, two_sets, {"seed": 1})
    write_suite(root, {"val": two_sets["val"]}, {"seed": 2})
    assert sorted(entry.name for entry in root.iterdir()) == ["manifest.json", "val"]
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter.txt").write_text("precious")
    with pytest.raises(UserError, match=r"thesis is not empty"):
        write_suite(foreign, two_sets, {})
    (foreign / "manifest.json").write_text('{"format": "another program"}')
    with pytest.raises(UserError, match=r"thesis is not empty"):
        write_suite(foreign, two_sets, {})
    assert (foreign / "chapter.txt").read_text() == "precious"


def test_failure_while_writing_leaves_the_old_suite(tmp_path, two_sets, monkeypatch):
    root = tmp_path / "suite"
    write_suite(root, two_sets, {})
    before = set_checksums(root)

    monkeypatch.setattr(Image.Image, "save", Mock(side_effect=OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_suite(root, {"val": two_sets["val"]}, {})
    assert set_checksums(root) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["suite"]


@pytest.mark.parametrize("name", ["../up", "", ".hidden", "a/b", ".."])
def test_names_cannot_leave_the_folder(tmp_path, two_sets, name):
    with pytest.raises(UserError, match="folder's name"):
        write_suite(tmp_path / "suite", {name: two_sets["val"]}, {})
    write_suite(tmp_path / "good", two_sets, {})
    manifest = json.loads((tmp_path / "good" / "manifest.json").read_text())
    manifest["sets"][name] = manifest["sets"]["val"]
    (tmp_path / "good" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="folder's name"):
        read_suite(tmp_path / "good")


def test_unknown_set_names_the_nearest(tmp_path, two_sets):
    write_suite(tmp_path / "suite", two_sets, {})
    with pytest.raises(UserError, match="did you mean 'val'"):
        read_suite(tmp_path / "suite", ["vall"])
    with pytest.raises(UserError, match="no suite"):
        read_suite(tmp_path)


def test_checksums_follow_content_not_place(tmp_path, two_sets, coloured):
    write_suite(tmp_path / "a", two_sets, {"seed": 1})
    write_suite(tmp_path / "deep" / "b", two_sets, {"seed": 1})
    assert set_checksums(tmp_path / "a") == set_checksums(tmp_path / "deep" / "b")
    longer = {**two_sets, "val": concatenate([coloured, select(coloured, [0])], name="val")}
    write_suite(tmp_path / "c", longer, {"seed": 1})
    before, after = set_checksums(tmp_path / "a"), set_checksums(tmp_path / "c")
    assert {name for name in after if after[name] != before[name]} == {"val"}
    with pytest.raises(UserError, match="holds no suite"):
        set_checksums(tmp_path / "absent")


@pytest.mark.parametrize(
    ("made", "why", "advice"),
    [
        (None, "there is no such folder", "derive --base IMAGES --out {root}' makes one"),
        ("", "there is no manifest.json in it", "derive --base IMAGES --out SUITE' makes one"),
        ("cat", "there is no manifest.json in it", "derive --base {root} --out SUITE' makes one"),
    ],
)
def test_a_folder_that_is_no_suite_is_told_how_one_is_made(tmp_path, made, why, advice):
    root = tmp_path / "pictures"
    if made is not None:
        (root / made).mkdir(parents=True)
    with pytest.raises(UserError) as told:
        read_suite(root)
    assert str(told.value).startswith(f"{root} holds no suite: {why}. ")
    assert advice.format(root=root) in str(told.value)
