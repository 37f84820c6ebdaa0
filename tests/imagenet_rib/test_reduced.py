"""A part of a set: the same images for all, groups and classes in proportion; the report counts them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

import forked
from gridcell.data.images import LabelledImages
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.cells.evaluate import CORRECT
from imagenet_rib.cells.packed_bits import PackedAnswers
from imagenet_rib.cells.reduced import drawn, reduced

TINY = str(Path(__file__).parent / "tiny.yaml")
LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)


def labelled(labels, group_of=None, groups=()):
    pixels = np.arange(len(labels), dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    classes = tuple(np.unique(labels).tolist())
    return LabelledImages("r", pixels, labels, classes, tuple("abcde"), groups, group_of)


@given(LABELS, st.integers(1, 60), st.integers(0, 9))
def test_each_class_has_its_share_and_no_image_comes_twice(labels, most, seed):
    positions = drawn(labels, None, most, seed=seed)
    assert len(positions) == min(most, len(labels)) or most > len(labels)
    if most > len(labels):
        return
    assert len(set(positions.tolist())) == most
    assert np.array_equal(positions, np.sort(positions))
    expected = np.bincount(labels, minlength=5) * most / len(labels)
    assert (np.abs(np.bincount(labels[positions], minlength=5) - expected) < 1 + 1e-9).all()


@given(LABELS, st.integers(1, 4), st.integers(1, 200))
def test_groups_of_the_same_images_give_the_same_images(labels, groups, most):
    """As set c is: the same images under each corruption, here with the groups mixed up."""
    if most >= groups * len(labels):
        return
    image_of = np.tile(np.arange(len(labels)), groups)
    group_of = np.repeat(np.arange(groups), len(labels))
    order = np.argsort(image_of, kind="stable")  # image by image
    positions = drawn(labels[image_of[order]], group_of[order], most, seed=0)
    shown = [{image_of[order][p] for p in positions if group_of[order][p] == g} for g in range(groups)]
    counts = sorted(len(images) for images in shown)
    assert counts[0] >= 1
    assert counts[-1] - counts[0] <= 1
    assert sum(counts) == max(most, groups)
    if counts[0] == counts[-1]:
        assert all(images == shown[0] for images in shown)


def test_the_mean_over_many_draws_is_the_mean_over_all():
    """Unbiased: each image is drawn equally often."""
    labels = np.array([0] * 3 + [1] * 7 + [2])
    often = np.zeros(len(labels))
    for seed in range(4000):
        often[drawn(labels, None, 5, seed=seed)] += 1
    expected = 4000 * 5 / len(labels)
    assert np.abs(often / expected - 1).max() < 0.1  # five standard deviations


@pytest.mark.parametrize("most", [None, 11, 12])
def test_a_set_that_has_no_more_is_left_as_it_is(most):
    images = labelled(np.arange(11) % 3)
    assert reduced(images, most) is images
    assert len(reduced(images, 10)) == 10


def test_the_cells_say_so_and_others_keep_their_ids():
    def cells(*overrides):
        grid = load_suite(find_task("imagenet-rib"), "mini", overrides).grid()
        return {cell.id: cell for cell in grid.cells.values()}

    whole = cells()
    assert cells("training.max_images=null", "evaluation.max_images=null").keys() == whole.keys()
    part = [cell for id_, cell in cells("evaluation.max_images=50").items() if id_ not in whole]
    assert {cell.kind for cell in part} == {"evaluate"}
    assert {cell.config["max_images"] for cell in part} == {50}
    trained = [cell for id_, cell in cells("training.max_images=50").items() if id_ not in whole]
    assert {cell.kind for cell in trained} == {"train", "evaluate"}
    assert {c.config["training"]["max_images"] for c in trained if c.kind == "train"} == {50}


def test_cells_that_see_a_part_of_the_published_set_c_have_new_ids():
    """Before, a part showed other photographs under each corruption."""

    def cells(*overrides):
        return load_suite(find_task("imagenet-rib"), "learning-rate", overrides).grid().cells.values()

    parts = ["training.validation_share=0.2", "evaluation.max_images=50"]
    for cell in cells(*parts):
        if cell.kind in ("train", "evaluate"):
            reads_c = "c" in (cell.config.get("downstream"), *cell.config.get("sets", ()))
            assert cell.version == (2 if reads_c else 1)
    assert {cell.version for cell in cells() if cell.kind in ("train", "evaluate")} == {1}


@pytest.mark.slow
def test_models_are_tested_on_the_part_however_evaluation_is_cut_and_the_report_says_so(tmp_path):
    """80 of the 150 images of set c are one each of its 75 groups, and one more of five; 30 are one each."""
    said = {}
    for cut in ("model", "corruption"):
        command = ["run", "imagenet-rib", "--suite", TINY, "--executor", "inline"]
        command += ["--storage", str(tmp_path / "runs"), "--out", str(tmp_path / cut)]
        command += ["--select", "model=resnet-rich", "--select", "method=pre,ft"]
        changes = ["training.max_images=30", "evaluation.max_images=80", f"evaluation.cut={cut}"]
        changes += ["data.shifts.c.per_corruption=2"]
        words = [word for change in changes for word in ("--set", change)]
        done = forked.gridcell(*command, *words, where=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Models are tested on at most 80 images of each set" in " ".join(done.stdout.split())
        said[cut] = json.loads((tmp_path / cut / "summary.json").read_text())
        assert "fine-tuned on at most 30 images" in (tmp_path / cut / "report.html").read_text()
    assert said["model"]["accuracy"] == said["corruption"]["accuracy"]
    store = Store(str(tmp_path / "runs"))
    results = [store.results.read(cell_id) for cell_id in store.results.done()]
    whole = [result for result in results if result.cell.config.get("sets") == ["v2", "r", "c", "val"]]
    assert len(whole) == 4  # before, and fine-tuned on each of three sets
    for result in whole:
        right = PackedAnswers.read(store.results.fetch(result, CORRECT, tmp_path))
        assert {name: len(right[name]) for name in ("r", "c", "val")} == {"r": 80, "c": 80, "val": 80}
    assert {result.metrics["images"] for result in results if result.cell.kind == "train"} == {30, 75}
