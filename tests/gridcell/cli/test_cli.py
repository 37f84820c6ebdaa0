"""The command as a user types it: what it prints, its exit codes, what it leaves behind."""

import ast
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from gridcell import cli
from gridcell.answers.request import Request, request
from gridcell.cell import Cell
from gridcell.cli import cells as cell_commands
from gridcell.cli.executing import say_how_to_go_on
from gridcell.cli.report_folder import own_folder
from gridcell.errors import UserError
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task


@pytest.fixture
def ran(gridcell):
    code, output, _ = gridcell("run", "toy", "--executor", "inline", "--storage", "runs")
    assert code == 0
    return output


def test_tasks_come_from_entry_points(gridcell):
    code, output, _ = gridcell("tasks", "--json")
    assert code == 0
    assert json.loads(output)["toy"] == {"summary": "Sums over a small graph.", "suites": ["mini"]}
    assert "imagenet-rib" in json.loads(output)


def test_plan_counts_cells_by_kind(gridcell):
    code, output, _ = gridcell("plan", "toy", "--set", "width=4", "--seeds", 2)
    assert code == 0
    assert "18 cells give the report's 10 results; 18 to run" in output
    _, output, _ = gridcell("plan", "toy", "--json")
    cells = json.loads(output)["cells"]
    assert len(cells) == 7
    assert {cell["state"] for cell in cells} == {"queued"}


def test_plan_says_what_the_selected_cells_will_cost(gridcell):
    _, output, _ = gridcell("plan", "toy", "--select", "row=1", "--select", "what=row")
    assert output.splitlines()[-1] == "sums: 2 of [width 3]"
    _, output, _ = gridcell("plan", "toy", "--json")
    assert json.loads(output)["estimate"] == {"sums": "7 of [width 3]"}


def test_plan_simulates_how_long_gpus_would_take(gridcell):
    _, output, _ = gridcell("plan", "toy", "--gpus", 1, "--gpus", 100, "--json")
    took = {gpus: figures["makespan_s"] for gpus, figures in json.loads(output)["simulated"].items()}
    assert took == {"1": 70.0, "100": 30.0}  # 7 cells of 10 s; the longest chain has 3
    _, output, _ = gridcell("plan", "toy", "--gpus", 1)
    assert output.splitlines()[-1] == "on 1 GPUs, one cell each: 0:01:10, 100% busy (simulated)"


def test_plan_for_gpus_needs_to_know_how_long_cells_take(gridcell):
    code, _, errors = gridcell("plan", "imagenet-rib", "--gpus", 8)
    assert code == 2
    assert "nobody can say how long the cells of imagenet-rib/mini take" in errors


def test_run_ends_with_the_answer_the_report_and_the_window(ran, tmp_path):
    assert "7 cells run, 0 failed" in ran
    assert re.search(r"'what': 'total'} +6", ran)
    assert f"Report: {tmp_path / 'runs/reports/toy-mini/report.html'}" in ran.replace("\n", "")
    assert "MLflow: sqlite:///" in ran
    assert (tmp_path / "runs/reports/toy-mini/report.html").exists()


def test_each_selection_has_a_report_of_its_own_that_says_how_to_make_it_again(ran, gridcell, tmp_path):
    reports = tmp_path / "runs/reports"
    for select in (["row=1"], ["row=0,1", "what=row"], ["row=1"]):
        options = [word for one in select for word in ("--select", one)]
        assert gridcell("report", "toy", *options, "--storage", "runs")[0] == 0
    assert sorted(folder.name for folder in reports.iterdir()) == [
        "toy-mini",
        "toy-mini-row=0,1-what=row",
        "toy-mini-row=1",
    ]
    page = (reports / "toy-mini-row=1/report.html").read_text()
    command = "gridcell run toy --suite mini --select row=1 --storage runs"
    assert command in page
    code, output, _ = gridcell(*shlex.split(command)[1:], "--executor", "inline")
    assert (code, "0 to run" in output) == (0, True)


def test_a_selection_that_is_no_name_of_a_folder_has_a_digest():
    suite = load_suite(find_task("toy"), "mini")
    asked = Request(suite, suite.grid(), {"what": ["a/b", "c" * 300]})
    name = own_folder(asked, Store("s3://bucket/runs")).name
    other = Request(suite, suite.grid(), {"what": ["a?b", "c" * 300]})
    assert "/" not in name
    assert len(name) < 120
    assert name != own_folder(other, Store("s3://bucket/runs")).name


def test_run_again_runs_nothing(ran, gridcell):
    code, output, _ = gridcell("run", "toy", "--executor", "inline", "--storage", "runs")
    assert code == 0
    assert "7 cells, 0 to run" in output
    assert "cells run" not in output


def test_a_larger_grid_runs_only_what_is_new(ran, gridcell):
    _, output, _ = gridcell("run", "toy", "--executor", "inline", "--storage", "runs", "--set", "width=4")
    assert "9 cells, 3 to run" in output  # a row of two cells and another total


def test_selection_narrows_the_run(gridcell):
    _, output, _ = gridcell("plan", "toy", "--select", "row=1", "--select", "what=row")
    assert "2 cells give the report's one result" in output


def test_status_tells_done_failed_and_why(gridcell):
    failing = ["--set", "fail={r0c0: bug, r1c0: diverged}"]
    code, output, _ = gridcell("run", "toy", "--executor", "inline", "--storage", "runs", *failing)
    assert code == 1
    assert "2 cells run, 1 failed, 1 diverged, 3 not run" in output
    code, output, _ = gridcell("status", "toy", "--storage", "runs", *failing, "--json")
    told = json.loads(output)
    assert told["counts"] == {"done": 2, "failed": 1, "diverged": 1, "queued": 1, "blocked": 2}
    assert {failure["failure_class"] for failure in told["failures"].values()} == {"bug", "diverged"}
    _, output, _ = gridcell("status", "toy", "--storage", "runs", *failing)
    assert "r0c0: bug: ZeroDivisionError: one by nought" in output


def test_cell_show_and_run(ran, gridcell):
    _, output, _ = gridcell("plan", "toy", "--storage", "runs", "--json")
    cell = next(cell for cell in json.loads(output)["cells"] if cell["title"] == "r1c1")
    code, output, _ = gridcell("cell", "show", cell["id"][:8], "--storage", "runs", "--json")
    assert code == 0
    assert json.loads(output)["metrics"] == {"sum": 2}
    code, output, _ = gridcell("cell", "show", cell["id"], "--storage", "runs")
    assert "needs: before " in output
    code, _, errors = gridcell("cell", "run", cell["id"], "--storage", "runs")
    assert code == 2
    assert "is done" in errors
    code, output, _ = gridcell("cell", "run", cell["id"], "--storage", "runs", "--again")
    assert code == 0
    assert "The same result as before." in output
    code, output, _ = gridcell("cell", "run", cell["id"], "--storage", "runs", "--again", "--replace")
    assert code == 0
    code, output, _ = gridcell("cell", "show", cell["id"], "--storage", "runs", "--json")
    told = json.loads(output)
    assert told["stale"] is None
    assert told["provenance"]["command"].endswith("--again --replace")
    assert "sources" in told["provenance"]


def test_running_again_to_compare_never_touches_the_result(ran, gridcell, monkeypatch, tmp_path):
    results = Store(str(tmp_path / "runs")).results
    plan = next(iter(Store(str(tmp_path / "runs")).plans.read_all()))
    cell = next(cell for cell in plan.cells.values() if cell.title == "r1c1")
    before = results.read(cell.id)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cell_commands, "compare", killed)
        gridcell("cell", "run", cell.id, "--storage", "runs", "--again")
    assert results.read(cell.id).stamp == before.stamp
    assert results.tried(cell.id).metrics == before.metrics
    code, output, _ = gridcell("cell", "run", cell.id, "--storage", "runs", "--again")
    assert code == 0
    assert "The earlier result is kept" in output
    assert results.read(cell.id).stamp == before.stamp
    with pytest.raises(FileNotFoundError):
        results.tried(cell.id)
    for artifact in before.artifacts.values():
        assert (tmp_path / "runs" / artifact.path).exists()
    assert results.superseded(cell.id) == []


def test_cell_show_says_that_a_result_is_stale_and_why(ran, gridcell, tmp_path):
    store = Store(str(tmp_path / "runs"))
    cells = next(plan for plan in store.plans.read_all()).cells
    (first,) = [cell for cell in cells.values() if cell.title == "r0c0"]
    before = store.results.read(first.id)
    store.codes.save("other", {"files": {"toy_task": "other"}, "release": None})
    made = {**before.provenance, "code": "other"}
    store.results.commit(first, before.metrics, tmp_path / "none", made, replaces=before.stamp)
    _, output, _ = gridcell("cell", "show", first.id, "--storage", "runs")
    assert "It is stale: done by other code: toy_task changed since" in output
    code, output, _ = gridcell("run", "toy", "--executor", "inline", "--storage", "runs")
    assert (code, output.count("done by other code")) == (0, 1)  # before the run, not again after it
    assert gridcell("report", "toy", "--storage", "runs")[1].count("done by other code") == 1
    after = next(cell for cell in cells.values() if first.id in cell.needs.values())
    _, output, _ = gridcell("cell", "show", after.id, "--storage", "runs", "--json")
    assert json.loads(output)["stale"] == (
        "It is stale: done from another result of 'r0c0' than is there now"
    )


def test_a_failing_cell_run_in_the_foreground_keeps_the_earlier_result(ran, gridcell, monkeypatch, tmp_path):
    import toy_task

    store = Store(str(tmp_path / "runs"))
    cell = next(plan for plan in store.plans.read_all()).cells
    total = next(item for item in cell.values() if item.title == "total")

    def broken(*_):
        raise RuntimeError("broken today")

    monkeypatch.setattr(toy_task, "total", broken)
    with pytest.raises(RuntimeError, match="broken today"):
        gridcell("cell", "run", total.id, "--storage", "runs", "--again")
    assert store.results.read(total.id).metrics == {"sum": 6}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "tyo"], "Unknown task 'tyo': did you mean 'toy'?"),
        (["run", "toy", "--suite", "mimi"], "Unknown suite of toy 'mimi': did you mean 'mini'?"),
        (["run", "toy", "--suite", "mine.yaml"], "There is no suite file 'mine.yaml'"),
        (["run", "toy", "--set", "widht=3"], "Unknown setting 'widht': did you mean 'width'?"),
        (["run", "toy", "--set", "width=0"], "The setting 'width' is wrong: it must be at least 1 (it is 0)"),
        (["run", "toy", "--set", "width"], "must look like --set key=value"),
        (["run", "toy", "--set", "width.deep=1"], "The setting 'width' is wrong"),
        (["run", "toy", "--select", "what=totl"], "No cell has what=totl: did you mean 'total'?"),
        (["run", "toy", "--select", "wat=total"], "did you mean 'what'?"),
        (["run", "toy", "--seeds", "0"], "--seeds must be at least 1"),
        (["run", "toy", "--max-concurrent", "0"], "--max-concurrent must be at least 1"),
        (["run", "toy", "--stall-timeout", "inf"], "must be above 0 and at most 1e+08 seconds, not inf"),
        (["run", "toy", "--stall-timeout", "nan"], "must be above 0 and at most 1e+08 seconds, not nan"),
        (["run", "toy", "--storage", ""], "The storage has no name"),
        (["run", "toy", "--storage", "nosuch://x"], "can't be opened"),
        (["run", "toy", "--storage", "blocked/store"], "can't be written"),
        (["status", "toy", "--storage", "empty"], "There is no gridcell storage at 'empty' yet"),
        (["cell", "show", "zz", "--storage", "empty"], "There is no gridcell storage"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(gridcell, tmp_path, arguments, sentence):
    (tmp_path / "blocked").write_text("a file where a folder should be")
    code, output, errors = gridcell(*arguments)
    assert code == 2
    assert sentence in errors
    assert errors.count("\n") == 1
    assert "Traceback" not in errors + output
    assert sorted(path.name for path in tmp_path.iterdir()) in (["blocked"], ["blocked", "runs"])


def test_a_damaged_result_is_named_by_report_and_mended_by_run(ran, gridcell, tmp_path):
    record = next((tmp_path / "runs/results").glob("*.json"))
    record.write_bytes(record.read_bytes()[:-40])
    code, _, errors = gridcell("report", "toy", "--storage", "runs")
    assert code == 2
    assert f"The stored result of cell {record.stem} is damaged" in errors
    code, output, _ = gridcell("run", "toy", "--executor", "inline", "--storage", "runs")
    assert code == 0
    assert f"cell {record.stem} is damaged: set aside" in output
    assert "1 cell run" in output


def test_the_users_own_suite_file(gridcell, tmp_path):
    (tmp_path / "own.yaml").write_text("width: 2\nlength: 1\n")
    code, output, _ = gridcell("run", "toy", "--suite", "own.yaml", "--executor", "inline")
    assert code == 0
    assert "toy/own: 3 cells" in output
    (tmp_path / "own.yaml").write_text("width: [2\n")
    code, _, errors = gridcell("plan", "toy", "--suite", "own.yaml")
    assert (code, errors.count("\n")) == (2, 1)


def imported_by(*arguments):
    code = (
        "import sys; from gridcell.cli import main\ntry: main()\nexcept SystemExit: pass\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, env=os.environ
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "imagenet-rib", "--suite", "mini"]])
def test_looking_loads_no_heavy_library(arguments):
    heavy = {"torch", "ray", "mlflow", "lightning", "timm", "sklearn", "matplotlib", "pandas", "scipy"}
    if arguments == ["--help"]:
        heavy |= {"numpy", "optuna"}
    assert imported_by(*arguments) & heavy == set()


def test_the_standard_librarys_platform_module_stays_importable():
    root = Path(__file__).parents[3]
    assert not (root / "platform/__init__.py").exists()
    done = subprocess.run(
        [sys.executable, "-c", "import platform; print(platform.system())"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == __import__("platform").system()


def test_an_interruption_keeps_what_is_done_and_says_how_to_go_on(gridcell, monkeypatch):
    import toy_task

    whole, calls = toy_task.step, []

    def interrupted_at_the_third(cell, context):
        calls.append(cell.id)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(cell, context)

    monkeypatch.setattr(toy_task, "step", interrupted_at_the_third)
    arguments = ["run", "toy", "--executor", "inline", "--storage", "runs"]
    code, output, _ = gridcell(*arguments)
    assert code == 130
    assert "Stopped; 2 of 7 cells are done and kept." in output
    assert f"gridcell {' '.join(arguments)}" in output
    code, output, _ = gridcell(*arguments)
    assert code == 0
    assert "7 cells, 5 to run" in output


def interrupted(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize("place", ["_end", "keep_weights"])
def test_an_interruption_after_the_last_cell_says_the_same(gridcell, monkeypatch, place):
    """As of a job that is stopped while it writes its report."""
    monkeypatch.setattr(f"gridcell.cli.run.{place}", interrupted)
    arguments = ["run", "toy", "--executor", "inline", "--storage", "runs"]
    code, output, _ = gridcell(*arguments)
    assert code == 130
    assert "Stopped; 7 of 7 cells are done and kept. To go on, run again:" in output
    assert f"gridcell {' '.join(arguments)}" in output
    assert "or, if this is a job" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_any_other_command_that_is_interrupted_says_so_once(gridcell, monkeypatch, number):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
    gridcell("run", "toy", "--executor", "inline", "--quiet")
    monkeypatch.setattr("gridcell.cli.results.grid_results", lambda *_, **__: signal.raise_signal(number))
    code, output, errors = gridcell("results", "toy")
    assert (code, output, errors) == (130, "", "\ngridcell: stopped.\n")


def test_an_interruption_before_the_command_is_known_says_so_too(gridcell, monkeypatch):
    monkeypatch.setattr("gridcell.printable.print_anything", interrupted)
    assert gridcell("tasks") == (130, "", "\ngridcell: stopped.\n")


def test_a_job_that_is_stopped_names_the_command_that_sent_it(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(sys, "argv", ["gridcell", "run", "toy", "--address", "auto"])
    say_how_to_go_on(Console(file=said, width=200), "Stopped.")
    assert said.getvalue().endswith("or, if this is a job, submit it again where it was submitted.\n")


def test_a_run_that_stops_at_its_limit_of_failures_says_how_to_go_on(gridcell):
    settings = ("--executor", "inline", "--set", "fail={r0c0: bug, r1c0: bug}", "--set", "length=1")
    code, output, _ = gridcell("run", "toy", *settings, "--max-failures", 1)
    assert code == 1
    assert "Stopped: 1 cell failed, as many as --max-failures allows" in output
    assert f"To go on, run again:\n  gridcell run toy {' '.join(settings[:2])}" in output
    code, output, _ = gridcell("status", "toy", *settings[2:], "--json")
    assert json.loads(output)["lost"]["bug"]["attempts"] == 1


def test_forget_names_the_nearest_kind(ran, gridcell):
    code, _, errors = gridcell("forget", "toy", "--storage", "runs", "--kind", "totl")
    assert code == 2
    assert "Unknown kind of cell 'totl'" in errors
    assert "total" in errors


def test_a_cell_whose_plug_in_or_files_are_gone_says_so(tmp_path):
    gone = tmp_path / "gone.py"
    said = r"planned with the plug-in '.*gone\.py', which is not there any more.*--plugin FILE"
    with pytest.raises(UserError, match=said):
        cell_commands._load_plugins(None, [str(gone)], "abc123")
    cell = Cell("toy", "k", {"world": {"file": "f1"}}, title="a map")
    with pytest.raises(UserError, match=r"Cell a map reads '.*gone\.txt', which is not there any more"):
        cell_commands._check_locations({"f1": str(tmp_path / "gone.txt")}, cell)
    cell_commands._check_locations(
        {"f2": str(tmp_path / "gone.txt"), "f1": str(tmp_path)}, cell
    )  # another's; there
    cell_commands._check_locations({"f1": "s3://bucket/map.txt"}, cell)


def test_reports_of_other_settings_have_another_title(gridcell):
    assert request("toy", "mini", overrides=["width=4"]).report_title == "toy/mini (set: width=4)"
    both = request("toy", "mini", select="row=1", overrides=["width=4", "length=3"]).report_title
    assert both == "toy/mini (selected: row=1; set: width=4 length=3)"
    assert request("toy", "mini").report_title == "toy/mini"


def test_every_exit_code_is_one_of_those_that_the_reference_lists():
    """A number that is written out beside ``ExitCode`` would go its own way."""
    found = [
        f"{path.name}:{node.lineno}"
        for path in Path(cli.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("typer.Exit", "sys.exit", "leave")
        for part in node.args
        if any(isinstance(each, ast.Constant) for each in ast.walk(part))
        or (isinstance(part, ast.Name) and part.id.isupper())
    ]
    assert found == []
