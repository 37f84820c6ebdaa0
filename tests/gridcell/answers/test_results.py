"""Results, curves, artifacts, plans and runs by one call."""

import base64
import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, strategies as st

import gridcell
from gridcell.answers import frames
from gridcell.answers.reading import _curve_rows
from gridcell.answers.request import override_pairs, selection, with_variants
from gridcell.cli import results as results_command
from gridcell.errors import CellsFailed, CorruptData, UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.report.tidy import FACTS, flatten, tidy
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task
from made_up import made_up


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """A store in which toy/mini with two seeds is done."""
    folder = tmp_path_factory.mktemp("answers") / "runs"
    task = find_task("toy")
    grid = load_suite(task, "mini", seeds=2).grid()
    store = Store(str(folder)).prepare()
    assert not run_grid(task, grid, store, RunOptions(executor="inline")).failed
    return str(folder)


def test_a_row_for_each_target_with_labels_metrics_and_the_cell(storage):
    frame = gridcell.results("toy", "mini", storage, seeds=2)
    assert len(frame) == 8
    assert list(frame.columns) == ["seed", "what", "row", "sum", *FACTS]
    total = frame[frame.what == "total"].set_index("seed")["sum"]
    assert total.to_dict() == {0: 6, 1: 9}  # (0 + 2 + 4) + 3 seed
    store = Store(storage)
    for cell_id, value in zip(frame.cell, frame["sum"], strict=True):
        assert store.results.read(cell_id).metrics["sum"] == value
    assert set(frame.state) == {"done"}
    assert not frame.stale.any()
    assert frame["row"].dtype == "Int64"  # gaps make no floats of integers
    assert frame.started.dt.tz is not None
    assert frame.attrs["labels"] == ["seed", "what", "row"]
    assert frame.attrs["metrics"] == ["sum"]


def test_arrow_takes_the_frame(storage):
    frame = gridcell.results("toy", "mini", storage, seeds=2)
    table = pyarrow.table(frame)
    assert table.column("cell").to_pylist() == list(frame.cell)


def test_what_is_selected_overridden_and_seeded_means_what_the_command_means(storage):
    some = gridcell.results("toy", "mini", storage, seeds=2, select={"row": [0, 2], "seed": 1})
    assert list(some[some.what == "row"]["sum"]) == [1, 5]
    assert gridcell.results("toy", storage=storage, select="row=1").loc[0, "what"] == "total"
    none = gridcell.plan("toy", storage=storage, settings={"width": 4})
    assert list(none.state).count("queued") == 3


def test_a_long_frame_has_a_row_for_each_number(tmp_path):
    metrics = [{"accuracy": {"v2": 1.0, "r": 2}, "name": "x", "hits": [1, 2]}, {"accuracy": {"v2": 3.0}}]
    found = tidy(made_up(metrics, [{"m": "a"}, {"m": "b"}], tmp_path))
    from gridcell.answers.frames import frame_of, long_frame

    long = long_frame(found)
    assert long[["m", "metric", "key", "value"]].to_numpy().tolist() == [
        ["a", "accuracy", "r", 2.0],
        ["a", "accuracy", "v2", 1.0],
        ["b", "accuracy", "v2", 3.0],
    ]
    wide = frame_of(found)
    assert wide["accuracy.v2"].tolist() == [1.0, 3.0]
    assert wide.hits[0] == [1, 2]


def test_targets_without_a_result_stay_with_their_state(tmp_path):
    found = tidy(made_up([{"x": 1}, None], [{"m": "a"}, {"m": "b"}], tmp_path))
    assert [(row["state"], row.get("x"), row["stale"]) for row in found.rows] == [
        ("done", 1, False),
        ("not run", None, False),
    ]


def test_names_that_clash_are_told_apart(tmp_path):
    metrics = [{"seconds": 3.0, "m": 4.0, "cell": 5}]
    (row,) = tidy(made_up(metrics, [{"m": "a", "kind": "mine"}], tmp_path)).rows
    assert (row["m"], row["metric.m"], row["metric.seconds"], row["seconds"]) == ("a", 4.0, 3.0, 1.5)
    assert (row["label.kind"], row["kind"], row["metric.cell"]) == ("mine", "k", 5)


def test_two_metrics_written_alike_are_refused():
    with pytest.raises(UserError, match=r"^Cell c has two metrics that are both written 'a\.b'$"):
        flatten({"a.b": 1, "a": {"b": 2}}, "c")


names = st.text("abc", min_size=1, max_size=3)
tree = st.recursive(st.floats(allow_nan=False), lambda inner: st.dictionaries(names, inner, max_size=3))


@given(st.dictionaries(names, tree, max_size=4))
def test_flattening_keeps_every_leaf(metrics):
    def leaf(path):
        value = metrics
        for name in path.split("."):
            value = value[name]
        return value

    def count(value):
        return sum(map(count, value.values())) if isinstance(value, dict) else 1

    flat = flatten(metrics)
    assert len(flat) == count(metrics)
    assert all(leaf(path) == value for path, value in flat.items())


def test_commit_and_machine_of_a_result(tmp_path):
    sources = {"gridcell": {"commit": "4f1c", "modified": False}, "toy": {"commit": "99aa", "modified": True}}
    machine = {"cpu": "a", "gpu": "b"}
    (row,) = tidy(made_up([{"x": 1}], [{}], tmp_path, sources=sources, machine=machine, device="cuda")).rows
    assert (row["commit"], row["machine"], row["device"]) == ("4f1c, 99aa (modified)", "b", "cuda")


def test_curves_of_a_target_are_its_own_or_those_of_what_it_needs(storage):
    curves = gridcell.curves("toy", "mini", storage, seeds=2)
    own = curves[(curves.what == "row") & (curves.seed == 1)]
    assert own[["row", "kind", "metric", "step", "value"]].to_numpy().tolist() == [
        [row, "step", "sum", 0, row + 1.0] for row in range(3)
    ]
    of_total = curves[(curves.what == "total") & (curves.seed == 1)]
    assert sorted(of_total.cell) == sorted(own.cell)  # the total reports nothing
    every = gridcell.curves("toy", "mini", storage, seeds=2, kind="step")
    assert len(every[(every.what == "total") & (every.seed == 0)]) == 6
    with pytest.raises(UserError, match="has no cells of the kind 'stpe': did you mean 'step'"):
        gridcell.curves("toy", "mini", storage, kind="stpe")


def test_an_artifact_is_fetched_verified_and_copied(storage, tmp_path):
    cell = gridcell.results("toy", "mini", storage).cell[3]
    assert gridcell.artifact(cell[:8], "sum.txt", storage).read_text() == "4"
    copied = gridcell.artifact(cell, "sum.txt", storage, to=tmp_path)
    assert copied == tmp_path / "sum.txt"
    assert copied.read_text() == "4"
    with pytest.raises(UserError, match=r"left no file 'sum.tx': did you mean 'sum\.txt'"):
        gridcell.artifact(cell, "sum.tx", storage)
    with pytest.raises(UserError, match=r"^No cell with a result in .* has an id that starts with 'zz': "):
        gridcell.artifact("zz", "sum.txt", storage)


def test_a_damaged_artifact_is_not_handed_out(without_mlflow, tmp_path):
    storage = tmp_path / "runs"
    frame = gridcell.run("toy", "mini", storage, executor="inline", select="row=0")
    cell = frame[frame.what == "row"].cell.iloc[0]
    gridcell.artifact(cell, "sum.txt", storage).write_text("5")
    with pytest.raises(CorruptData, match="is not what was committed"):
        gridcell.artifact(cell, "sum.txt", storage)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"task": "tyo"}, "Unknown task 'tyo': did you mean 'toy'"),
        ({"suite": "mni"}, "Unknown suite of toy 'mni': did you mean 'mini'"),
        ({"select": "rwo=1"}, "labelled 'rwo': did you mean 'row'"),
        ({"select": {"row": 9}}, "No cell has row=9"),
        ({"select": {"row": []}}, "The selection of 'row' is empty"),
        ({"settings": {"widht": 2}}, "Unknown setting 'widht': did you mean 'width'"),
        ({"settings": {"width": float("nan")}}, "The setting 'width' can't be nan"),
        ({"storage": "nowhere"}, "There is no gridcell storage at 'nowhere' yet"),
    ],
)
def test_a_mistake_is_the_commands_sentence(storage, arguments, said):
    with pytest.raises(UserError) as caught:
        gridcell.results(**{"task": "toy", "storage": storage, **arguments})
    assert said in str(caught.value)


def test_of_nothing_there_is_no_frame(storage):
    with pytest.raises(UserError, match=r"^Nothing is done yet: run the suite first$"):
        gridcell.results("toy", storage=storage, settings={"length": 5})


def test_the_command_says_what_else_the_storage_has(gridcell):
    assert gridcell("run", "toy", "--executor", "inline", "--quiet")[0] == 0
    code, _, errors = gridcell("results", "toy", "--set", "length=5")
    assert code == 2
    first, second = errors.splitlines()
    assert first == "gridcell: Nothing is done yet: run the suite first"
    assert second.startswith("gridcell: The storage has other results: ")
    assert "those of toy/mini have other settings" in second


def test_a_run_with_failures_raises_and_keeps_the_rest(without_mlflow, tmp_path):
    asked = {"settings": {"fail": {"r1c0": "bug"}}, "executor": "inline"}
    with pytest.raises(
        CellsFailed, match=r"^1 cell failed \(r1c0: bug: ZeroDivisionError: one by nought\)"
    ) as caught:
        gridcell.run("toy", "mini", tmp_path / "runs", **asked)
    assert caught.value.blocked == 2
    frame = gridcell.run("toy", "mini", tmp_path / "runs", check=False, **asked)
    assert frame[frame.what == "row"].state.tolist() == ["done", "blocked", "done"]


def test_a_run_that_diverged_raises_nothing(without_mlflow, tmp_path):
    settings = {"fail": {"r1c1": "diverged"}}
    frame = gridcell.run("toy", "mini", tmp_path / "runs", settings=settings, executor="inline")
    assert frame[frame.what == "row"].state.tolist() == ["done", "diverged", "done"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"executor": "inlin"}, "Unknown executor 'inlin': did you mean 'inline'"),
        ({"executor": "inline", "address": "auto"}, "--address needs --executor ray"),
        ({"executor": "inline", "changed": "rerunn"}, "did you mean 'rerun'"),
    ],
)
def test_how_to_run_is_checked_before_anything_runs(tmp_path, arguments, said):
    with pytest.raises(UserError, match=said):
        gridcell.run("toy", "mini", tmp_path / "runs", **arguments)
    assert not (tmp_path / "runs").exists()


def test_means_over_seeds_have_no_long_form(storage):
    with pytest.raises(UserError, match="leave 'long' or 'over' out"):
        gridcell.results("toy", storage=storage, over="seed", long=True)


def test_selections_and_overrides_are_read_in_each_form():
    assert selection({"a": [0, 1], "b": "x"}) == selection(["a=0,1", "b=x"]) == {"a": ["0", "1"], "b": ["x"]}
    assert override_pairs({"a.b": "1e-3", "c": [1, 2]}) == ['a.b="1e-3"', "c=[1, 2]"]
    assert override_pairs(None) == []


def test_the_command_hands_out_what_the_call_returns(storage, gridcell, tmp_path):
    ask = ("results", "toy", "--storage", storage, "--seeds", 2)
    code, output, errors = gridcell(*ask, "--format", "csv")
    assert (code, errors) == (0, "")
    frame = pd.read_csv(io.StringIO(output))
    import gridcell as package

    assert frame.cell.tolist() == package.results("toy", storage=storage, seeds=2).cell.tolist()
    assert gridcell(*ask, "--format", "parquet", "--out", "x.parquet")[0] == 0
    assert pd.read_parquet(tmp_path / "x.parquet").cell.tolist() == frame.cell.tolist()
    code, output, _ = gridcell(*ask, "--columns", "sum,cell", "--format", "markdown", "--select", "row=1")
    assert output.splitlines()[0] == "| sum | cell |"
    code, output, errors = gridcell("results", "toy", "--storage", storage, "--seeds", 3)
    assert code == 0
    assert "Note: Incomplete: 7 of 21 cells have no result" in errors


def test_the_command_names_the_units_that_names_of_columns_do_not_tell(storage, gridcell, monkeypatch):
    toy = replace(find_task("toy"), units={"sum": "apples", "other": "pears"})
    asked = results_command.request
    monkeypatch.setattr(
        results_command,
        "request",
        lambda *said: replace(found := asked(*said), suite=replace(found.suite, task=toy)),
    )
    ask = ("results", "toy", "--storage", storage, "--seeds", 2)
    assert gridcell(*ask)[2] == "Note: sum is in apples.\n"
    assert gridcell(*ask, "--columns", "cell")[2] == ""


def test_a_report_names_the_cell_of_each_row_and_how_it_was_made(storage, gridcell, tmp_path):
    code, *_ = gridcell("report", "generalization-difficulty", "--suite", "published", "--storage", storage)
    assert code == 2  # nothing of it is stored
    assert gridcell("report", "toy", "--storage", storage, "--out", "out", "--select", "row=1")[0] == 0
    rows = list(csv.DictReader((tmp_path / "out/results.csv").open()))
    assert [row["sum"] for row in rows] == ["6", "2"]
    assert Store(storage).results.read(rows[1]["cell"]).metrics == {"sum": 2}


def test_summary_holds_settings_selection_and_provenance(tmp_path):
    from dataclasses import replace

    from gridcell.report import write_report

    task = replace(find_task("toy"), report="gridcell.report.default:write")
    found = made_up([{"x": 1}, None], [{"m": "a"}, {"m": "b"}], tmp_path, versions={"gridcell": "1"})
    found = replace(found, suite="mini", selected={"m": ["a", "b"]}, settings={"width": 3})
    write_report(task, found, tmp_path / "out")
    made = json.loads((tmp_path / "out/summary.json").read_text())["made"]
    assert made["settings"] == {"width": 3}
    assert (made["task"], made["suite"], made["select"]) == ("toy", "mini", {"m": ["a", "b"]})
    assert (made["cells"], made["versions"]) == ({"all": 2, "done": 1}, "gridcell 1")
    page = (tmp_path / "out/report.html").read_text()
    carried = re.search(r'download="summary.json" href="data:application/json;base64,([^"]+)"', page)
    assert json.loads(base64.b64decode(carried[1]))["made"] == made
    assert page.count('download="results.csv"') == 1


def test_the_public_face_is_lazy():
    code = (
        "import sys, gridcell, gridcell.plots\n"
        "wanted = {'results', 'curves', 'artifact', 'run', 'plan'}\n"
        "assert wanted <= set(gridcell.__all__), gridcell.__all__\n"
        "assert {'matrix', 'lines', 'bars', 'save_figure'} <= set(gridcell.plots.__all__)\n"
        "gridcell.results; gridcell.plan; gridcell.run\n"
        "heavy = {'pandas', 'pyarrow', 'torch', 'ray', 'mlflow', 'matplotlib', 'scipy'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_a_reports_figures_are_written_for_papers(storage, gridcell, tmp_path):
    code, _, errors = gridcell("report", "toy", "--storage", storage, "--figures", "svg,epd")
    assert (code, "did you mean 'pdf'" in errors) == (2, True)


def test_figures_for_papers_stand_beside_the_page(tmp_path):
    from dataclasses import replace

    from gridcell.report import write_report
    from gridcell.report.results import About

    task = replace(find_task("toy"), report="gridcell.report.default:write")
    found = made_up([{"x": 1}], [{"m": "a"}], tmp_path, versions={"gridcell": "1"})
    result = next(iter(found.results.values()))
    told = {result.cell.id: replace(result, curves={"loss": [(1, 2.0), (2, 1.0), (3, 0.5)]})}
    found = replace(found, results=told, about=About(figures=("svg", "pdf")))
    page = write_report(task, found, tmp_path / "out").page.read_text()
    assert {"curve-loss.svg", "curve-loss.pdf"} <= {file.name for file in (tmp_path / "out").iterdir()}
    assert "The cell behind each number" in page
    assert result.cell.id in page


def test_a_files_ending_names_the_format(gridcell, storage):
    ask = ("results", "toy", "--seeds", "2", "--storage", storage, "--out")
    for ending in ("csv", "json", "md", "tex", "parquet"):
        assert gridcell(*ask, f"table.{ending}")[0] == 0
        named = "latex" if ending == "tex" else "markdown" if ending == "md" else ending
        assert gridcell(*ask, "named", "--format", named)[0] == 0
        assert Path(f"table.{ending}").read_bytes() == Path("named").read_bytes()
    code, _, errors = gridcell(*ask, "table.xls")
    assert (code, "names no format of results" in errors) == (2, True)


def test_who_selects_an_entry_selects_the_points_of_its_sweep():
    suite = load_suite(find_task("farmap"), "mini", ["agents.farmap.rho=[1,2]"])
    found = with_variants({"agent": ["farmap"], "seed": ["0"]}, suite, suite.grid())
    assert found == {"agent": ["farmap", "farmap-rho-1", "farmap-rho-2"], "seed": ["0"]}
    assert with_variants({"agent": ["frontier"]}, suite, suite.grid()) == {"agent": ["frontier"]}


def test_the_call_and_the_command_give_the_same_means(storage, gridcell, tmp_path):
    import gridcell as package

    frame = package.results("toy", storage=storage, seeds=2, over="seed")
    every = package.results("toy", storage=storage, seeds=2)
    labels = [name for name in every.attrs["labels"] if name != "seed"]
    assert "seed" not in frame.columns
    expected = every.groupby(labels, dropna=False, sort=False)["sum"].mean()
    assert frame["sum"].tolist() == pytest.approx(expected.tolist())
    ask = ("results", "toy", "--storage", storage, "--seeds", 2, "--over", "seed")
    code, output, _ = gridcell(*ask)
    assert code == 0
    assert pd.read_csv(io.StringIO(output))["sum.low"].tolist() == pytest.approx(
        frame["sum.low"].tolist(), nan_ok=True
    )
    assert " ± " in gridcell(*ask, "--format", "markdown")[1]
    code, _, errors = gridcell(*ask[:-1], "row")
    assert (code, "choose from seed" in errors) == (2, True)


@pytest.mark.parametrize("name", ["metric", "value", "cell", "step", "kind", "key"])
def test_a_label_that_has_the_name_of_a_column_is_not_overwritten(name, tmp_path):
    found = made_up([{"x": 1.0}], [{name: "mine"}], tmp_path)
    long = frames.long_frame(tidy(found))
    assert "mine" in long.iloc[0].tolist()
    assert long.value.tolist() == [1.0]
    result = next(iter(found.results.values()))
    curved = replace(found, results={result.cell.id: replace(result, curves={"loss": [(1, 0.5)]})})
    (row,) = _curve_rows(curved, found.grid.targets[0], None)
    assert (row["value"], row["metric"], row["step"]) == (0.5, "loss", 1)
    assert "mine" in row.values()
    assert row["cell"] == result.cell.id


def test_output_to_a_pipe_is_csv(storage, gridcell):
    code, output, _ = gridcell("results", "toy", "--storage", storage)
    assert code == 0
    assert output == gridcell("results", "toy", "--storage", storage, "--format", "csv")[1]
    assert gridcell("results", "toy", "--storage", storage, "--format", "table")[1] != output
