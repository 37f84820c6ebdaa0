"""From the published sets to the report: all of them in their formats, imported or as they are."""

import csv
import json
import os
import shutil
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.data import create_transform, resolve_model_data_config

from gridcell.cli import main
from gridcell.mlflow.mirror import Mirror
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.learning.models import build_model
from published_sets import SETS
from ranks import run_ranks

SUITE = str(Path(__file__).parent / "published.yaml")
DOWNSTREAM = ["v2", "a", "r", "sketch", "objectnet", "cartoon", "drawing", "c"]
TESTED = [*DOWNSTREAM, "val"]
METHODS = {"ft", "lp_ft", "ewc", "lwf", "lora", "wise_ft", "soup"}
PARTLY = ["method=ewc", "downstream=c,objectnet"]
ALSO_RIGHT = {409: {530}, 457: {906}}  # analog and digital clock; bow and Windsor tie

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("published-sets")]


def gridcell(*arguments):
    """Run the command in this process and return its exit code."""
    before, sys.argv = sys.argv, ["gridcell", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return end.code or 0
    finally:
        sys.argv = before
    return 0


def run(root, storage, workers, *more):
    arguments = ["--suite", SUITE, "--set", f"data.root={root}", "--storage", storage]
    arguments += ["--set", f"resources.workers={workers}"]
    arguments += ["--executor", "ray" if workers > 1 else "inline", "--report", storage / "report"]
    return gridcell("run", "imagenet-rib", *arguments, *more)


def summary(storage):
    return json.loads((storage / "report" / "summary.json").read_text())


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The working directory: the sets as published, linked below ``plain``, and weights."""
    lab = tmp_path_factory.mktemp("lab")
    sets = {
        name: make(lab / "downloads", count=1, **({"classes": 2} if name == "c" else {}))
        for name, make in SETS.items()
    }
    (lab / "plain").mkdir()
    for name, published in sets.items():
        (lab / "plain" / name).symlink_to(published.root)
    torch.manual_seed(0)
    options = {"patch_size": 24, "embed_dim": 16, "depth": 1, "num_heads": 2}
    model = build_model("vit_tiny_patch16_224", num_classes=1000, image_size=72, **options)
    save_file(model.state_dict(), str(lab / "weights.safetensors"))
    before = Path.cwd()
    os.chdir(lab)
    with mock.patch.object(Mirror, "_follow"):  # nobody looks at MLflow here
        yield lab, sets
    os.chdir(before)


@pytest.fixture(scope="module")
def shards(lab):
    """The folder of the imported sets."""
    folder, sets = lab
    for name, published in sets.items():
        to = folder / "shards" / name
        assert gridcell("data", "import", name, "--from", published.root, "--to", to, "--workers", 2) == 0
        assert gridcell("data", "verify", to) == 0
    return folder / "shards"


@pytest.fixture(scope="module", params=[1, pytest.param(2, marks=pytest.mark.long)], ids="workers {}".format)
def workers(request):
    """How many processes train or evaluate one cell together."""
    return request.param


@pytest.fixture(scope="module")
def imported(lab, shards, workers):
    """The storage of a run on imported sets."""
    storage = lab[0] / f"imported-{workers}"
    assert run(shards, storage, workers) == 0
    return storage


def test_the_matrix_is_complete(imported):
    told = summary(imported)
    assert told["missing"] == []
    (methods,) = told["accuracy"].values()
    assert set(methods) == METHODS
    for matrix in methods.values():
        assert set(matrix) == set(DOWNSTREAM)
        assert all(set(row) == set(TESTED) and None not in row.values() for row in matrix.values())


def test_every_evaluation_counted_every_image_once(imported, lab):
    images = {name: len(lab[1][name].truth) for name in TESTED}
    with (imported / "report" / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == (1 + len(METHODS) * 8) * 9
    assert {(row["set"], int(row["n"])) for row in rows} == set(images.items())


def test_accuracies_before_fine_tuning_are_those_of_timm_alone(imported, lab):
    """From the published files by timm's own transform, one by one, without shards or manifests."""
    folder, sets = lab
    model = timm.create_model(
        "vit_tiny_patch16_224",
        num_classes=1000,
        img_size=72,
        patch_size=24,
        embed_dim=16,
        depth=1,
        num_heads=2,
        checkpoint_path=str(folder / "weights.safetensors"),
    ).eval()
    transform = create_transform(**{**resolve_model_data_config(model), "input_size": (3, 72, 72)})
    told = summary(imported)["pre"]["vit-file"]
    for name in TESTED:
        truth = sets[name].truth.items()
        classes = {one.label for _, one in truth}
        if name == "objectnet":
            classes |= {530, 906}
        chosen = torch.tensor(sorted(classes))
        by_group: dict[str, list[bool]] = {}
        for file, one in truth:
            with Image.open(sets[name].root.parent / file) as opened:
                image = opened.convert("RGB")
            if name == "objectnet":
                image = image.crop((2, 2, image.width - 2, image.height - 2))
            with torch.no_grad():
                predicted = int(chosen[model(transform(image)[None])[0, chosen].argmax()])
            right = predicted in {one.label} | (
                ALSO_RIGHT.get(one.label, set()) if name == "objectnet" else set()
            )
            by_group.setdefault(one.group or "", []).append(right)
        assert len(by_group) == (75 if name == "c" else 1)
        expected = 100 * np.mean([np.mean(rights) for rights in by_group.values()])
        assert told[name] == pytest.approx(expected, abs=1e-9), name


def test_two_processes_train_and_test_as_one(imported, shards, tmp_path):
    """By what the worker processes of a cell do, without Ray; the nightly run has all cells by them."""
    changes = [f"data.root={shards}"]
    grid = load_suite(find_task("imagenet-rib"), SUITE, changes).grid()
    titles = ("vit-file ft on c seed 0", "test vit-file pre")
    chosen = {cell.kind: cell for cell in grid.cells.values() if cell.title in titles}
    storage = tmp_path / "two"
    shutil.copytree(imported, storage)
    for cell in chosen.values():
        (storage / "results" / f"{cell.id}.json").unlink()
    order = {"suite": SUITE, "set": changes, "storage": str(storage)}
    order["cells"] = [chosen[kind].id for kind in ("train", "evaluate")]
    (tmp_path / "order.json").write_text(json.dumps(order))
    assert run_ranks("rib_ranks:again", 2, tmp_path) == [["", ""]] * 2
    one, two = (Store(str(where)).results for where in (imported, storage))
    (tested, ours), (_, theirs) = (
        [results.read(chosen[kind].id) for kind in ("evaluate", "train")] for results in (two, one)
    )
    assert tested.metrics["accuracy"] == one.read(tested.cell.id).metrics["accuracy"]
    assert ours.provenance["workers"] == tested.provenance["workers"] == 2
    mine, others = (
        load_file(where / result.artifacts["weights.safetensors"].path)
        for where, result in ((storage, ours), (imported, theirs))
    )
    assert mine.keys() == others.keys()
    for name, expected in others.items():
        torch.testing.assert_close(mine[name], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.long
def test_plain_folders_cut_by_corruption_give_the_same(imported, lab, workers):
    folder, _ = lab
    selection = [word for one in PARTLY for word in ("--select", one)]
    storage = folder / f"plainly-{workers}"
    assert run(folder / "plain", storage, workers, "--set", "evaluation.cut=corruption", *selection) == 0
    plain, shards = summary(storage), summary(imported)
    assert plain["pre"] == shards["pre"]
    for trained_on in ("c", "objectnet"):
        theirs = shards["accuracy"]["vit-file"]["ewc"][trained_on]
        assert plain["accuracy"]["vit-file"]["ewc"][trained_on] == theirs


def test_a_part_of_imagenet_c_is_cut_into_the_corruptions_it_has(lab, tmp_path, capsys):
    folder, sets = lab
    for name in SETS:
        (tmp_path / name).symlink_to(folder / "plain" / name)
    (tmp_path / "c").unlink()
    (tmp_path / "c").mkdir()
    for name in ("fog", "snow"):
        (tmp_path / "c" / name).symlink_to(sets["c"].root / name)
    capsys.readouterr()
    asked = ["--suite", SUITE, "--set", f"data.root={tmp_path}", "--set", "evaluation.cut=corruption"]
    assert gridcell("plan", "imagenet-rib", *asked, "--storage", tmp_path / "none", "--json") == 0
    cells = json.loads(capsys.readouterr().out)["cells"]
    on_c = [cell["config"]["corruption"] for cell in cells if cell["config"].get("sets") == ["c"]]
    assert set(on_c) == {"fog", "snow"}


def test_what_is_done_stays_done_elsewhere_and_a_changed_set_concerns_only_what_uses_it(
    imported, shards, tmp_path, capsys
):

    def planned(root):
        capsys.readouterr()
        where = ["--storage", imported, "--set", f"data.root={root}"]
        assert gridcell("plan", "imagenet-rib", "--suite", SUITE, *where, "--json") == 0
        return json.loads(capsys.readouterr().out)["cells"]

    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in SETS:
        (moved / name).symlink_to(shards / name)
    assert {cell["state"] for cell in planned(moved)} == {"done"}
    (moved / "r").unlink()
    more = SETS["r"](tmp_path / "more", count=2)
    assert gridcell("data", "import", "r", "--from", more.root, "--to", moved / "r") == 0
    changed = [cell for cell in planned(moved) if cell["state"] != "done"]
    assert {cell["kind"] for cell in changed} == {"data", "train", "evaluate"}
    assert {cell["title"] for cell in changed if cell["kind"] == "data"} == {"data r"}
    trained = [cell for cell in changed if cell["kind"] == "train"]
    assert {cell["config"]["downstream"] for cell in trained} == {"r"}


def test_mistakes_with_the_data_are_one_sentence_and_cost_nothing(lab, shards, tmp_path, capsys):
    folder, _ = lab

    def mistake(root, *more):
        capsys.readouterr()
        given = ["--suite", SUITE, "--set", f"data.root={root}", "--storage", folder / "none", *more]
        assert gridcell("run", "imagenet-rib", *given) == 2
        return capsys.readouterr().err

    told = mistake(folder / "nowhere")
    assert "lacks the sets v2, a, r, sketch, objectnet, cartoon, drawing, c, val: " in told
    assert f"'gridcell data import v2 --from PATH --to {folder}/nowhere/v2'" in told
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for name in SETS:
        (wrong / name).symlink_to(shards / ("r" if name == "a" else name))
    assert "holds an import of 'r', not of 'a'" in mistake(wrong)
    (wrong / "pretrain").unlink()
    assert "'gridcell data import pretrain" in mistake(wrong, "--set", "downstream=[v2,c]")
    (wrong / "a").unlink()
    (wrong / "a" / "unfinished").mkdir(parents=True)
    assert "isn't finished: give its command again" in mistake(wrong)
    assert "starts from scratch" in mistake(shards, "--set", "pretrainings={x: {epochs: 1}}")
