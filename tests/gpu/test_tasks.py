"""The smallest grid of each task that can use a GPU, against the same on a CPU."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from farcuriosity.cells import train
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.distance.features import penultimate_features
from imagenet_rib.learning.models import build_model, normalisation_of
from inductive_bias.network_space.architectures import Architecture
from inductive_bias.network_space.module import train_hypotheses
from inductive_bias.network_space.training import Recipe

TINY = Path(__file__).parents[1] / "imagenet_rib" / "tiny.yaml"
ROOMS = {"id": "gridcell/Rooms-v0", "options": {"rows": 1, "columns": 2, "size": 3, "view": 3}}
AGENT = {
    "steps": 256,
    "environments": 4,
    "horizon": 16,
    "epochs": 1,
    "minibatches": 2,
    "features": 16,
    "random_steps": 50,
}


def run(name, settings, storage, executor="ray"):
    storage.mkdir()
    (storage / "suite.yaml").write_text(yaml.safe_dump(settings))
    task, store = find_task(name), Store(str(storage / "store")).prepare()
    grid = task.plan(load_suite(task, str(storage / "suite.yaml")).settings)
    schedule = run_grid(task, grid, store, RunOptions(executor=executor, num_cpus=4))
    assert schedule.finished == set(grid.cells), json.dumps(store.failures.read_all(), indent=1)
    return grid, {cell.id: store.results.read(cell.id) for cell in grid.cells.values()}


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory):
    """Return the tiny matrix's answers from a CPU and from cells that share a GPU, all in float32."""
    folder = tmp_path_factory.mktemp("rib")
    suite = yaml.safe_load(TINY.read_text()) | {
        "evaluation": {"precision": "float32"},
        "distance": {"enabled": True},
    }
    suite["training"] |= {"precision": "float32"}
    suite["pretrainings"]["rich"] |= {"precision": "float32"}
    found = []
    for name, gpus in (("cpu", 0.0), ("gpu", 0.25)):
        found.append(run("imagenet-rib", suite | {"resources": {"gpus": gpus}}, folder / name))
    return found


def test_a_gpu_gives_the_matrix_of_a_cpu(evaluations):
    (grid, cpu), (_, gpu) = evaluations
    compared = [cell.id for cell in grid.cells.values() if cell.kind == "evaluate"]
    assert compared
    differences = []
    for cell in compared:
        mine, expected = gpu[cell].metrics["accuracy"], cpu[cell].metrics["accuracy"]
        assert mine.keys() == expected.keys()
        differences += [mine[name] - expected[name] for name in expected]
        assert gpu[cell].provenance["device"] == "cuda"
    # Points. A GPU draws other numbers for the augmentation in pre-training, and sets have some 100 images.
    assert abs(sum(differences) / len(differences)) < 5
    assert sum(map(abs, differences)) / len(differences) < 5


def test_a_gpu_gives_the_features_of_a_cpu():
    torch.manual_seed(0)
    model = build_model("resnet10t", num_classes=10, image_size=64)
    images = torch.randint(0, 256, (64, 64, 64, 3), dtype=torch.uint8)
    expected = penultimate_features(model, [(images,)], normalisation_of(model))
    found = penultimate_features(model.cuda(), [(images,)], normalisation_of(model))
    assert np.linalg.norm(found - expected) / np.linalg.norm(expected) < 1e-4


def test_mixed_precision_trains_as_well(evaluations, tmp_path):
    (grid, cpu), _ = evaluations
    suite = yaml.safe_load(TINY.read_text()) | {"resources": {"gpus": 0.25}}
    mixed_grid, mixed = run("imagenet-rib", suite, tmp_path / "mixed")

    def mean(grid, results):
        told = [
            results[cell.id].metrics["mean_accuracy"]
            for cell in grid.cells.values()
            if cell.kind == "evaluate"
        ]
        return sum(told) / len(told)

    assert mean(mixed_grid, mixed) == pytest.approx(mean(grid, cpu), abs=5)


@pytest.mark.parametrize(
    "architecture", [Architecture((6,), (), (16, 12), 3), Architecture((1, 8, 8), (4, 6), (10,), 3)], ids=str
)
def test_hypotheses_of_a_gpu_are_those_of_a_cpu(architecture):
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(30, *architecture.inputs, generator=generator)
    points = x, torch.eye(3)[(x.flatten(1)[:, 0] > 0).long() + (x.flatten(1)[:, 1] > 0).long()]
    recipe = Recipe(batch_size=10, max_epochs=10, check_every=5, fit_error=1e-9, lr=5e-3)
    answers = [
        train_hypotheses(architecture, recipe, points, points, suite_seed=0, indices=range(12), device=device)
        for device in ("cpu", "cuda")
    ]
    assert answers[1].test_error.tolist() == pytest.approx(answers[0].test_error.tolist(), rel=5e-3)


@pytest.mark.parametrize("kind", ["none", "rnd", "far"])
@pytest.mark.parametrize("lstm", [0, 16])
def test_an_agent_learns_on_a_gpu(kind, lstm, tmp_path):
    settings = {
        "environments": {"rooms": ROOMS},
        "curiosities": {kind: {}},
        "training": AGENT | {"gpus": 1, "lstm": lstm},
    }
    _, results = run("farcuriosity", settings, tmp_path / "agent")
    (result,) = results.values()
    assert result.metrics["steps"] == 256
    assert result.provenance["device"] == "cuda"


def test_an_agent_goes_on_from_its_checkpoint_on_a_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv(train.CHECKPOINT_SECONDS, "0")
    settings = {"environments": {"rooms": ROOMS}, "curiosities": {"far": {}}, "training": AGENT | {"gpus": 1}}
    kept = []

    def fails_once(self, path, step, _keep=train.Context.keep):
        _keep(self, path, step)
        kept.append(step)
        if len(kept) == 2:
            raise ConnectionResetError("the network went away")

    monkeypatch.setattr(train.Context, "keep", fails_once)
    _, results = run("farcuriosity", settings, tmp_path / "agent", executor="inline")
    (result,) = results.values()
    assert result.metrics["steps"] == 256
    assert kept == sorted(set(kept))  # no step twice


def test_a_compiled_network_trains_alike(tmp_path):
    suite = yaml.safe_load(TINY.read_text()) | {"resources": {"gpus": 1}, "downstream": ["v2", "r"]}
    suite |= {"methods": {"ft": {}}, "architectures": {"vit": suite["architectures"]["vit"]}}
    losses = []
    for compiled in (False, True):
        changes = {"precision": "float32", "compile": compiled}
        settings = suite | {"training": suite["training"] | changes}
        grid, results = run("imagenet-rib", settings, tmp_path / str(compiled), executor="inline")
        losses += [
            results[cell.id].metrics["final_loss"] for cell in grid.cells.values() if cell.kind == "train"
        ]
    assert len(losses) == 4
    assert losses[2:] == pytest.approx(losses[:2], rel=2e-2)
