"""The suites as grids: planned without heavy imports, run inline, reported."""

import csv
import json
import re
import sys

import numpy as np
import pytest

from generalization_difficulty import Reinforcement, task
from generalization_difficulty.report.numbers import scientific
from generalization_difficulty.report.summary import Entry, summarise
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.report import GridResults, write_report
from gridcell.suite import load_suite, suite_names
from planning_imports import TRAINING, loaded_by_planning

pytestmark = pytest.mark.xdist_group("difficulty-published")

IMAGES = ["mnist", "svhn", "cifar10", "imagenet"]
OTHERS = ["omniglot", *(f"cartpole-{t}" for t in range(1, 6)), "reacher", "hopper", "half-cheetah"]


def run(store, out, name, *overrides, seeds=None):
    suite = load_suite(task, name, overrides, seeds)
    grid = suite.grid()
    run_grid(task, grid, store, RunOptions(executor="inline"))
    results, damaged = store.results.read_many(grid.cells)
    assert not damaged
    failures = {key: item for key, item in store.failures.read_all().items() if key in grid.cells}
    settings = suite.settings.model_dump(mode="json")
    return write_report(task, GridResults(f"gd / {name}", settings, grid, results, failures, store), out)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    from gridcell.store import Store

    folder = tmp_path_factory.mktemp("published")
    run(Store(str(folder / "store")).prepare(), folder / "report", "published")
    return folder / "report"


def test_published_names_every_task_and_ordered_union(published):
    bits = json.loads((published / "summary.json").read_text())["bits"]
    unions = [f"{first}+{second}" for first in IMAGES for second in IMAGES]
    assert list(bits) == [*IMAGES, *OTHERS, *unions]
    printed = {"mnist": "1.4848e+16", "svhn": "1.2129e+31", "cifar10": "3.4377e+32", "imagenet": "3.5833e+41"}
    assert {name: f"{bits[name]:.4e}" for name in IMAGES} == printed
    reacher = Reinforcement(n=10**6, m=6, actions=2, delta=0.001, eps=0.001).difficulty().bits
    assert bits["reacher"] == reacher


def test_published_orders_are_told_from_the_numbers(published):
    summary = json.loads((published / "summary.json").read_text())
    for order in summary["orders"]:
        assert order["holds"] == (sorted(order["log2_bits"]) == order["log2_bits"])
    page = (published / "report.html").read_text()
    assert "Expected order MNIST &lt; CIFAR-10 &lt; ImageNet holds" in page


def test_an_order_that_does_not_hold_is_said_not_to():
    entries = [
        Entry(n, "classification", None, {"log2_bits": b, "bits": 2.0**b}, 0.0)
        for n, b in (("a", 9), ("b", 7))
    ]
    (order,) = summarise(entries, {"a < b": ["a", "b"]})["orders"]
    assert order["holds"] is False
    (order,) = summarise(entries, {"a < c": ["a", "c"]})["orders"]
    assert order["holds"] is None


def test_the_page_stands_alone(published):
    page = (published / "report.html").read_text()
    pictures = {path.stem for path in published.glob("*.png")}
    shown = set(re.findall(r'download="([^"]+)\.csv" href="data:text/csv', page)) - {"cells", "results"}
    assert shown == pictures
    assert len(shown) == 2 + 2 * 3  # bars, unions, and two of curves for each kind
    assert page.count('<svg role="img"') >= len(shown)
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)


def test_every_cell_is_a_row(published):
    rows = list(csv.DictReader((published / "cells.csv").open()))
    assert len(rows) == len(IMAGES) + len(OTHERS) + len(IMAGES) ** 2
    summary = json.loads((published / "summary.json").read_text())
    assert {row["task"]: float(row["log2_bits"]) for row in rows} == summary["log2_bits"]
    assert rows[0]["delta"] == "2.3987084824335305"


def test_curves_hold_the_tasks_own_value(published):
    summary = json.loads((published / "summary.json").read_text())
    for name in IMAGES:
        curves = summary["tasks"][name]["curves"]
        assert set(curves) == {"n", "m", "classes", "delta", "eps"}
        for variable, curve in curves.items():
            own = curve["x"].index(summary["tasks"][name]["ingredients"][variable])
            assert curve["log2_bits"][own] == pytest.approx(summary["log2_bits"][name], abs=1e-9)


@pytest.mark.slow
def test_mini_measures_manifolds_near_their_dimension(store, tmp_path):
    run(store, tmp_path, "mini", seeds=3)
    measured = json.loads((tmp_path / "summary.json").read_text())["measured"]
    for name, entry in measured.items():
        assert entry["seeds"] == [0, 1, 2], name
        assert entry["m_estimate"]["low"] < entry["m_estimate"]["high"], name
        assert entry["resolution"] == "exact", name
        if name != "digits":  # of which every seed compares all points; manifolds are drawn anew
            assert entry["delta"]["low"] < entry["delta"]["high"], name
        if entry["true_dimension"] is not None and entry["true_dimension"] <= 5:
            assert entry["m_estimate"]["mean"] == pytest.approx(entry["true_dimension"], rel=0.05), name


def test_the_users_own_data(store, tmp_path):
    random = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", x=random.random((300, 12)), y=random.integers(0, 4, 300))
    report = run(store, tmp_path / "report", "custom", f"data.path={tmp_path / 'mine.npz'}", seeds=2)
    summary = json.loads((tmp_path / "report/summary.json").read_text())
    assert summary["measured"]["mine"]["classes"] == 4
    assert summary["log2_bits"]["mine"] == min(summary["measured"]["mine"]["log2_bits"]["values"])
    low, high = summary["ranges"]["mine"]
    assert low < summary["log2_bits"]["mine"] < high
    assert summary["bits"]["mine"] == pytest.approx(2 ** summary["log2_bits"]["mine"])
    assert len(report.headline) == 8  # the answer, tables, and what they say
    assert any("R is measured from the origin" in str(said) for said in report.headline)  # values of 0 to 1
    page = (tmp_path / "report/report.html").read_text()
    (found,) = re.findall(
        r"mine: (\S+) × 10(\S+) to (\S+) × 10(\S+) bits; each source alone \(seed \d, that of median bits\): "
        "error of m",
        page,
    )
    raised = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
    told = [float(f"{found[at]}e{found[at + 1].translate(raised)}") for at in (0, 2)]
    assert told == pytest.approx([2**low, 2**high], rel=0.05)
    assert "is the least distance between classes of all points." in page


def test_moved_data_are_the_same_cell_and_other_data_another(tmp_path):
    ids = []
    for name, factor in (("a", 1), ("b", 1), ("c", 2)):
        np.savez(tmp_path / f"{name}.npz", x=np.eye(9) * factor, y=np.arange(9) % 2)
        suite = load_suite(task, "custom", [f"data.path={tmp_path / f'{name}.npz'}"])
        ids.append(set(suite.grid().cells))
    assert ids[0] == ids[1]
    assert not ids[0] & ids[2]


def test_bad_data_fail_with_their_sentence(store, tmp_path):
    np.savez(tmp_path / "mine.npz", x=np.ones((9, 2)), y=np.arange(9) % 2)
    with pytest.raises(UserError, match=r"Nothing is done yet: mine seed 0: Points 0 and 1 are equal but of"):
        run(store, tmp_path / "report", "custom", f"data.path={tmp_path / 'mine.npz'}", seeds=1)


@pytest.mark.parametrize(
    ("points", "classes", "override", "sentence"),
    [
        (9, 1, "eps=0.01", r"All points of '.*mine\.npz' are of one class: there is nothing to tell apart"),
        (5, 2, "eps=0.01", r"The 5 points of '.*mine\.npz' are too few: estimation\.neighbours=5 needs .* 6"),
        (6, 2, "eps=0.01", ""),
        (5, 2, "m=3", ""),
    ],
)
def test_arrays_that_no_cell_could_measure_are_refused_at_planning(
    tmp_path, points, classes, override, sentence
):
    np.savez(tmp_path / "mine.npz", x=np.eye(points), y=np.arange(points) % classes)
    key = f"{'data' if override.startswith('eps') else 'estimation'}.{override}"
    suite = load_suite(task, "custom", [f"data.path={tmp_path / 'mine.npz'}", key], seeds=1)
    if not sentence:
        assert len(suite.grid().cells) == 1
        return
    with pytest.raises(UserError, match=sentence):
        suite.grid()


@pytest.mark.parametrize(
    ("suite", "override", "sentence"),
    [
        ("custom", "seeds=[0]", "There is nothing to measure: set data.path"),
        ("custom", "data.path=nowhere.npz", "There are no data at 'nowhere.npz'"),
        ("custom", "data.pth=x", "did you mean 'path'"),
        ("published", "tasks.mnist.n=1" + "0" * 40, "Task 'mnist': The data already determine the function"),
        (
            "published",
            "tasks.mnist.eps=1.0e+9",
            "Task 'mnist': The target error eps = 1e\\+09 asks for nothing",
        ),
        ("published", "tasks.mnist.eps=0", "The setting 'tasks.mnist.*eps' is wrong"),
        ("published", "unions=[mnist,omniglot]", "'omniglot' in 'unions' is no classification"),
        ("published", "unions=[minst]", "did you mean 'mnist'"),
        ("published", "orders={x: [mnist, cifr10]}", "did you mean 'cifar10'"),
        ("published", "orders={x: [mnist, cifar10, mnist]}", "'mnist' is listed twice in the order 'x'"),
        ("published", "published={minst: 3.0}", "task in 'published' 'minst': did you mean 'mnist'"),
        ("mini", "seeds=[1, 1]", "a value is listed twice"),
        ("mini", "environments={digits: {id: CartPole-v1}}", "both environments.digits and datasets.digits"),
        ("custom", "environments={a: {id: CartPol-v1}}", "Did you mean 'CartPole-v1'"),
        ("custom", "environments={a: {id: Mine/Own-v0}}", "as in 'ale_py:ALE/Pong-v5'"),
        ("published", "datasets={svhn: {source: digits}}", "'svhn' is given to both tasks.svhn and datasets"),
    ],
)
def test_a_mistake_is_one_sentence(suite, override, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        load_suite(task, suite, [override]).grid()
    assert "\n" not in str(caught.value)


TABLES = {
    "names of columns": ("tab.csv", "a,b,kind\n1,2.5,0\n3,4,1\n5,6e1,0\n7,8,1\n", [0, 1, 0, 1]),
    "numbers alone": ("tab.csv", "1,2.5,0\n3,4,1\n5,6e1,0\n7,8,1\n", [0, 1, 0, 1]),
    "words as labels": ("tab.csv", "1,2.5,cat\n3,4,dog\n5,6e1,cat\n7,8,#3\n", ["cat", "dog", "cat", "#3"]),
    "tabs and names": ("my tab.tsv", "a\tb\tkind\n1\t2.5\tu\n3\t4\tv\n5\t60\tu\n7\t8\tv\n", list("uvuv")),
    "a byte order mark": ("tab.csv", "\ufeff1,2.5,0\n3,4,1\n5,60,0\n7,8,1\n", [0, 1, 0, 1]),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_line_that_is_advised_for_a_table_makes_an_npz_that_is_read(name, tmp_path):
    file, text, labels = TABLES[name]
    (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="is a table") as caught:
        load_suite(task, "custom", [f"data.path={tmp_path / file}"]).grid()
    assert "\n" not in str(caught.value)
    exec(str(caught.value).partition("makes an .npz of it: ")[2], {})
    made = (tmp_path / file).with_suffix(".npz")
    with np.load(made) as arrays:
        assert arrays["x"].tolist() == [[1, 2.5], [3, 4], [5, 60], [7, 8]]
        assert arrays["y"].tolist() == labels
    assert load_suite(task, "custom", [f"data.path={made}", "estimation.neighbours=3"]).grid().cells


def test_a_table_whose_labels_are_no_classes_does_not_become_classes(tmp_path):
    (tmp_path / "tab.csv").write_text("1,2,0.25\n3,4,0.5\n5,6,0.75\n")
    with pytest.raises(UserError) as caught:
        load_suite(task, "custom", [f"data.path={tmp_path / 'tab.csv'}"]).grid()
    exec(str(caught.value).partition("makes an .npz of it: ")[2], {})
    with pytest.raises(UserError, match="give classes"):
        load_suite(task, "custom", [f"data.path={tmp_path / 'tab.npz'}"]).grid()


def test_the_suites():
    assert suite_names(task) == ["alphabets", "custom", "figures", "mini", "published"]
    assert len(load_suite(task, "mini").grid()) == 9 * 5


def test_planning_loads_no_heavy_library():
    heavy = TRAINING | {"pandas", "gymnasium", "jinja2"}
    assert loaded_by_planning("generalization_difficulty", "published", heavy) == set()


def test_numbers_read_as_people_write_them():
    assert scientific(np.log2(1.4848e16)) == "1.4848 × 10¹⁶"
    assert scientific(np.log2(9.99999e-3), 2) == "1.00 × 10⁻²"


@pytest.mark.parametrize(
    ("suite", "name", "taken"),
    [
        ("mini", "digits", "datasets.digits"),
        ("published", "mnist", "tasks.mnist"),
        ("published", "mnist+svhn", "the union mnist\\+svhn"),
    ],
)
def test_own_data_of_a_name_that_is_taken_are_refused(tmp_path, suite, name, taken):
    np.savez(tmp_path / "mine.npz", x=np.eye(9), y=np.arange(9) % 2)
    chosen = [f"data.path={tmp_path / 'mine.npz'}", f"data.name={name}"]
    with pytest.raises(UserError, match=f"given to both {taken} and data: set data.name to another"):
        load_suite(task, suite, chosen).grid()


def test_own_data_at_a_relative_path_are_found_from_anywhere(tmp_path, monkeypatch):
    np.save(tmp_path / "points.npy", np.eye(9))
    np.save(tmp_path / "labels.npy", np.arange(9) % 2)
    monkeypatch.chdir(tmp_path)
    grid = load_suite(task, "custom", ["data.path=points.npy", "data.labels=labels.npy"]).grid()
    assert grid.locations == {"data": f"{tmp_path}/points.npy", "labels": f"{tmp_path}/labels.npy"}


def test_more_support_sets_than_any_float_holds_are_drawn(store, tmp_path):
    many = "{kind: meta-learning, alphabets: [300], drawings: 200, ways: 200, m_within: 22, m_across: 29, "
    many += "radius: 49, delta: 0.5, eps: 1.0e-9}"
    run(store, tmp_path / "report", "custom", f"tasks.many={many}")
    summary = json.loads((tmp_path / "report/summary.json").read_text())
    assert summary["tasks"]["many"]["ingredients"]["n"] > sys.float_info.max
    assert (tmp_path / "report/curves-meta-learning.png").exists()


@pytest.mark.parametrize(
    ("settings", "notes"),
    [
        ({}, 1),
        ({"seeds": [0]}, 0),
        ({"estimation": {"queries": 59}}, 0),
        ({"estimation": {"queries": 60}}, 1),
        ({"estimation": {"resolution": "sample"}}, 0),
        ({"estimation": {"exact_pairs": 60 * 59 // 2 - 1}}, 0),
    ],
)
def test_seeds_that_can_give_but_one_number_are_told(tmp_path, settings, notes):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", rng.normal(size=(60, 3)), np.arange(60) % 2)
    chosen = {"data": {"path": str(tmp_path / "own.npz")}, "seeds": [0, 1, 2], **settings}
    grid = task.plan(task.settings(**chosen))
    said = [note for note in grid.notes if "seeds of own give one and the same number" in note]
    assert len(said) == notes
    assert len(grid.targets) == len(chosen["seeds"])
