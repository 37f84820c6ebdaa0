"""Plain image folders."""

import numpy as np
import pytest
from PIL import Image

from gridcell.data.folder import read_folder, write_folder
from gridcell.data.folders import open_class_folders
from gridcell.errors import UserError


def test_written_folder_reads_back(tmp_path, coloured):
    write_folder(tmp_path / "set", coloured)
    read = read_folder(tmp_path / "set", class_names=coloured.class_names, partial=True)
    order = np.argsort(coloured.labels, kind="stable")
    np.testing.assert_array_equal(read.images, coloured.images[order])
    np.testing.assert_array_equal(read.labels, coloured.labels[order])
    assert read.classes == (0, 2, 3)


def test_class_names_are_the_sorted_folders_unless_given(tmp_path, coloured):
    write_folder(tmp_path / "set", coloured)
    assert read_folder(tmp_path / "set").class_names == ("ant", "cat", "dog")
    turned = read_folder(tmp_path / "set", class_names=("dog", "cat", "ant"))
    np.testing.assert_array_equal(turned.images[turned.labels == 0], coloured.images[coloured.labels == 3])


def test_resize_takes_the_centre_of_the_shorter_side(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = (0, 200, 0)
    (tmp_path / "x").mkdir()
    Image.fromarray(wide).save(tmp_path / "x" / "a.png")
    Image.fromarray(wide.transpose(1, 0, 2)).save(tmp_path / "x" / "b.JPG", "PNG")
    (tmp_path / "x" / "notes.txt").write_text("not an image")
    read = read_folder(tmp_path, size=10)
    assert read.images.shape == (2, 10, 10, 3)
    assert (read.images[:, 2:8, 2:8] == (0, 200, 0)).all()


def test_resize_is_bicubic(tmp_path, photos):
    (tmp_path / "x").mkdir()
    Image.fromarray(photos[0]).save(tmp_path / "x" / "a.png")
    expected = np.asarray(Image.fromarray(photos[0]).resize((48, 48), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(read_folder(tmp_path, size=48).images[0], expected)


def test_problems_are_named(tmp_path, coloured):
    with pytest.raises(UserError, match="no image folder"):
        read_folder(tmp_path / "absent")
    with pytest.raises(UserError, match="no class folders"):
        read_folder(tmp_path)
    root = tmp_path / "set"
    write_folder(root, coloured)
    with pytest.raises(UserError, match="no folder for class 'bee'"):
        read_folder(root, class_names=coloured.class_names)
    with pytest.raises(UserError, match=r"'dog'.*did you mean 'dogs'"):
        read_folder(root, class_names=("ant", "cat", "dogs"))
    (root / "bee").mkdir()
    assert read_folder(root).class_names == ("ant", "cat", "dog")
    (root / "bee" / "broken.png").write_bytes((root / "ant" / "00000000.png").read_bytes()[:200])
    with pytest.raises(UserError, match=r"bee/broken\.png can't be read.*: gridcell data import folder"):
        read_folder(root)
    (root / "bee" / "second.png").write_bytes((root / "ant" / "00000000.png").read_bytes()[:190])
    with pytest.raises(UserError, match=r"^2 images can't be read: .*broken\.png .*second\.png"):
        read_folder(root)
    (root / "bee" / "second.png").unlink()
    Image.new("RGB", (5, 5)).save(root / "bee" / "broken.png")
    with pytest.raises(UserError, match=r"broken\.png is 5 x 5 px.*give a size"):
        read_folder(root)
    with pytest.raises(UserError, match="not empty"):
        write_folder(root, coloured)


def test_images_that_are_cut_to_a_square_are_counted(tmp_path):
    for name, shape in (("square", (20, 20)), ("wide", (20, 45)), ("tall", (46, 20))):
        (tmp_path / "one").mkdir(exist_ok=True)
        Image.fromarray(np.zeros((*shape, 3), np.uint8)).save(tmp_path / "one" / f"{name}.png")
    folders = open_class_folders(tmp_path)
    assert "2 images that are not square, cut to the square in the middle" in " ".join(folders.said(size=16))
    assert "square" not in " ".join(folders.said())
