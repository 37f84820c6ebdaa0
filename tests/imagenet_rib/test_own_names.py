"""A folder whose classes have names of one's own: read as it is, with a head for these classes."""

import numpy as np
import pytest
from PIL import Image

from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.settings import Data
from rib_sets import planned, sets_of

ENOUGH = 20  # of a class, to be dealt out


def fill(folder, count=ENOUGH, shade=0, size=24):
    folder.mkdir(parents=True)
    for number in range(count):
        rng = np.random.default_rng((shade, number))
        Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(folder / f"{number}.png")


@pytest.fixture
def pets(tmp_path):
    for shade, name in enumerate(("Katze", "größter Hund", "鳥")):
        fill(tmp_path / "pets" / name, shade=shade)
    return tmp_path / "pets"


def lite(root, *more):
    return load_suite(find_task("imagenet-rib"), "lite", [f"data.root={root}", *more]).grid()


def data(root, **more):
    return Data(source="imagenet", root=str(root), image_size=16, shifts={"c": {"per_corruption": 1}}, **more)


def test_lite_takes_a_folder_of_own_classes_and_fits_a_head_to_them(pets):
    grid = lite(pets)
    said = " ".join(grid.notes)
    assert (
        "3 classes (Katze, größter Hund, 鳥) of your own: no folder is named by a class of ImageNet" in said
    )
    assert "a new last layer for the data's 3 classes is fitted to set 'pretrain'" in said
    (head,) = [cell for cell in grid.cells.values() if cell.kind == "head"]
    assert head.config["head"] == "fitted"
    assert grid.cells[head.needs["data pretrain"]].config["classes"] == ["Katze", "größter Hund", "鳥"]


def test_all_sets_have_the_own_label_space(pets):
    fill(pets.parent / "bird", 1)  # beside the folder: no part of it
    sets = sets_of(data(pets), ["pretrain", "val", "v2", "a", "c"])
    assert {one.class_names for one in sets.values()} == {("Katze", "größter Hund", "鳥")}
    assert set(sets["pretrain"].labels.tolist()) == {0, 1, 2}
    assert sets["c"].classes == (0, 1, 2)


def test_sets_that_are_there_name_some_of_the_same_classes(pets, tmp_path):
    root = tmp_path / "sets"
    root.mkdir()
    pets.rename(root / "val")
    fill(root / "sketch" / "鳥", 4, 9)
    fill(root / "sketch" / "Katze", 3, 8)
    fill(root / "train" / "Katze", 1)
    sets = sets_of(data(root), ["val", "sketch"])
    assert sets["sketch"].labels.tolist() == [0] * 3 + [2] * 4
    notes = " ".join(planned(data(root), ["val"])[0].notes)
    assert "train left out: no set of the benchmark; call a folder 'train' 'pretrain' to use it" in notes
    fill(root / "r" / "Katzen", 1)
    with pytest.raises(UserError, match=r"Unknown class in .*r: 'Katzen'.*Katze"):
        planned(data(root), ["r"])


def test_names_of_both_kinds_are_refused_unless_it_is_said_whose_they_are(pets):
    fill(pets / "282", shade=3)
    with pytest.raises(UserError, match=r"Katze names no ImageNet class.* --set data.classes=own"):
        lite(pets)
    assert "4 classes (282, Katze, größter Hund, ...) of your own" in " ".join(
        lite(pets, "data.classes=own").notes
    )
    (pets / "282").rename(pets.parent / "282")
    with pytest.raises(UserError, match="Katze names no ImageNet class"):
        lite(pets, "data.classes=imagenet")


def test_numbers_can_be_classes_of_ones_own(tmp_path):
    for shade, name in enumerate("012"):
        fill(tmp_path / "numbers" / name, shade=shade)
    grid = lite(tmp_path / "numbers", "data.classes=own")
    assert not [note for note in grid.notes if "class index" in note]
    assert [cell for cell in grid.cells.values() if cell.kind == "head"]
    assert planned(data(tmp_path / "numbers"))[1]["val"].id != (
        planned(data(tmp_path / "numbers", classes="own"))[1]["val"].id
    )


def test_too_few_images_for_a_head_are_refused_with_the_number_that_would_do(tmp_path):
    for name in ("cat", "dog"):
        fill(tmp_path / "few" / name, 3)
    with pytest.raises(
        UserError, match=r"no set 'pretrain' has images of cat, dog to fit it to: Class 'cat' has 3 images"
    ):
        lite(tmp_path / "few")


def test_whose_classes_is_a_question_of_class_folders_alone():
    with pytest.raises(UserError, match=r"'data.classes' goes with data.source=imagenet, not with digits"):
        planned(Data(classes="own"))


def test_names_that_differ_in_case_alone_are_two_classes_and_said(tmp_path):
    for shade, name in enumerate(("Cat", "cat")):
        fill(tmp_path / "cats" / name, shade=shade)
    grid, cells = planned(data(tmp_path / "cats"))
    assert cells["val"].config["classes"] == ["Cat", "cat"]
    assert "2 classes whose names differ in upper and lower case alone (Cat, cat)" in " ".join(grid.notes)


def test_one_class_of_ones_own_is_refused(tmp_path):
    fill(tmp_path / "cats" / "cat")
    with pytest.raises(UserError, match="images of one class of your own, cat; at least two are needed"):
        lite(tmp_path / "cats")
