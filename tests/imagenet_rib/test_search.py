"""A search of the benchmark sees nothing that a report's mRI counts, and scores what it says."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.data.images import LabelledImages, save_npz
from gridcell.data.importers.layout import Entry
from gridcell.data.importers.source import Member
from gridcell.data.sharded import StoredImages
from gridcell.data.shards.order import dealt
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.search.asked import search_of
from gridcell.search.rungs import Ladder
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.cells import evaluate, train
from imagenet_rib.cells.held_out import split
from imagenet_rib.cells.packed_bits import PackedAnswers
from imagenet_rib.cells.reduced import reduced
from imagenet_rib.grid.search import (
    parts,
    plan_as_judged,
    plan_each_set,
    plan_own,
    score_as_judged,
    score_own,
)
from imagenet_rib.learning.models import architecture_name, build_model, save_weights
from imagenet_rib.metrics import robustness_improvement

TINY = str(Path(__file__).parent / "tiny.yaml")
TASK = find_task("imagenet-rib")
HOW = {"share": 0.2, "seed": 0}


def labelled(labels, group_of=None, groups=()):
    labels = np.asarray(labels, dtype=np.int64)
    classes = tuple(np.unique(labels).tolist())
    pixels = np.zeros((len(labels), 4, 4, 3), dtype=np.uint8)
    names = tuple(map(str, range(max(classes) + 1)))
    return LabelledImages("r", pixels, labels, classes, names, groups, group_of)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.floats(0.05, 0.9), st.integers(0, 3))
def test_each_class_is_split_by_its_share_and_stays_in_training(labels, share, seed):
    images = labelled(labels)
    kept, held = split(images, {"share": share, "seed": seed})
    assert sorted([*kept, *held]) == list(range(len(labels)))
    for label in images.classes:
        size = int((images.labels == label).sum())
        assert (images.labels[held] == label).sum() == min(round(share * size), size - 1)
    again = split(images, {"share": share, "seed": seed})
    assert all(np.array_equal(one, other) for one, other in zip((kept, held), again, strict=True))


@given(st.lists(st.integers(0, 3), min_size=4, max_size=20), st.integers(2, 5))
def test_an_image_under_several_corruptions_is_held_out_under_all_or_none(labels, groups):
    """As set c is: the same images in each group, here with the groups mixed up."""
    group_of = np.repeat(np.arange(groups), len(labels))
    order = np.argsort(np.tile(np.arange(len(labels)), groups), kind="stable")  # image by image
    images = labelled(np.tile(labels, groups)[order], group_of[order], tuple(f"g/{n}" for n in range(groups)))
    _, held = split(images, {"share": 0.4, "seed": 1})
    image_of = np.tile(np.arange(len(labels)), groups)[order]
    counts = np.bincount(image_of[held], minlength=len(labels))
    assert set(counts.tolist()) <= {0, groups}


CLASSES, FOGGED = 3, ("fog/1", "fog/2", "frost/1", "frost/2")


def imported_c(photographs, left_out=()):
    """Return a set c as an import stores it, and the photograph that each of its images shows."""
    entries = [
        Entry(Member(f"{group}/{number % CLASSES}/{number:03}.JPEG", 1, 0, None), number % CLASSES, place)
        for place, group in enumerate(FOGGED)
        for number in range(photographs)
        if (group, number) not in left_out
    ]
    in_order = [
        entry
        for part in dealt(sorted(entries, key=lambda entry: entry.member.name), FOGGED, "c", 1e-5)
        for entry in part
    ]
    labels, group_of = (np.array([getattr(one, key) for one in in_order]) for key in ("label", "group"))
    names = tuple(map(str, range(CLASSES)))
    images = StoredImages("c", None, "", labels, tuple(range(CLASSES)), names, FOGGED, group_of, {})
    return images, np.array([int(Path(one.member.name).stem) for one in in_order])


@given(st.integers(6, 40), st.floats(0.1, 0.6), st.integers(0, 99))
def test_no_photograph_of_an_imported_set_c_is_both_trained_on_and_held_out(count, share, seed):
    images, shows = imported_c(count)
    kept, held = split(images, {"share": share, "seed": seed})
    assert not set(shows[kept]) & set(shows[held])
    each = [min(round(share * size), size - 1) for size in np.bincount(np.arange(count) % CLASSES)]
    assert len(held) == len(FOGGED) * sum(each)
    reduced_to = reduced(images, 2 * count + 1)  # not the same number in each group
    shown = shows[reduced_to.numbers]
    kept, rest = split(reduced_to, {"share": share, "seed": seed})
    assert not set(shown[kept]) & set(shown[rest])
    fog = images.select(np.flatnonzero(images.group_of < 2))
    assert set(shows[fog.numbers[split(fog, {"share": share, "seed": seed})[1]]]) == set(shows[held])


@given(st.integers(6, 40), st.integers(1, 160))
def test_a_part_of_an_imported_set_c_shows_the_same_photographs_under_each_corruption(count, most):
    images, shows = imported_c(count)
    part = reduced(images, most)
    shows = shows if part is images else shows[part.numbers]
    shown = [set(shows[part.group_of == group].tolist()) for group in range(len(FOGGED))]
    assert sum(map(len, shown)) == min(max(most, len(FOGGED)), len(images))
    for one in shown:
        assert one == shown[0] or len(one) != len(shown[0])


def test_nothing_is_held_out_of_a_set_c_whose_photographs_are_not_known():
    images, _ = imported_c(9, left_out={("fog/2", 4)})
    with pytest.raises(UserError, match="Import the whole set"):
        split(images, HOW)


def settings_of(*overrides):
    return load_suite(TASK, TINY, overrides).settings


def test_trials_are_tested_on_nothing_that_the_report_counts():
    planned = plan_own(settings_of(), {})
    for target in planned.targets:
        cell = planned.cells[target.cell]
        assert cell.config["held_out"] == HOW
        if target.labels["method"] != "pre":
            assert cell.config["sets"] == [target.labels["downstream"], "val"]
    trained = [cell for cell in planned.cells.values() if cell.kind == "train"]
    assert trained
    assert all(cell.config["held_out"] == HOW for cell in trained)
    assert not {cell.kind for cell in planned.cells.values()} & {"distance", "features"}


def test_a_search_tries_what_it_varies_alone_whatever_else_is_selected(store):
    """The mean over nine methods hid the change of the one whose strength was searched."""

    def selected(**select):
        wanted = {"params": {"methods.ewc.strength": "uniform(0, 1)"}, "trials": 2, "select": select}
        return search_of("imagenet-rib", TINY, store, wanted).objective.select

    assert selected() == {"method": ["ewc"]}
    assert selected(downstream=["r"]) == {"method": ["ewc"], "downstream": ["r"]}
    assert selected(method=["ft", "ewc"]) == {"method": ["ft", "ewc"]}


def test_what_is_judged_are_the_suites_own_cells():
    suite = load_suite(TASK, TINY)
    judged = plan_as_judged(suite.settings, {"method": ["ewc"]}).select({"method": ["ewc"]})
    assert judged.cells.keys() <= suite.grid().cells.keys()
    assert {target.labels["method"] for target in judged.targets} == {"pre", "ewc"}


def test_of_a_merge_the_headline_alone_is_tried_with_what_it_merges():
    planned = plan_own(settings_of("methods.wise_ft.alpha=0.3"), {"method": ["wise_ft"]})
    tried = {target.labels.get("alpha") for target in planned.targets if target.labels["method"] == "wise_ft"}
    assert tried == {0.3}
    methods = {cell.config["method"] for cell in planned.cells.values() if cell.kind == "train"}
    assert methods == {"ft"}


@dataclass
class Stored:
    """A result, as far as a score looks at it."""

    metrics: dict


@dataclass
class Results:
    """What a score is given."""

    grid: object
    results: dict = field(default_factory=dict)


def filled(planned, seed=0):
    """Give every cell random accuracies."""
    draws = np.random.default_rng(seed)
    found = Results(planned)
    for target in planned.targets:
        sets = planned.cells[target.cell].config["sets"]
        found.results[target.cell] = Stored({"accuracy": {name: draws.random() * 100 for name in sets}})
    return found


def by_place(found):
    return {
        (t.labels["model"], t.labels["method"], t.labels.get("downstream"), t.labels.get("seed")): (
            found.results[t.cell].metrics["accuracy"]
        )
        for t in found.grid.targets
    }


def test_the_score_as_judged_is_the_mean_of_ri():
    settings = settings_of("seeds=[0, 1]")
    found = filled(plan_as_judged(settings, {"method": ["ewc"]}).select({"method": ["ewc"]}))
    accuracy, names = by_place(found), settings.downstream
    scores = []
    for model in ("vit-rich", "resnet-rich"):
        pre = np.array([accuracy[model, "pre", None, None][name] for name in names])
        for seed in (0, 1):
            matrix = [[accuracy[model, "ewc", i, seed][j] for j in names] for i in names]
            scores.append(robustness_improvement(np.array(matrix), pre).mean())
    assert score_as_judged(found, "mRI") == pytest.approx(np.mean(scores))
    gains = [
        accuracy[model, "ewc", name, seed][name] - accuracy[model, "pre", None, None][name]
        for model in ("vit-rich", "resnet-rich")
        for seed in (0, 1)
        for name in names
    ]
    assert score_as_judged(found, "gain") == pytest.approx(np.mean(gains))


def test_the_score_under_rule_own_is_half_the_own_set_and_half_val():
    settings = settings_of()
    found = filled(plan_own(settings, {"method": ["ewc"]}).select({"method": ["ewc"]}))
    accuracy, changes, kept = by_place(found), [], []
    for model in ("vit-rich", "resnet-rich"):
        pre = accuracy[model, "pre", None, None]
        for name in settings.downstream:
            after = accuracy[model, "ewc", name, 0]
            kept.append(after["val"] - pre["val"])
            changes.append((after[name] - pre[name] + kept[-1]) / 2)
    assert score_own(found, "mRI") == pytest.approx(np.mean(changes))
    assert score_own(found, "val") == pytest.approx(np.mean(kept))
    gain, robustness = score_own(found, "gain"), score_own(found, "val")
    assert (gain + robustness) / 2 == pytest.approx(score_own(found, "mRI"))


def test_each_set_is_chosen_for_by_the_others_alone_and_all_together_are_mri():
    settings = settings_of("seeds=[0, 1]")
    found = filled(plan_each_set(settings, {"method": ["ewc"]}).select({"method": ["ewc"]}))
    before = parts(found, "mRI")
    assert list(before) == list(settings.downstream)
    assert np.mean([judged for _, judged in before.values()]) == pytest.approx(score_as_judged(found, "mRI"))
    for result in found.results.values():
        result.metrics["accuracy"]["v2"] += 7.0 if result.metrics["accuracy"]["v2"] < 50 else 1.0
    after = parts(found, "mRI")
    assert after["v2"][0] == before["v2"][0]
    assert after["v2"][1] != before["v2"][1]
    assert after["r"][0] != before["r"][0]


def test_leave_one_out_looks_at_no_result_while_it_goes_on(store):
    given = {"params": {"methods.ewc.strength": "loguniform(1, 100)"}, "rule": "leave-one-out"}
    assert search_of("imagenet-rib", TINY, store, {**given, "search": "random"}).objective.rule.parts
    for change, sentence in [
        ({}, "add --search grid, qmc, random"),
        ({"search": "random", "metric": "val"}, "goes with the metric mRI, not with val"),
    ]:
        with pytest.raises(UserError, match=sentence):
            search_of("imagenet-rib", TINY, store, given | change)
    with pytest.raises(UserError, match="needs three sets"):
        search_of("imagenet-rib", TINY, store, given | {"search": "random"}, overrides=["downstream=[v2, r]"])


NAME, OPTIONS = "vit_tiny_patch16_224", {"patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}


def committed(store, folder, cell, leave):
    folder.mkdir()
    leave(folder)
    store.results.commit(cell, {}, folder, {})
    return cell.id


def test_cells_train_on_the_one_part_and_are_tested_on_the_other(store, tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(256, size=(60, 32, 32, 3), dtype=np.uint8)
    images = LabelledImages("r", pixels, np.arange(60) % 3, (0, 1, 2), ("a", "b", "c"))
    group_of = np.arange(60) % 7 // 4  # groups of different images, as those of a derived set c
    corrupted = replace(images, name="c", groups=("fog/1", "frost/1"), group_of=group_of)
    model = build_model(NAME, num_classes=3, image_size=32, **OPTIONS)
    identity = architecture_name(NAME, num_classes=3, image_size=32, **OPTIONS)
    data = Cell("imagenet-rib", "data", {})
    pre = Cell("imagenet-rib", "pretrain", {"architecture": {"name": NAME, "options": OPTIONS}})
    needs = {
        "data": committed(
            store, tmp_path / "d", data, lambda out: save_npz(out / "sets.npz", {"r": images, "c": corrupted})
        ),
        "weights": committed(
            store,
            tmp_path / "w",
            pre,
            lambda out: save_weights(out / "weights.safetensors", model.state_dict(), identity),
        ),
    }

    def run(kind, function, config, needs, name):
        cell = Cell("imagenet-rib", kind, config, needs=needs, seed=0)
        folders = [tmp_path / name / part for part in ("out", "scratch", "cache")]
        for folder in folders:
            folder.mkdir(parents=True)
        return function(cell, Context(cell, store, *folders)), folders[0]

    def answers(config, name, key="r"):
        config = {"merge": None, "sets": [key[0]], **config}
        _, out = run("evaluate", evaluate.run, config, needs, name)
        return PackedAnswers.read(out / evaluate.CORRECT)[key]

    _, held = split(images, HOW)
    assert answers({"held_out": HOW}, "part").tolist() == answers({}, "whole")[held].tolist()
    whole, (_, held) = answers({}, "whole c", "c"), split(corrupted, HOW)
    for number, corruption in enumerate(("fog", "frost")):
        mine = answers({"held_out": HOW, "corruption": corruption}, corruption, f"c/{corruption}")
        assert mine.tolist() == whole[held[group_of[held] == number]].tolist()
    config = {
        "method": "ft",
        "parameters": {},
        "training": {"optimiser": "sgd", "lr": 1e-3, "momentum": 0.9, "weight_decay": 0.0}
        | {"warmup_share": 0.1, "batch_size": 16, "epochs": 1},
        "downstream": "r",
    }
    roles = {"data": needs["data"], "pre": needs["weights"]}
    whole, _ = run("train", train.run, config, roles, "all")
    part, _ = run("train", train.run, config | {"held_out": HOW}, roles, "most")
    assert (whole["images"], part["images"]) == (60, 60 - len(held))
    assert len(held) == 3 * math.floor(0.2 * 20)


@pytest.fixture
def own_ladder():
    """The rungs of trials of nine epochs under rule own."""
    return Ladder(TASK.tuning.fidelity, eta=3, rungs=3)


def test_at_a_rung_models_are_tested_as_they_are_by_then(own_ladder):
    """What a method starts from is trained to its end; data, pre-training and tests of it are not touched."""
    labels = {"method": ["lp_ft"]}
    whole = plan_own(settings_of("training.epochs=9"), labels).select(labels)
    paused = own_ladder.at(whole, 0)
    titles = {cell.title.partition(" (pause")[0]: cell for cell in paused.cells.values()}
    assert len(paused) == len(whole)
    for cell in whole.cells.values():
        of_lp = cell.config.get("method") == "lp"  # lp_ft goes on from its weights
        at = titles[cell.title]
        if cell.kind == "train" and not of_lp:
            assert (at.stop, at.pauses, at.id) == (1, True, f"{cell.id}@1")
        elif cell.kind == "evaluate" and any(whole.cells[one].kind == "train" for one in cell.needs.values()):
            assert (at.stop, at.pauses) == (1, False)
        else:
            assert at is cell
    assert len([cell for cell in paused.cells.values() if cell.pauses]) == 6  # two models on three sets


@pytest.mark.slow  # trains a network, and tests it
def test_a_method_that_paused_twice_gives_the_same_weights_and_answers(store, tmp_path, own_ladder):
    labels = {"method": ["ewc"], "downstream": ["r"], "model": ["resnet-rich"]}
    settings = settings_of("training.epochs=9", "pretrainings.rich.epochs=1", "downstream=[v2, r]")
    whole = plan_own(settings, labels).select(labels)
    options = RunOptions(executor="inline")
    for rung in range(3):
        grid = own_ladder.at(whole, rung)
        assert not run_grid(TASK, grid, store, options).failed
        answered = {target.cell: store.results.read(target.cell).metrics for target in grid.targets}
        assert all("accuracy" in metrics for metrics in answered.values())
    plain = Store(str(tmp_path / "plain")).prepare()
    assert not run_grid(TASK, whole, plain, options).failed
    for cell_id in whole.cells:
        assert store.results.read(cell_id).content == plain.results.read(cell_id).content
