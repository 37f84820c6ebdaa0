"""Evaluations that go through the images together: the same answers to the bit, each image read once."""

import numpy as np
import pytest
import torch

from gridcell.context import Context
from gridcell.data.images import LabelledImages, save_npz
from gridcell.errors import UserError
from gridcell.execute.attempt import Attempt
from gridcell.execute.run_cell import run_cell, run_cells
from gridcell.grid import GridBuilder
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib import task
from imagenet_rib.cells import evaluate
from imagenet_rib.learning.models import (
    architecture_name,
    build_model,
    normalisation_of,
    save_weights,
)

NAME, OPTIONS = "resnet10t", {}
CLASSES = ("a", "b", "c")
IMAGES = 300  # three batches
ALPHAS = (0.25, 0.5, 0.75)


def images(seed=0):
    pixels = np.random.default_rng(seed).integers(256, size=(IMAGES, 32, 32, 3), dtype=np.uint8)
    return LabelledImages("r", pixels, np.arange(IMAGES) % 3, (0, 1, 2), CLASSES)


def commit(store, folder, cell, leave):
    folder.mkdir()
    leave(folder)
    store.results.commit(cell, {}, folder, {})


@pytest.fixture
def evaluations(store, tmp_path):
    """Cells that evaluate two models and three merges of these, whose inputs are in the store."""
    builder = GridBuilder("imagenet-rib")
    data = builder.add("data", {})
    commit(store, tmp_path / "data", data, lambda out: save_npz(out / "sets.npz", {"r": images()}))
    identity = architecture_name(NAME, num_classes=3, image_size=32, **OPTIONS)
    ends = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = build_model(NAME, num_classes=3, image_size=32, **OPTIONS).eval()
        with torch.no_grad():  # so that no class is the answer to all
            shown = normalisation_of(model)(torch.from_numpy(images().images))
            model.fc.weight *= 100
            model.fc.bias -= model(shown).mean(0)
        made = {"architecture": {"name": NAME, "options": OPTIONS}}
        ends.append(builder.add("pretrain", made, seed=seed))
        commit(
            store,
            tmp_path / str(seed),
            ends[-1],
            lambda out, model=model: save_weights(out / evaluate.WEIGHTS, model.state_dict(), identity),
        )
    config = {"merge": None, "sets": ["r"]}
    cells = [builder.add("evaluate", config, needs={"data": data, "weights": end}) for end in ends]
    for alpha in ALPHAS:
        merge = {"method": "wise_ft", "variant": {"alpha": alpha}}
        needs = {"data": data, "pre": ends[0], "ft": ends[1]}
        cells.append(builder.add("evaluate", {**config, "merge": merge}, needs=needs))
    for number, cell in enumerate(cells):
        builder.target({"n": number}, cell)
    return builder.build(), cells


def fed(store, grid, cells, folder):
    """Return a new store that holds what the cells need."""
    other = Store(str(folder)).prepare()
    for cell_id in grid.cells.keys() - {cell.id for cell in cells}:
        result = store.results.read(cell_id)
        local = folder / "fed" / cell_id
        local.mkdir(parents=True)
        for name in result.artifacts:
            (local / name).write_bytes(store.results.fetch(result, name, folder).read_bytes())
        other.results.commit(result.cell, {}, local, {})
    return other


@pytest.fixture
def read(monkeypatch):
    """Count the batches that are read."""
    counted = []
    batches = LabelledImages.evaluation_batches

    def counting(self, *arguments, **options):
        for batch in batches(self, *arguments, **options):
            counted.append(len(batch[0]))
            yield batch

    monkeypatch.setattr(LabelledImages, "evaluation_batches", counting)
    return counted


@pytest.mark.slow
def test_models_of_a_pass_answer_as_alone_to_the_bit_and_images_are_read_once(
    store, tmp_path, evaluations, read
):
    grid, cells = evaluations
    ended = []
    run_cells([Attempt(cell, task, store) for cell in cells], ended.append)
    assert sorted(outcome.cell for outcome in ended) == sorted(cell.id for cell in cells)
    assert all(outcome.done for outcome in ended), ended
    assert read == [128, 128, 44]
    alone = fed(store, grid, cells, tmp_path / "alone")
    contents = set()
    for cell in cells:
        assert run_cell(Attempt(cell, task, alone)).done
        one, other = store.results.read(cell.id), alone.results.read(cell.id)
        assert one.content == other.content  # metrics and the hash of each file
        assert one.provenance["code"] == other.provenance["code"]
        contents.add(one.content)
    assert len(contents) >= 4  # or equality would show nothing


def test_one_that_fails_leaves_the_others(store, tmp_path, evaluations, read, monkeypatch):
    _, cells = evaluations
    merged = evaluate.merged

    def fails(merge, weights):
        if merge is not None and merge["variant"]["alpha"] == 0.5:
            raise UserError("these can't be merged")
        return merged(merge, weights)

    monkeypatch.setattr(evaluate, "merged", fails)
    ended = []
    run_cells([Attempt(cell, task, store) for cell in cells], ended.append)
    failed = [outcome for outcome in ended if not outcome.done]
    assert [outcome.cell for outcome in failed] == [cells[3].id]
    assert "these can't be merged" in failed[0].failure.message
    assert not failed[0].shared
    assert len(ended) == 5
    assert sum(read) == IMAGES


@pytest.mark.slow
def test_a_model_that_fails_in_the_middle_leaves_the_others(store, evaluations, monkeypatch):
    from imagenet_rib.learning.predictions import Predictions

    _, cells = evaluations
    add, called = Predictions.add, []

    def fails(self, inputs):
        called.append(self)
        if len(called) == len(cells) + 2:  # the second model, at the second batch
            raise ArithmeticError("it broke")
        add(self, inputs)

    monkeypatch.setattr(Predictions, "add", fails)
    ended = {}
    run_cells([Attempt(cell, task, store) for cell in cells], lambda each: ended.update({each.cell: each}))
    assert [ended[cell.id].done for cell in cells] == [True, False, True, True, True]
    assert len(called) == 5 + 5 + 4


def test_a_model_whose_scores_overflow_diverges_and_leaves_the_others(store, evaluations, monkeypatch):
    """As the weights of a last step that was far too large do: they are finite, and no score is."""
    _, cells = evaluations
    merged = evaluate.merged

    def overflows(merge, weights):
        if merge is not None and merge["variant"]["alpha"] == 0.5:
            return {name: one * 1e30 for name, one in merged(merge, weights).items()}
        return merged(merge, weights)

    monkeypatch.setattr(evaluate, "merged", overflows)
    ended = []
    run_cells([Attempt(cell, task, store) for cell in cells], ended.append)
    failed = [outcome for outcome in ended if not outcome.done]
    assert [outcome.cell for outcome in failed] == [cells[3].id]
    assert failed[0].failure.failure_class.value == "diverged"
    assert "300 of the 300 images of set 'r'" in failed[0].failure.message
    assert len(ended) == 5


@pytest.mark.slow
def test_what_memory_does_not_hold_at_once_goes_in_turns(store, evaluations, read, monkeypatch):
    _, cells = evaluations
    result = store.results.read(cells[0].needs["weights"])
    monkeypatch.setattr(evaluate, "WEIGHTS_AT_ONCE", 2 * result.artifacts[evaluate.WEIGHTS].size)
    ended = []
    run_cells([Attempt(cell, task, store) for cell in cells], ended.append)
    assert all(outcome.done for outcome in ended)
    assert sum(read) == 3 * IMAGES  # two, two and one


def test_memory_that_runs_out_is_the_passs_and_not_a_models(store, evaluations, monkeypatch, tmp_path):
    from imagenet_rib.learning.predictions import Predictions

    def fails(self, inputs):
        raise MemoryError("no room for so many")

    monkeypatch.setattr(Predictions, "add", fails)
    ended = []
    run_cells([Attempt(cell, task, store) for cell in evaluations[1]], ended.append)
    assert {outcome.failure.failure_class.value for outcome in ended} == {"out-of-memory"}
    assert all(outcome.shared for outcome in ended)


@pytest.mark.slow
def test_a_wrapper_that_changes_its_images_changes_no_other_models(store, evaluations, monkeypatch):
    _, cells = evaluations
    from imagenet_rib.cells.inputs import Inputs

    class Darkens(torch.nn.Module):
        def __init__(self, bare):
            super().__init__()
            self.bare = bare

        def forward(self, x):
            return self.bare(x.zero_())

        def load_state_dict(self, *arguments):
            return self.bare.load_state_dict(*arguments)

    wrapped = []

    def wrap(self, bare, role):
        wrapped.append(Darkens(bare) if not wrapped else bare)  # the first model's alone
        return wrapped[-1]

    monkeypatch.setattr(Inputs, "wrapped", wrap)
    ended = []
    run_cells([Attempt(cell, task, store) for cell in cells[:2]], ended.append)
    assert all(outcome.done for outcome in ended)
    dark, light = (store.results.read(cell.id).metrics for cell in cells[:2])
    monkeypatch.undo()
    folders = [store.folder.local("x") / name for name in ("out", "scratch", "cache")]
    for folder in folders:
        folder.mkdir(parents=True)
    assert evaluate.run(cells[1], Context(cells[1], store, *folders)) == light
    assert dark["accuracy"]["r"] == pytest.approx(100 / 3)  # black images: one class for all


@pytest.mark.parametrize("suite", ["mini", "lite"])
def test_evaluations_of_one_architecture_on_the_same_sets_have_equal_keys(suite, tmp_path):
    from tests.photographs import write_labelled_folder

    overrides = []
    if suite == "lite":
        write_labelled_folder(tmp_path / "photographs", {"china": "698", "flower": "985"}, 2, 64)
        overrides = [f"data.root={tmp_path / 'photographs'}"]
    grid = load_suite(find_task("imagenet-rib"), suite, overrides).grid()
    groups = {}
    for cell in grid.cells.values():
        if cell.kind == "evaluate":
            groups.setdefault(task.group_of(cell, grid.cells), []).append(cell)
    assert None not in groups

    def architecture(cell):
        weights = grid.cells[cell.needs["weights"] if "weights" in cell.needs else _first_model(cell)]
        while "architecture" not in weights.config:
            weights = grid.cells[weights.needs["pre"]]
        return str(weights.config["architecture"])

    def _first_model(cell):
        return next(need for role, need in cell.needs.items() if not role.startswith("data"))

    for cells in groups.values():
        assert len({architecture(cell) for cell in cells}) == 1
    assert len(groups) == len({architecture(cell) for cells in groups.values() for cell in cells})


# Linear probes


@pytest.fixture
def probes(store, tmp_path):
    """Three seeds of a linear probe, one of another rate and a fine-tuning, whose inputs are in the store."""
    builder = GridBuilder("imagenet-rib")
    data = builder.add("data", {})
    commit(store, tmp_path / "data", data, lambda out: save_npz(out / "sets.npz", {"r": images()}))
    torch.manual_seed(0)
    weights = build_model(NAME, num_classes=3, image_size=32, **OPTIONS).state_dict()
    identity = architecture_name(NAME, num_classes=3, image_size=32, **OPTIONS)
    pre = builder.add("pretrain", {"architecture": {"name": NAME, "options": OPTIONS}})
    commit(store, tmp_path / "pre", pre, lambda out: save_weights(out / evaluate.WEIGHTS, weights, identity))
    training = {"lr": 0.01, "momentum": 0.9, "warmup_share": 0.1, "batch_size": 64, "epochs": 2}

    def cell(seed, method="lp", **changes):
        config = {"method": method, "parameters": {}, "downstream": "r", "training": training | changes}
        return builder.add("train", config, needs={"data": data, "pre": pre}, seed=seed)

    cells = [cell(0), cell(1), cell(2), cell(0, lr=0.1), cell(0, "ft"), cell(0, epochs=1)]
    for number, each in enumerate(cells):
        builder.target({"n": number}, each)
    return builder.build(), cells


def test_probes_that_differ_in_their_seed_alone_go_together(probes):
    grid, cells = probes
    groups = [task.group_of(cell, grid.cells) for cell in cells]
    assert groups[0] == groups[1] == groups[2]
    assert None not in groups[:4]
    assert groups[3] != groups[0]
    assert groups[4:] == [None, None]  # trained on images; shown once


def test_probes_of_a_pass_train_as_alone_to_the_bit_and_features_are_computed_once(
    store, tmp_path, probes, read
):
    grid, cells = probes
    together, ended = cells[:3], []
    run_cells([Attempt(cell, task, store) for cell in together], ended.append)
    assert all(outcome.done for outcome in ended), ended
    assert sum(read) == IMAGES
    alone = fed(store, grid, cells, tmp_path / "alone")
    contents = set()
    for cell in together:
        assert run_cell(Attempt(cell, task, alone)).done
        one, other = store.results.read(cell.id), alone.results.read(cell.id)
        assert one.content == other.content
        contents.add(one.content)
    assert len(contents) == 3  # each seed has an order of its own
    assert sum(read) == 4 * IMAGES


def test_a_probe_that_fails_leaves_the_others(store, probes, read, monkeypatch):
    from imagenet_rib.cells import fine_tuning

    train, seen = fine_tuning.train_classifier, []

    def fails(context, *arguments, **options):
        seen.append(context)
        if len(seen) == 2:
            raise ArithmeticError("it broke")
        return train(context, *arguments, **options)

    monkeypatch.setattr(fine_tuning, "train_classifier", fails)
    ended = []
    run_cells([Attempt(cell, task, store) for cell in probes[1][:3]], ended.append)
    assert [outcome.done for outcome in ended] == [True, False, True]
    assert not ended[1].shared
    assert sum(read) == IMAGES
