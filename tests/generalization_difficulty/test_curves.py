"""Given tasks along one ingredient and at the errors of models."""

import json
import math

import numpy as np
import pytest
from tests.generalization_difficulty.test_grid import run

from generalization_difficulty import Classification, task
from generalization_difficulty.data.errors import read_errors
from generalization_difficulty.plan import sweep_values
from generalization_difficulty.report.along import sentences_along
from generalization_difficulty.settings import Sweep
from gridcell.errors import UserError
from gridcell.suite import load_suite

pytestmark = pytest.mark.xdist_group("difficulty-figures")

CIFAR = Classification(
    n=50_000, m=27, radius=54.9156786783691, classes=10, delta=2.7506414616587023, eps=0.01
)


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    from gridcell.store import Store

    folder = tmp_path_factory.mktemp("figures")
    run(Store(str(folder / "store")).prepare(), folder / "report", "figures")
    return folder / "report", json.loads((folder / "report/summary.json").read_text())


def test_sweeps_end_where_the_published_ones_do(figures):
    """Read off pictures to 1 %; the power of ten of the longest curve to 30 %."""
    _, summary = figures
    tolerance = {"imagenet-dimension": 0.3}
    compared = 0
    for name, sweep in summary["sweeps"].items():
        if sweep["published"]:
            ends = 2 ** np.array([sweep["log2_bits"][0], sweep["log2_bits"][-1]])
            np.testing.assert_allclose(ends, sweep["published"], rtol=tolerance.get(name, 0.015))
            compared += 1
    assert compared == 4
    assert summary["sweeps"]["cartpole-observations"]["x"] == [2, 4, 6, 8, 10]


def test_models_provide_the_bits_of_the_task_at_their_error(figures):
    _, summary = figures
    found = summary["models"]["cifar10-models"]
    for model in found["models"]:
        if model["error"] is None:
            assert model["log2_bits"] is None
            continue
        eps = math.sqrt(2) * model["error"]
        at_error = Classification(
            n=CIFAR.n, m=CIFAR.m, radius=CIFAR.radius, classes=10, delta=CIFAR.delta, eps=eps
        ).difficulty()
        assert model["log2_bits"] == pytest.approx(at_error.log2_bits, abs=1e-12)
        assert at_error.bits == pytest.approx(model["published_bits"], rel=0.01)
    assert [found["curve"]["error"][end] for end in (0, -1)] == [1.0, 0.005]
    assert found["curve"]["log2_bits"] == sorted(found["curve"]["log2_bits"])


@pytest.mark.parametrize(("name", "ratio"), [("mnist-models", 0.75), ("imagenet-models", 0.71)])
def test_published_bits_of_other_tasks_differ_by_one_factor(figures, name, ratio):
    """Errors enter as published; what the factor is, the publication does not say."""
    _, summary = figures
    known = [model for model in summary["models"][name]["models"] if model["log2_bits"]]
    assert len(known) >= 2
    for model in known:
        assert model["published_bits"] / 2 ** model["log2_bits"] == pytest.approx(ratio, rel=0.015)


def test_the_page_shows_models_and_sweeps(figures):
    folder, summary = figures
    page = (folder / "report.html").read_text()
    assert "cifar10-models: bits that models provide on cifar10" in page
    assert {path.name for path in folder.glob("*.png")} >= {"models.png", "sweeps.png"}
    said = sentences_along(summary)
    assert "cifar10-models: of published bits, ViT-H/14, DSN, AlexNet agree within 2%." in said
    assert "cifar10-models: models without bits, as no error is known or none is left at it: 2." in said


def test_values_of_a_sweep():
    counts = Sweep(task="a", vary="classes", start=2, stop=4, points=9)
    assert sweep_values(counts) == [2, 3, 4]
    even = Sweep(task="a", vary="delta", start=30, stop=120, points=4, spacing="linear")
    assert sweep_values(even) == [30, 60, 90, 120]
    decades = Sweep(task="a", vary="eps", start=1e-4, stop=0.1, points=4)
    np.testing.assert_allclose(sweep_values(decades), [1e-4, 1e-3, 1e-2, 1e-1])


def test_errors_from_a_table_and_from_results_of_imagenet_rib(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("name,error\nsmall,0.3\nlarge,0.05\n")
    assert [(model.name, model.error) for model in read_errors(str(table), "x")] == [
        ("small", 0.3),
        ("large", 0.05),
    ]
    results = tmp_path / "cells.csv"
    results.write_text(
        "model,method,downstream,seed,variant,set,n,correct,accuracy\n"
        "vit,ft,sketch,0,,val,10,8,80.0\nvit,ft,sketch,1,,val,10,7,70.0\nvit,ft,sketch,0,,sketch,10,1,10.0\n"
        "vit,wise,sketch,0,0.5,val,10,9,90.0\n"
    )
    found = {model.name: model.error for model in read_errors(str(results), "imagenet")}
    assert found == pytest.approx({"vit ft": 0.25, "vit wise 0.5": 0.1})
    with pytest.raises(UserError, match="no accuracy on the set 'real'; its sets are sketch, val"):
        read_errors(str(results), "imagenet", "real")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,error\na,12\n", r"mine.csv:2: the error of 'a' must .* shares, so 12 % is 0.12"),
        ("name,error\na,few\n", "mine.csv:2: the error 'few' is no number"),
        ("name,error\na,0.1\na,0.2\n", "names the model 'a' twice"),
        ("name,task,error\na,mnist,0.1\n", "has no rows for cifar10"),
        ("model,mistakes\na,0.1\n", "has the columns mistakes, model; name and error are needed"),
        ("", "has the columns none"),
        ("name;error\na;0,1\n", "separates its columns by semicolons or tabs: separate them by commas"),
        ("name,error\na,0,1\n", "mine.csv:2: this line has more fields than the header"),
        ("name,error\n ,0.1\n", "mine.csv:2: a model has no name"),
    ],
)
def test_a_table_that_is_none_is_one_sentence(tmp_path, text, sentence):
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_errors(str(tmp_path / "mine.csv"), "cifar10")


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("sweeps={a: {task: cifar, vary: n, start: 1, stop: 9}}", "did you mean 'cifar10'"),
        ("sweeps={a: {task: reacher, vary: classes, start: 1, stop: 9}}", "ingredient of task 'reacher'"),
        ("models={a: {task: cifar10, table: nowhere.csv}}", "There is no table of errors at 'nowhere.csv'"),
        ("models={a: {task: hopper}}", "has no rows for hopper"),
    ],
)
def test_a_mistake_is_one_sentence(override, sentence):
    with pytest.raises(UserError, match=sentence):
        load_suite(task, "published", [override]).grid()
