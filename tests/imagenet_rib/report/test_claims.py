"""The paper's findings are judged by the numbers alone: each verdict can come out, and says why."""

import numpy as np
import pytest
from scipy import stats

import imagenet_rib
from gridcell.suite import load_suite
from imagenet_rib.report.distance_summary import MeasuredDistance
from imagenet_rib.report.evaluations import Evaluation
from imagenet_rib.report.richness import Origin, origins
from imagenet_rib.report.summary import summarise
from rib_evaluations import PRE, SETS, after, answers, before

PAIR = {"m": Origin("net", 0, "little"), "n": Origin("net", 2, "much")}


def made(model="m", **shifts):
    """Evaluations of methods, each with a shift of its accuracies for every seed."""
    return [
        before(model),
        *(
            e
            for method, by_seed in shifts.items()
            for seed, shift in enumerate(by_seed)
            for e in after(method, model=model, seed=seed, shift=shift)
        ),
    ]


def finding(summary, name):
    return next(one for one in summary["findings"] if one["name"] == name)


def parts(summary, name):
    return {part["name"]: part for part in finding(summary, name)["parts"]}


ASCENDING = {"ft": [0, 1, 2], "ewc": [2, 3, 5], "lwf": [2, 4, 5], "wise_ft": [5, 7, 8], "soup": [5, 6, 8]}


def test_methods_in_the_papers_order():
    summary = summarise(made(**ASCENDING), SETS)
    found = parts(summary, "methods")
    assert finding(summary, "methods")["verdict"] == "holds"
    by_seed = [2, 2, 3]
    assert found["ewc over ft"]["mean"] == pytest.approx(np.mean(by_seed))
    expected = stats.t.interval(0.95, 2, np.mean(by_seed), stats.sem(by_seed))  # paired: seed by seed
    assert found["ewc over ft"]["ci95"] == pytest.approx(expected)
    assert found["ewc over ft"]["interval"] == "seeds"


@pytest.mark.parametrize(
    ("soup", "part", "whole"),
    [([0, 1, 3], "does not hold", "does not hold"), ([0, 9, 3], "undecided", "undecided")],
)
def test_one_part_decides(soup, part, whole):
    summary = summarise(made(**ASCENDING | {"soup": soup}), SETS)
    assert parts(summary, "methods")["soup over ewc"]["verdict"] == part
    assert parts(summary, "methods")["lwf over ft"]["verdict"] == "holds"
    assert finding(summary, "methods")["verdict"] == whole


def test_what_was_not_run_is_not_measured():
    summary = summarise(made(ft=[0], ewc=[3]), SETS)
    assert parts(summary, "methods")["soup over ewc"]["verdict"] == "not measured"
    assert finding(summary, "methods")["verdict"] == "undecided"
    assert finding(summary, "pretraining")["verdict"] == "not measured"
    assert finding(summary, "distance")["verdict"] == "not measured"


def test_models_count_alike():
    shifts = {"ft": [0, 0], "ewc": [1, 2]}
    other = {"ft": [0, 0], "ewc": [4, 7]}
    found = parts(summarise([*made(**shifts), *made("n", **other)], SETS), "methods")["ewc over ft"]
    assert found["mean"] == pytest.approx((1.5 + 5.5) / 2)
    by_seed = [(1 + 4) / 2, (2 + 7) / 2]
    assert found["ci95"] == pytest.approx(stats.t.interval(0.95, 1, np.mean(by_seed), stats.sem(by_seed)))
    assert {name: one["mean"] for name, one in found["each"].items()} == pytest.approx({"m": 1.5, "n": 5.5})


def richer(gain, shifts):
    """Model n: ``gain`` points more before fine-tuning, and shifted after it."""
    pre = Evaluation(
        "n", "pre", None, None, None, answers({name: value + gain for name, value in PRE.items()})
    )
    return [*made(ft=[0, 0]), pre, *made("n", ft=shifts)[1:]]


@pytest.mark.parametrize(
    ("gain", "shifts", "before", "loss"),
    [
        (10, [0, 1], "holds", "holds"),
        (10, [19, 20], "holds", "does not hold"),
        (-10, [-20, -19], "does not hold", "holds"),
    ],
)
def test_richer_pretraining_starts_higher_and_loses_more(gain, shifts, before, loss):
    summary = summarise(richer(gain, shifts), SETS, origins=PAIR)
    found = parts(summary, "pretraining")
    assert found["before"]["mean"] == pytest.approx(gain)
    assert found["before"]["interval"] == "images"
    assert found["loss"]["mean"] == pytest.approx(np.mean(shifts) - gain)
    assert list(found["loss"]["each"]) == ["n − m"]
    assert {name: part["verdict"] for name, part in found.items()} == {"before": before, "loss": loss}


def test_models_of_other_architectures_are_no_pair():
    elsewhere = {"m": Origin("net", 0, "little"), "n": Origin("other", 2, "much")}
    summary = summarise(richer(10, [0, 1]), SETS, origins=elsewhere)
    assert finding(summary, "pretraining")["verdict"] == "not measured"


def distances(values):
    how = {"source": "pretrain", "labels": "gaussian", "solver": "exact"}
    metrics = {"deviation": None, "capped": False, "used": [9, 9], "available": [9, 9]}
    return [
        MeasuredDistance("m", {**how, "target": facts.name}, {**metrics, "distance": d, "values": [d]})
        for facts, d in zip(SETS, values, strict=True)
    ]


def test_distance_needs_a_small_p_beside_its_interval():
    # Accuracy on val falls by 10, 5, 20 points; three pairs hardly let the bootstrap see how little they are.
    straight, bent = ([10.1, 5.0, 20.0], [9.0, 8.5, 11.0])
    found = [
        parts(summarise(made(ft=[0]), SETS, distances=distances(values)), "distance")["pearson"]
        for values in (straight, bent)
    ]
    assert found[0]["ci95"][0] > 0 > found[1]["ci95"][0]
    assert [one["p"] < 0.05 for one in found] == [True, False]
    assert [one["verdict"] for one in found] == ["holds", "undecided"]


def test_origins_of_the_suites():
    mini = origins(load_suite(imagenet_rib.task, "mini").settings.model_dump(mode="json"))
    assert {name: (o.architecture, o.level) for name, o in mini.items()} == {
        "vit-plain": ("vit", 0),
        "vit-rich": ("vit", 1),
        "resnet-plain": ("resnet", 0),
        "resnet-rich": ("resnet", 1),
    }
    paper = origins(load_suite(imagenet_rib.task, "paper").settings.model_dump(mode="json"))
    base = {name: o.level for name, o in paper.items() if o.architecture == "vit_base_patch16_224"}
    assert base == {
        "vit_b16-augreg_in1k": 0,
        "vit_b16-sam_in1k": 0,
        "vit_b16-augreg_in21k": 1,
        "vit_b16-orig_in21k": 1,
        "vit_b16_miil-in21k_p": 1,
        "clip_b16-laion2b": 2,
        "clip_b16-openai": 2,
    }
    assert len(paper) == 22
