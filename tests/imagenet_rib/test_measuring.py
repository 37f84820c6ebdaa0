"""Photographs that are too few to be split are measured; fine-tuning is skipped with the reason."""

import pytest

from gridcell.data import imagenet_wnids
from gridcell.errors import UserError
from gridcell.settings import parse_settings
from imagenet_rib.grid.plan import plan
from imagenet_rib.settings import Settings
from photographs import PHOTOGRAPHS, photograph, write_labelled_folder

METHODS = {"ft": None, "wise_ft": None, "pre": None}


def planned(root, shifts=None, **changes):
    given = {
        "data": {"source": "imagenet", "root": str(root), "image_size": 80, "shifts": shifts or {}},
        "architectures": {"a": {"name": "tf_efficientnet_lite0"}},
        "pretrainings": {"p": {"source": "offline", "input_size": 80}},
        "methods": METHODS,
        "distance": {"enabled": True},
    }
    return plan(parse_settings(Settings, given | changes))


@pytest.fixture
def one_each(tmp_path):
    for name, labels in PHOTOGRAPHS.items():
        folder = tmp_path / imagenet_wnids()[min(labels)]
        folder.mkdir()
        photograph(name).resize((80, 80)).save(folder / "x.png")
    return tmp_path


def test_one_photograph_a_class_is_measured_and_not_trained_on(one_each):
    grid = planned(one_each)
    kinds = {cell.kind for cell in grid.cells.values()}
    assert kinds == {"pretrained", "data", "evaluate"}
    assert {str(target.labels["method"]) for target in grid.targets} == {"pre"}
    assert all("needs at least 12 to be split" in skipped.reason for skipped in grid.skipped)
    assert {skipped.labels["method"] for skipped in grid.skipped} == {"ft", "wise_ft"}
    (test,) = (cell for cell in grid.cells.values() if cell.kind == "evaluate")
    assert test.config["sets"] == ["v2", "r", "sketch", "objectnet", "cartoon", "drawing", "c", "val"]
    notes = " ".join(grid.notes)
    assert "all sets are made of all images" in notes
    assert "set a needs 2 images of each class" in notes
    assert "Set c shows 7 images under each corruption and severity, not 8" in notes
    corrupted = next(cell for cell in grid.cells.values() if cell.title == "data c")
    assert corrupted.config["parameters"] == {"per_corruption": 7}


def test_a_setting_that_cannot_be_is_told_at_planning(one_each):
    with pytest.raises(
        UserError, match=r"per_corruption of shift 'c' is 9, but it must be between 1 .* and 7"
    ):
        planned(one_each, {"c": {"per_corruption": 9}})
    with pytest.raises(UserError, match="There are no images for set 'pretrain'"):
        planned(one_each, pretrainings={"p": {"source": "offline", "head": "fitted"}})


def test_enough_photographs_are_split_as_before(tmp_path):
    names = {name: imagenet_wnids()[min(labels)] for name, labels in list(PHOTOGRAPHS.items())[:2]}
    write_labelled_folder(tmp_path, names, 40, 20)
    grid = planned(tmp_path)
    assert not grid.skipped
    assert {cell.kind for cell in grid.cells.values()} >= {"train", "distance"}
    assert [note for note in grid.notes if "Set c" in note] == []
    dealt = {cell.title for cell in grid.cells.values() if "dealt" in cell.config}
    assert dealt == {f"data {name}" for name in ("pretrain", "val", "v2", "a", "r", "sketch", "objectnet")}
