"""The whole path on a tiny suite: executors agree to the last bit, and a killed run goes on to the same."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import forked
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task

TINY = str(Path(__file__).parent / "tiny.yaml")
WITHOUT_MLFLOW = """
from gridcell.cli import main
from gridcell.mlflow.mirror import Mirror
Mirror._follow = lambda self: None
main()
"""
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("end-to-end")]


def command(storage, executor, part=()):
    task = ["run", "imagenet-rib", "--suite", TINY, "--storage", str(storage), "--executor", executor]
    return [*task, "--report", str(storage / "report"), *part]


def run(storage, executor, part=()):
    done = forked.gridcell(*command(storage, executor, part), where=storage)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def summary(storage, report="report"):
    return (storage / report / "summary.json").read_bytes()


def interruptions(storage):
    return json.loads((storage / "report" / "run.json").read_text())["interruptions"]


def records(storage):
    return {path.stem: path.stat().st_mtime_ns for path in (storage / "results").glob("*.json")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    storage = tmp_path_factory.mktemp("undisturbed")
    run(storage, "inline")
    return storage


def test_the_answer_is_complete(undisturbed):
    told = json.loads(summary(undisturbed))
    assert set(told["accuracy"]) == {"vit-rich", "resnet-rich"}
    for methods in told["accuracy"].values():
        assert set(methods) == {"ft", "lp", "lp_ft", "ewc", "l2_sp", "lwf", "wise_ft", "soup"}
        for matrix in methods.values():
            assert set(matrix) == {"v2", "r", "c"}
            for row in matrix.values():
                assert set(row) == {"v2", "r", "c", "val"}
                assert all(0 <= accuracy <= 100 for accuracy in row.values())
    assert told["missing"] == []
    for name in (
        "report.html",
        "cells.csv",
        "leaderboard.png",
        "change-vit-rich.png",
        "radar.png",
        "wise_ft.png",
    ):
        assert (undisturbed / "report" / name).stat().st_size > 1000


def test_terminal_and_page_say_that_three_sets_show_no_difference(undisturbed, tmp_path):
    told = ["report", "imagenet-rib", "--suite", TINY, "--storage", str(undisturbed), "--out", "again"]
    done = forked.gridcell(*told, where=tmp_path)
    assert done.returncode == 0, done.stderr
    few = "Too few pairs for any difference to be significant (all models: "
    assert few in done.stdout
    assert few in (tmp_path / "again/report.html").read_text(encoding="utf-8")


def test_accuracies_are_those_of_the_stored_weights(undisturbed):
    """Recompute one entry of the matrix with timm and torch alone, from the files in the store."""
    import timm
    import torch
    from safetensors.torch import load_file

    from gridcell.data.images import load_npz

    grid = load_suite(find_task("imagenet-rib"), TINY).grid()
    store = Store(str(undisturbed))
    cells = list(grid.cells.values())
    train = next(c for c in cells if c.title == "vit-rich ft on r seed 0")
    data = next(c for c in cells if c.title == "data v2")
    weights = store.results.read(train.id).artifacts["weights.safetensors"].path
    images = load_npz(undisturbed / store.results.read(data.id).artifacts["set.npz"].path)["v2"]
    model = timm.create_model(
        "vit_tiny_patch16_224", img_size=16, patch_size=4, embed_dim=16, depth=1, num_heads=2, num_classes=10
    )
    model.load_state_dict(load_file(undisturbed / weights))
    mean, std = (torch.tensor(model.default_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    x = torch.from_numpy(images.images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        predicted = model.eval()((x - mean) / std).argmax(1).numpy()
    expected = 100 * np.mean(predicted == images.labels)
    told = json.loads(summary(undisturbed))["accuracy"]["vit-rich"]["ft"]["r"]["v2"]
    assert told == pytest.approx(expected, abs=1e-9)


def test_linear_probing_moves_the_head_alone_and_lp_ft_starts_there(undisturbed):
    from safetensors.torch import load_file

    grid = load_suite(find_task("imagenet-rib"), TINY).grid()
    store = Store(str(undisturbed))

    def weights(title):
        cell = next(c for c in grid.cells.values() if c.title == title)
        return load_file(undisturbed / store.results.read(cell.id).artifacts["weights.safetensors"].path)

    before, probe = weights("pretrain resnet-rich"), weights("resnet-rich lp on c seed 0")
    moved = {name for name in before if not before[name].equal(probe[name])}
    assert moved == {"fc.weight", "fc.bias"}
    lp_ft = next(c for c in grid.cells.values() if c.title == "resnet-rich lp_ft on c seed 0")
    assert grid.cells[lp_ft.needs["start"]].title == "resnet-rich lp on c seed 0"


@pytest.mark.long
def test_two_workers_give_the_weights_and_accuracies_of_one(undisturbed, tmp_path):
    """From the same pre-trained models: augmentation there is random, and differs between workers."""
    import torch
    from safetensors.torch import load_file

    storage = tmp_path / "two"
    one, two = Store(str(undisturbed)), Store(str(storage)).prepare()
    grid = load_suite(find_task("imagenet-rib"), TINY).grid()
    for cell in grid.cells.values():
        if cell.kind in ("data", "pretrain", "fisher"):
            shutil.copytree(undisturbed / "artifacts" / cell.id, storage / "artifacts" / cell.id)
            (storage / "results").mkdir(exist_ok=True)
            shutil.copy(undisturbed / "results" / f"{cell.id}.json", storage / "results")
    part = ["--select", "method=ft,ewc", "--select", "downstream=c", "--set", "resources.workers=2"]
    run(storage, "ray", part)
    for cell_id in two.results.done():
        cell, result = grid.cells[cell_id], two.results.read(cell_id)
        if cell.kind == "train":
            assert result.provenance["workers"] == 2
            name = "weights.safetensors"
            ours = load_file(storage / result.artifacts[name].path)
            theirs = load_file(undisturbed / one.results.read(cell_id).artifacts[name].path)
            for key, expected in theirs.items():
                torch.testing.assert_close(ours[key], expected, rtol=1e-3, atol=1e-4)
        if cell.kind == "evaluate":
            # At most one image of a set may tip over to another class; set c has 75.
            assert result.metrics["accuracy"] == pytest.approx(
                one.results.read(cell_id).metrics["accuracy"], abs=1.4
            )
    kinds = [grid.cells[cell_id].kind for cell_id in two.results.done()]
    assert kinds.count("train") == 2 * 2  # models and methods


def kill_tree(process):
    tree = [process, *process.children(recursive=True)]
    for one in tree:
        one.send_signal(signal.SIGKILL)
    psutil.wait_procs(tree, timeout=30)


def test_a_killed_run_goes_on_repeats_nothing_and_ends_with_the_same_summary(undisturbed, tmp_path):
    """A part that has every kind of cell: begun on Ray by one worker, ended in this process."""
    part = ["--select", "model=vit-rich", "--select", "method=ewc,soup", "--select", "downstream=r,c"]
    task = ("imagenet-rib", "--suite", TINY, "--storage", undisturbed, *part)
    told = forked.gridcell("report", *task, "--out", undisturbed / "part", where=tmp_path)
    assert told.returncode == 0, told.stderr
    planned = json.loads(forked.gridcell("plan", *task, "--json", where=tmp_path).stdout)["cells"]
    storage = tmp_path / "killed"
    with psutil.Popen(
        [sys.executable, "-c", WITHOUT_MLFLOW, *command(storage, "ray", [*part, "--max-concurrent", "1"])],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 300
        while len(records(storage)) < len(planned) // 2 and time.monotonic() < deadline:
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(0.05)
                pytest.fail("the run ended before it could be killed")
        kill_tree(process)
    before = records(storage)
    assert len(planned) // 2 <= len(before) < len(planned)
    run(storage, "inline", part)
    after = records(storage)
    assert {cell: after[cell] for cell in before} == before
    assert set(after) == {cell["id"] for cell in planned}
    assert summary(storage) == summary(undisturbed, "part")
    for cell_id in after:
        assert (
            Store(str(storage)).results.read(cell_id).content
            == Store(str(undisturbed)).results.read(cell_id).content
        )


def test_a_corrupt_checkpoint_in_the_store_is_made_again(undisturbed, tmp_path):
    """Damage fine-tuned weights and lose their evaluation: the run mends both, and the answer is the same."""
    storage = tmp_path / "damaged"
    shutil.copytree(undisturbed, storage)
    grid = load_suite(find_task("imagenet-rib"), TINY).grid()
    titles = {cell.title: cell.id for cell in grid.cells.values()}
    weights = (
        Store(str(storage)).results.read(titles["vit-rich ft on r seed 0"]).artifacts["weights.safetensors"]
    )
    data = bytearray((storage / weights.path).read_bytes())
    data[len(data) // 2] ^= 1
    (storage / weights.path).write_bytes(data)
    (storage / "results" / f"{titles['test vit-rich ft r 0']}.json").unlink()
    said = run(storage, "inline")
    assert (
        "will be tried again: 'weights.safetensors' of cell vit-rich ft on r seed 0 is not what was" in said
    )
    assert summary(storage) == summary(undisturbed)
    assert interruptions(undisturbed) == {}
    assert 'id="interruptions"' not in (undisturbed / "report" / "report.html").read_text()
    told = interruptions(storage)
    assert {name: (entry["attempts"], entry["given_up"]) for name, entry in told.items()} == {
        "corrupt-input": (1, 0)
    }
    page = (storage / "report" / "report.html").read_text().replace("<wbr>", "")
    assert "corrupt-input||1||0||" in re.sub("<[^>]+>", "|", page)
