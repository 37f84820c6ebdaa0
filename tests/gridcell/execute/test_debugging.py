"""Looking at cells while they run: trial runs, the debugger, profiles, loggers. None changes an answer."""

import csv

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger

from gridcell.debugging import Debugging, debugged, running
from gridcell.errors import UserError
from gridcell.execute.profiling import flame_graph, profiled
from gridcell.learn.fitting import fit
from gridcell.store import Store
from learn_problems import batches, classifier

TASK = """
from pathlib import Path
from pydantic import BaseModel
from gridcell import GridBuilder, Task

class Settings(BaseModel):
    seeds: list[int] = [0]

def plan(settings):
    grid = GridBuilder("watched")
    for name in ("right", "other", "wrong"):
        grid.target({"method": name}, grid.add("fit", {"method": name}, title=name))
    return grid.build()

def fit(cell, context):
    if cell.config["method"] == "wrong":
        secret = 41
        raise ValueError("this method is wrong")
    busy(0.3)
    return {"x": 1, "fast": context.fast}

def busy(seconds):
    import time
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(1000))

task = Task("watched", "Three methods.", Settings, {"mini": {}}, plan, {"fit": "watched:fit"})
"""


@pytest.fixture
def watched(tmp_path):
    (tmp_path / "watched.py").write_text(TASK)
    return ("watched", "--plugin", "watched.py", "--storage", "runs")


def test_fast_runs_one_of_each_and_stores_nothing(watched, gridcell, tmp_path):
    code, output, _ = gridcell("run", *watched, "--fast")
    assert code == 0  # the first is one of its kind; the wrong one is no part of its own
    assert "--fast runs 1 of 3 cells" in output
    assert "1 cell ran, 0 failed" in output
    code, output, _ = gridcell("run", *watched, "--fast", "--select", "method=wrong")
    assert code == 1
    assert "ValueError: this method is wrong" in output
    assert not (tmp_path / "runs").exists()


def test_the_debugger_opens_where_a_cell_fails(watched, gridcell, monkeypatch):
    seen = []

    def post_mortem(trace):
        while trace.tb_next:
            trace = trace.tb_next
        seen.append((trace.tb_frame.f_code.co_name, trace.tb_frame.f_locals.get("secret")))

    monkeypatch.setattr("pdb.post_mortem", post_mortem)
    code, output, errors = gridcell("run", *watched, "--pdb")
    assert (code, seen) == (1, [("fit", 41)])
    assert "ValueError: this method is wrong" in errors
    assert "Stopped: the debugger was open at cell wrong" in output


@pytest.mark.slow
def test_a_profile_is_an_artifact_and_no_part_of_the_answer(watched, gridcell, tmp_path):
    some = ("--executor", "inline", "--select", "method=right")
    assert gridcell("run", *watched, *some, "--profile", "python")[0] == 0
    store = Store(str(tmp_path / "runs"))
    (cell_id,) = store.results.done()
    profiled_result = store.results.read(cell_id)
    assert set(profiled_result.artifacts) == {"profile/stacks.txt", "profile/flame.svg"}
    stacks = store.results.fetch(profiled_result, "profile/stacks.txt", tmp_path).read_text()
    assert "watched.fit;watched.busy" in stacks
    again = ("cell", "run", cell_id, "--storage", "runs", "--again", "--plugin", "watched.py")
    code, output, _ = gridcell(*again)
    assert (code, "The same result as before." in output) == (0, True)
    code, output, _ = gridcell(*again, "--profile", "torch")
    assert code == 0
    assert (tmp_path / f"profile-{cell_id[:8]}/trace.json").exists()


def test_a_flame_graph_has_a_box_for_each_share():
    graph = flame_graph({("a", "b"): 3, ("a", "<c>"): 1})
    assert "<title>a: 100.0% of 4 samples</title>" in graph
    assert "<title>b: 75.0% of 4 samples</title>" in graph
    assert "<title>&lt;c&gt;: 25.0% of 4 samples</title>" in graph
    assert 'width="900.0"' in graph  # of 1200 pixels


def test_torchs_profile_counts_operators(tmp_path):
    with profiled("torch", tmp_path) as wrap:
        said = []
        report = wrap(lambda step, metrics: said.append(step))
        torch.ones(8, 8) @ torch.ones(8, 8)
        report(3, {})
    assert said == [3]
    assert "aten::mm" in (tmp_path / "profile/operators.txt").read_text()


def test_unknown_and_missing_loggers_are_told_at_once():
    with pytest.raises(UserError) as caught:
        Debugging(loggers=("tensorbord", "no_such_module:make"))
    first, second = str(caught.value).splitlines()
    assert "Unknown logger 'tensorbord': did you mean 'tensorboard'" in first
    assert "The logger 'no_such_module:make' can't be imported" in second


def test_which_cell_runs_is_known_in_the_block_alone():
    with debugged("id", "title", Debugging(fast=True)):
        assert (running().cell_id, running().debugging.fast) == ("id", True)
    assert (running().cell_id, running().debugging.fast) == ("", False)


def fitted(debugging):
    reports, module = [], classifier()
    with debugged("abc", "a title", debugging):
        fit(module, batches(), epochs=3, seed=7, report=lambda **told: reports.append(told))
    return module.model.state_dict(), reports


def test_loggers_are_told_and_change_nothing(tmp_path):
    plain, reports = fitted(Debugging())
    logged, _ = fitted(Debugging(loggers=("csv", "tensorboard"), log_folder=str(tmp_path)))
    assert all(torch.equal(plain[name], logged[name]) for name in plain)
    rows = list(csv.DictReader((tmp_path / "abc/csv/metrics.csv").open()))
    assert [float(row["loss"]) for row in rows] == pytest.approx([each["loss"] for each in reports])
    assert [int(row["step"]) for row in rows] == [each["step"] for each in reports]
    assert list((tmp_path / "abc/tensorboard").glob("events.*"))


def test_a_fast_fit_takes_one_step():
    _, reports = fitted(Debugging(fast=True))
    assert [(each["step"], each["epoch"]) for each in reports] == [(1, 1)]


def test_what_a_logger_writes_to_ends_with_its_fit(monkeypatch, tmp_path):
    """As W&B's run, with which the next fit of the process would go on."""
    ended = []

    class Logger(CSVLogger):
        def __init__(self):
            super().__init__(str(tmp_path))
            super().experiment.finish = lambda: ended.append(self)

    monkeypatch.setattr("gridcell.learn.fitting.lightning_loggers", lambda now: [Logger()])
    fitted(Debugging())
    fitted(Debugging())
    assert len(set(map(id, ended))) == len(ended) == 2
