"""What 'run' makes of a state: counts, exit code, report folder and what it says of the mirror."""

import json
import os
import socket
from pathlib import Path

import pytest

from gridcell.mlflow.experiment import Experiment

DIVERGED = ("toy", "--storage", "runs", "--set", "fail={r0c0: diverged}")


def account(output):
    return next(line for line in output.splitlines() if " cells run, " in line)


def test_a_state_with_diverged_cells_is_told_the_same_by_every_command_and_every_time(gridcell):
    code, output, _ = gridcell("run", *DIVERGED, "--executor", "inline", "--max-failures", 1)
    assert code == 0  # a divergence is an outcome, and no failure
    counted = "0 failed, 1 diverged, 2 not run because what they need failed or diverged"
    assert account(output) == f"4 cells run, {counted}"
    assert " diverged: the loss is nan" in output
    code, output, _ = gridcell("run", *DIVERGED, "--executor", "inline", "--max-failures", 1)
    assert code == 0
    assert "7 cells, 0 to run" in output
    assert account(output) == f"0 cells run, {counted}"

    _, output, _ = gridcell("status", *DIVERGED, "--json")
    assert json.loads(output)["counts"] == {"done": 4, "diverged": 1, "blocked": 2}
    _, output, _ = gridcell("plan", *DIVERGED)
    assert "7 cells give the report's 4 results; 0 to run." in output
    assert "1 diverged, 2 blocked because what they need diverged" in output
    _, output, _ = gridcell("plan", *DIVERGED, "--gpus", 1, "--json")
    assert json.loads(output)["simulated"]["1"]["makespan_s"] == 0

    code, output, _ = gridcell("run", *DIVERGED, "--executor", "inline", "--retry-diverged")
    assert (code, "7 cells, 3 to run" in output) == (0, True)
    assert account(output) == f"0 cells run, {counted}"


def test_a_failure_beside_a_divergence_is_exit_code_1_each_time(gridcell):
    both = ("toy", "--executor", "inline", "--set", "fail={r0c0: diverged, r1c0: bug}")
    for _ in range(2):
        code, output, _ = gridcell("run", *both)
        assert code == 1
        assert "1 failed, 1 diverged, 3 not run" in account(output)


@pytest.mark.parametrize(
    "arguments", [("run", "toy", "--executor", "inline", "--report"), ("report", "toy", "--out")]
)
def test_a_report_folder_that_cannot_be_is_refused_before_anything_runs(gridcell, store, tmp_path, arguments):
    (tmp_path / "afile").write_text("in the way")
    for out, reason in (("afile", "File exists"), ("afile/below", "Not a directory")):
        code, _, errors = gridcell(*arguments, out, "--storage", "store")
        assert (code, errors.count("\n")) == (2, 1)
        assert f"The report can't be written to the folder '{out}': {reason}" in errors
    assert store.results.done() == set()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://127.0.0.1:1", "MLflow: http://127.0.0.1:1"),
        (
            "sqlite:///my mirror.db",
            "MLflow: sqlite:///my mirror.db "
            "('gridcell ui --storage runs --tracking 'sqlite:///my mirror.db'' shows it)",
        ),
    ],
)
def test_the_window_is_named_where_something_was_shown_to_it(gridcell, uri, said):
    arguments = ("run", "toy", "--executor", "inline", "--storage", "runs", "--tracking", uri)
    _, output, _ = gridcell(*arguments)
    assert output.splitlines()[-1] == said
    _, output, _ = gridcell(*arguments)
    assert "MLflow" not in output


def test_paths_are_printed_as_they_are(gridcell, tmp_path):
    code, output, _ = gridcell("run", "toy", "--executor", "inline", "--storage", "runs[/b][old]")
    assert code == 0
    assert f"Report: {tmp_path}/runs[/b][old]/reports/toy-mini/" in output
    code, output, _ = gridcell("status", "toy", "--storage", "runs[/b][old]")
    assert code == 0
    assert "runs[/b][old]" in output


def test_ui_sends_to_a_server_that_is_there(gridcell):
    code, _, errors = gridcell("ui", "--tracking", "http://127.0.0.1:1")
    assert code == 2
    assert errors == (
        "gridcell: MLflow's pages are served at http://127.0.0.1:1 already: open that address\n"
    )


def test_ui_says_that_a_port_is_taken_and_otherwise_picks_a_free_one(gridcell, monkeypatch):
    started = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: started.append(arguments))
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "")
    uri = "sqlite:///mlflow.db"
    Experiment(uri, "toy", "mini", "0" * 12, 1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, _, errors = gridcell("ui", "--tracking", uri, "--port", port)
        assert (code, errors.count("\n"), started) == (2, 1, [])
        assert f"Port {port} can't be used" in errors
    code, output, _ = gridcell("ui", "--tracking", uri)
    assert code == 0
    port = started[0][started[0].index("--port") + 1]
    assert f"http://127.0.0.1:{port}/#/experiments/1/runs?workflowType=machine_learning" in output
    assert started[0][started[0].index("--host") + 1] == "127.0.0.1"  # and nowhere else


def test_an_address_that_mlflow_cannot_use_is_refused_before_anything_runs(gridcell):
    code, _, errors = gridcell("run", "toy", "--executor", "inline", "--tracking", "./mlruns")
    assert (code, errors.count("\n")) == (2, 1)
    assert "can't keep runs in the folder './mlruns'" in errors
    assert not list(Path("runs/results").glob("*"))


def test_two_grids_of_one_suite_name_keep_their_own_reports(gridcell, tmp_path):
    def report_of(*more):
        _, output, _ = gridcell("run", "toy", "--executor", "inline", "--storage", "runs", *more)
        return Path(output.replace("\n", "").partition("Report: ")[2].partition("report.html")[0])

    first = report_of()
    page = (first / "report.html").read_text()
    other = report_of("--set", "width=4")
    (tmp_path / "mini.yaml").write_text("width: 5\n")
    third = report_of("--suite", "mini.yaml")
    assert first.name == "toy-mini"
    assert len({first, other, third}) == 3
    assert other.name.startswith("toy-mini-")
    assert (first / "report.html").read_text() == page
    assert report_of() == first
    assert report_of("--set", "width=4") == other
    _, output, _ = gridcell("report", "toy", "--storage", "runs", "--set", "width=4")
    assert other.name in output


def test_a_report_says_how_it_is_made_again_and_carries_the_authors_notes(gridcell, tmp_path):
    gridcell("run", "toy", "--executor", "inline", "--storage", "runs", "--set", "width=4")
    (tmp_path / "notes.md").write_text("We **stopped** early.\n")
    again = ("report", "toy", "--storage", "runs", "--set", "width=4", "--notes")
    code, output, _ = gridcell(*again, "notes.md", "--out", "page")
    page = Path("page/report.html").read_text()
    assert code == 0, output
    assert "We <strong>stopped</strong> early." in page
    assert "<code>gridcell run toy --suite mini --set width=4 --storage runs</code>" in page
    assert "Complete: all" in page
    code, _, errors = gridcell(*again, "gone.md")
    assert (code, errors.count("\n")) == (2, 1)
    assert "The notes 'gone.md' can't be read" in errors
