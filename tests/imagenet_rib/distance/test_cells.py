"""Distances in the task: what is planned, what the cells compute, and what the report makes of it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import imagenet_rib
from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.data.images import LabelledImages, save_npz
from gridcell.errors import CorruptData, UserError
from gridcell.suite import load_suite
from imagenet_rib.cells import distance as distance_cell, features as features_cell
from imagenet_rib.cells.features import read_features, write_features
from imagenet_rib.distance.otdd import otdd
from imagenet_rib.distance.sets import LabelledFeatures
from imagenet_rib.grid.plan import plan
from imagenet_rib.learning.models import architecture_name, build_model, save_weights
from imagenet_rib.report.distance_summary import MeasuredDistance, summarise_distances
from imagenet_rib.report.evaluations import SetFacts
from imagenet_rib.report.summary import summarise
from rib_evaluations import SETS, after, before, write_report

OPTIONS = {"patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}


def mini(*overrides):
    return plan(load_suite(imagenet_rib.task, "mini", overrides).settings)


def test_distances_are_planned_beside_everything_else():
    without, grid = mini("distance.enabled=false"), mini("distance.enabled=true")
    assert set(without.cells) <= set(grid.cells)
    new = [cell for cell_id, cell in grid.cells.items() if cell_id not in without.cells]
    assert sorted({cell.kind for cell in new}) == ["distance", "features"]
    assert [cell.kind for cell in new].count("features") == 4
    assert [cell.kind for cell in new].count("distance") == 32


def test_what_has_no_effect_is_in_no_id():
    assert set(mini("distance.memory_gb=9").cells) == set(mini().cells)
    assert set(mini("distance.regularisation=0.1").cells) == set(mini().cells)
    assert set(mini("distance.max_per_class=9").cells) == set(mini().cells)
    exact = "distance.labels=exact"
    assert set(mini(exact, "distance.max_per_class=9").cells) != set(mini(exact).cells)
    assert set(mini("distance.max_samples=10").cells) != set(mini().cells)


def test_too_much_memory_is_refused_when_planning():
    with pytest.raises(
        UserError, match=r"takes 480 GB, more than the limit of 8 GB: set max_samples to 12,909"
    ):
        mini("distance.max_samples=100000")


def images(count, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    pixels = rng.integers(256, size=(count, 32, 32, 3), dtype=np.uint8)
    return LabelledImages("s", pixels, labels, (0, 1, 2), ("a", "b", "c"))


def commit(store, tmp_path, kind, files, config=None, needs=None):
    outputs = tmp_path / kind
    outputs.mkdir()
    files(outputs)
    needs = {role: cell.id for role, cell in (needs or {}).items()}
    cell = Cell("imagenet-rib", kind, config or {}, needs=needs)
    store.results.commit(cell, {}, outputs, {})
    return cell


def context(cell, store, tmp_path, reporter=None):
    folders = [tmp_path / cell.kind / name for name in ("out", "scratch", "cache")]
    for folder in folders:
        folder.mkdir(parents=True)
    return Context(cell, store, *folders, reporter=reporter)


def test_the_cells_compute_the_distance_of_the_features(store, tmp_path):
    sets = {"pretrain": images(40, 0), "r": images(25, 1)}
    model = build_model("vit_tiny_patch16_224", num_classes=3, image_size=32, **OPTIONS)
    identity = architecture_name("vit_tiny_patch16_224", num_classes=3, image_size=32, **OPTIONS)
    architecture = {"name": "vit_tiny_patch16_224", "options": OPTIONS}
    data = commit(store, tmp_path, "data", lambda out: save_npz(out / "sets.npz", sets))
    weights = commit(
        store,
        tmp_path,
        "pretrain",
        lambda out: save_weights(out / "weights.safetensors", model.state_dict(), identity),
        {"architecture": architecture},
    )
    needs = {"data": data.id, "weights": weights.id}
    cell = Cell("imagenet-rib", "features", {"sets": ["pretrain", "r"], "max_images": 30}, 0, needs)
    told = []
    here = context(cell, store, tmp_path, reporter=lambda *report: told.append(report))
    metrics = features_cell.run(cell, here)
    assert told == [(0, {})] * 2  # a batch of each set: it lives
    assert here.curves.points == {}
    assert metrics == {"images": {"pretrain": 30, "r": 25}, "dimensions": 16}
    store.results.commit(cell, metrics, here.outputs, {})
    found = {name: read_features(here.outputs / "features.npz", name) for name in sets}
    assert found["r"].labels.tolist() == sets["r"].labels.tolist()

    how = {"labels": "gaussian", "solver": "exact", "max_samples": 20, "repeats": 3}
    cell = Cell(
        "imagenet-rib",
        "distance",
        {"source": "pretrain", "target": "r", **how},
        7,
        {"features": cell.id},
    )
    metrics = distance_cell.run(cell, context(cell, store, tmp_path))
    expected = otdd(found["pretrain"], found["r"], **how, seed=7)
    assert metrics["values"] == pytest.approx(expected.values)
    assert (metrics["used"], metrics["available"], metrics["capped"]) == ([20, 20], [30, 25], True)


def test_features_of_a_set_that_is_not_there(tmp_path):
    write_features(tmp_path / "f.npz", {"a": LabelledFeatures("a", np.ones((2, 3)), np.array([0, 1]))})
    assert read_features(tmp_path / "f.npz", "a").features.tolist() == np.ones((2, 3)).tolist()
    with pytest.raises(CorruptData, match="no features of set 'b'"):
        read_features(tmp_path / "f.npz", "b")


def measured(model="m", values=(1.0, 3.0, 2.0), deviation=None):
    how = {"labels": "gaussian", "solver": "exact", "max_samples": 100, "repeats": 3}
    metrics = {"deviation": deviation, "capped": deviation is not None, "used": [100, 50]}
    return [
        MeasuredDistance(
            model,
            {"source": "pretrain", "target": facts.name, **how},
            {**metrics, "distance": value, "values": [value], "available": [100, 50]},
        )
        for facts, value in zip(SETS, values, strict=True)
    ]


def test_distances_are_correlated_with_the_loss_on_val_and_with_ri():
    summary = summarise([before(), *after("ft")], SETS)
    found = summarise_distances(summary, measured())
    # Accuracy on val was 90 and is 80, 85, 70 after fine-tuning on a, b, c.
    assert [found["sets"]["m"][name]["drop"] for name in "abc"] == [10.0, 5.0, 20.0]
    assert [found["sets"]["m"][name]["ri"] for name in "abc"] == [-4.0, 0.5, -4.5]
    drop, ri = (found["correlations"]["m"][outcome] for outcome in ("drop", "ri"))
    assert drop["pearson"]["value"] == pytest.approx(stats.pearsonr([1, 3, 2], [10, 5, 20]).statistic)
    assert ri["spearman"]["value"] == pytest.approx(stats.spearmanr([1, 3, 2], [-4, 0.5, -4.5]).statistic)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_models_are_pooled_over_the_sets_they_share():
    made = [e for m in ("m", "n") for e in (before(m), *after("ft", model=m))]
    found = summarise(made, SETS, distances=[*measured(), *measured("n", (10.0, 30.0, 20.0))])["distance"]
    assert found["pooled"]["drop"]["n"] == 3
    mean = found["correlations"]["m"]["drop"]["pearson"]["value"]  # that of n: correlations have no scale
    assert found["pooled"]["drop"]["pearson"]["value"] == pytest.approx(mean)
    assert summarise(made, SETS, distances=measured())["distance"]["pooled"] is None


def test_what_is_not_known_is_left_out():
    summary = summarise([before(), *after("ft")[:2]], SETS)
    found = summarise_distances(summary, measured())
    assert found["sets"]["m"]["c"]["drop"] is None
    assert found["correlations"]["m"]["drop"] is None  # two pairs correlate perfectly, whatever they are
    assert summarise_distances(summary, []) is None


@pytest.mark.parametrize("deviation", [None, 0.25])
def test_the_report_shows_distances(tmp_path, deviation):
    files = write_report(
        [before(), *after("ft")],
        SETS,
        tmp_path,
        distances=measured(deviation=deviation),
    )
    names = {path.name for path in files}
    assert {"distance-drop.png", "distance-ri.png"} <= names
    assert not any(name.endswith("-all.png") for name in names)  # there is one model
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Does distance from the pre-training data predict the loss?" in page
    assert ("± 0.25" in page) == (deviation is not None)
    assert json.loads(Path(tmp_path / "summary.json").read_text())["distance"]["source"] == "pretrain"


def test_the_report_says_over_how_many_sets(tmp_path):
    four = [*SETS, SetFacts("d", 100, 10)]
    made = [before(), *after("ft")]  # nothing was fine-tuned on d
    write_report(made, four, tmp_path, distances=measured())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.search(r"<small>[^<]*, p = [^<]*, over 3 of 4 sets</small>", page)
    write_report(made, SETS, tmp_path, distances=measured())
    assert "of 3 sets" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_report_without_distances_has_no_word_of_them(tmp_path):
    write_report([before(), *after("ft")], SETS, tmp_path)
    assert "Does distance" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "summary.json").read_text())["distance"] is None
