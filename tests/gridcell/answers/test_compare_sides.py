"""What ``gridcell compare`` takes for a side: storages, reports, suites, selections, commits."""

import json
import subprocess
from types import SimpleNamespace

import pytest

import forked
import gridcell
from gridcell.answers.as_they_stood import before_replacement
from gridcell.answers.last_run import LastRun, last_run
from gridcell.cell import Cell
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task


def test_storages_that_differ_in_a_setting_are_read_as_each_was_run(gridcell):
    """The options of the command are for both sides, and so could not name what they differ in."""
    for storage, width in (("one", 3), ("two", 4)):
        gridcell("run", "toy", "--executor", "inline", "--storage", storage, "--set", f"width={width}")
    code, output, _ = gridcell("compare", "one", "two")
    assert code == 1
    assert "1 of 4 results differ" in output
    assert "two is read as its last run asked: --suite mini --set width=4." in output
    assert "which are not compared" not in output
    _, output, _ = gridcell("compare", "one", "two", "--set", "width=4")
    assert "last run" not in output
    found = last_run(Store("two"), "toy")
    assert found == LastRun("toy", "mini", ["width=4"], None, [])
    assert (last_run(Store("two"), "toy", "other"), last_run(Store("two"), "farmap")) == (None, None)


def run_toy(storage, **settings):
    """Run toy without MLflow, which takes seconds."""
    task = find_task("toy")
    suite = load_suite(task, "mini", [f"{name}={value}" for name, value in settings.items()])
    store = Store(str(storage)).prepare()
    store.plans.save("toy", "mini", suite.grid())
    assert not run_grid(task, suite.grid(), store, RunOptions(executor="inline")).failed


@pytest.fixture
def ran(tmp_path):
    run_toy(tmp_path / "one", width=3)
    run_toy(tmp_path / "two", width=4)


def test_the_command_compares_storages_reports_suites_and_selections(ran, gridcell, tmp_path):
    code, output, _ = gridcell("compare", "one", "one")
    assert (code, output.splitlines()[0]) == (
        0,
        "Equal: all 4 results that both have are the same to the last bit.",
    )
    code, output, _ = gridcell("compare", "one", "two")
    assert code == 1
    assert "1 result is in one alone" in output
    assert "two has 3 results of toy/mini with other settings or seeds" in output
    for storage, width in (("one", 3), ("two", 4)):
        gridcell(
            "report", "toy", "--storage", storage, "--set", f"width={width}", "--out", f"{storage}-report"
        )
    code, output, _ = gridcell("compare", "one-report", "two-report", "--out", "page")
    assert code == 1  # the total is another one
    assert "1 of 4 results differ: 1 metric moved" in output
    assert "width" in output
    assert (tmp_path / "page/compare.html").exists()
    assert gridcell("compare", "one-report", "two-report", "--tolerance", "0.7")[0] == 0
    assert gridcell("compare", "one", "one-report")[0] == 0
    code, output, _ = gridcell("compare", "row=0", "row=2", "--storage", "one", "--json")
    assert code == 1
    assert json.loads(output)["moves"][0]["difference"] == 4
    code, output, _ = gridcell("compare", "mini", "current", "--storage", "one")
    assert code == 0
    code, output, _ = gridcell(
        "report", "toy", "--storage", "one", "--baseline", "two-report", "--out", "again"
    )
    assert code == 0
    assert "1 of 4 results differ: 1 metric moved" in output
    assert (tmp_path / "again/compare.html").exists()


def test_a_side_that_is_nothing_or_two_things_is_refused(ran, gridcell, tmp_path):
    code, _, errors = gridcell("compare", "nothing", "current", "--storage", "one")
    assert code == 2
    assert "it is no storage, folder of a report, selection, commit or suite" in errors
    (tmp_path / "one").rename(tmp_path / "mini")
    code, _, errors = gridcell("compare", "mini", "current", "--storage", "mini")
    assert code == 2
    assert "'mini' is a storage and a suite: write ./mini for the folder" in errors
    assert gridcell("compare", "./mini", "current", "--storage", "mini")[0] == 0
    (tmp_path / "empty").mkdir()
    code, _, errors = gridcell("compare", "empty", "current", "--storage", "mini")
    assert (code, "is no storage" in errors) == (2, True)
    code, _, errors = gridcell("compare", "superseded", "current", "--storage", "mini")
    assert (code, "was superseded" in errors) == (2, True)
    for name in (
        "one/gone",
        "gone",
    ):  # neither names a storage, and there is none where suites are looked for
        code, _, errors = gridcell("compare", name, "./mini")
        assert (code, f"'{name}' is no storage and no folder of a report" in errors) == (2, True)
        assert "no storage at 'runs'" in errors


def test_what_was_superseded_and_commits_as_they_stood(tmp_path):
    """Of four results two were made again by another commit; one of these answers something else."""
    storage = str(tmp_path / "runs")
    run_toy(storage, seeds="[5]")  # of which nothing is superseded
    run_toy(storage)
    store = Store(storage)
    frame = gridcell.results("toy", storage=storage)
    (tmp_path / "none").mkdir()
    for index, cell_id in enumerate(frame.cell):
        now = store.results.read(cell_id)
        for commit, when, add in (("aaaaaaa1", 100.0, 0), ("bbbbbbb2", 200.0, index == 1)):
            if commit == "aaaaaaa1" or index in (1, 2):
                made = {"started": when + index, "sources": {"toy": {"commit": commit, "modified": False}}}
                stamp = store.results.read(cell_id).stamp
                metrics = {"sum": now.metrics["sum"] + add}
                store.results.commit(now.cell, metrics, tmp_path / "none", made, replaces=stamp)
    ask = {"task": "toy", "storage": storage}
    found = gridcell.compare("aaaaaaa", "bbbbbbb2", **ask)
    assert (found.equal, len(found.changed)) == (3, 1)
    assert [move.difference for move in found.moves] == [1]
    assert list(found.commits[0]) == ["aaaaaaa1"]
    assert list(found.commits[1]) == ["aaaaaaa1", "bbbbbbb2"]
    again = gridcell.compare("superseded", "current", **ask)
    assert [each.second for each in again.changed if each.metrics] == [frame.cell[1]]
    with pytest.raises(UserError, match=r"no result was made by 'ccccccc'"):
        gridcell.compare("ccccccc", "current", **ask)
    with pytest.raises(
        UserError, match=r"The 6 superseded results there, such as '.*', are of other settings"
    ):
        gridcell.compare("superseded", "current", **ask, settings={"seeds": [5]})


def test_what_the_new_code_made_first_did_not_stand_beside_what_it_replaced():
    """A seed that was added after an edit of a method, and the test of its weights; another method stays."""

    def made(kind, title, code, **needs):
        cell = Cell("toy", kind, {"title": title}, needs={role: one.cell.id for role, one in needs.items()})
        return SimpleNamespace(cell=cell, provenance={"code": code, "started": 1.0})

    weights = {
        "old": made("train", "seed 0", "edited"),
        "added": made("train", "seed 1", "edited"),
        "other": made("train", "other", "as before"),
    }
    tests = {name: made("test", name, "of tests", weights=one) for name, one in weights.items()}
    everything = {one.cell.id: one for one in [*weights.values(), *tests.values()]}
    cells = {cell_id: one.cell for cell_id, one in everything.items()}
    earlier = {
        weights["old"].cell.id: [SimpleNamespace(cell=weights["old"].cell, provenance={"code": "first"})],
        tests["old"].cell.id: [SimpleNamespace(cell=tests["old"].cell, provenance={"code": "of tests"})],
    }
    stood = before_replacement(cells, everything, earlier)
    other = [weights["other"].cell.id, tests["other"].cell.id]
    assert set(stood) == {*earlier, *other}
    assert [stood[cell_id] for cell_id in earlier] == [several[0] for several in earlier.values()]
    assert before_replacement(cells, everything, {}) == everything


TASK = """
from pydantic import BaseModel
from gridcell import GridBuilder, Task

class Settings(BaseModel):
    seeds: list[int] = [0]

def plan(settings):
    grid = GridBuilder("edited")
    for method in ("one", "two"):
        grid.target({"method": method}, grid.add(method, {}, title=method))
    return grid.build()

task = Task("edited", "Two methods.", Settings, {"mini": {}}, plan,
            {"one": "method_one:run", "two": "method_two:run"})
"""


@pytest.mark.slow  # eight processes: 40 s
def test_two_commits_between_which_a_method_was_changed(tmp_path):
    """The acceptance of the issue: one of two methods is edited, then only a comment."""

    def git(*arguments):
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def call(*arguments):
        words = [*arguments, "--plugin", "edited.py", "--storage", "runs"]
        return forked.gridcell(*words, where=tmp_path)

    def commit(value, comment=""):
        (tmp_path / "method_one.py").write_text(
            f"def run(cell, context):\n    return {{'x': {value}}}{comment}\n"
        )
        git("add", "*.py")
        git("commit", "-qm", "edit")
        done = call("run", "edited", "--executor", "inline", "--changed", "rerun")
        assert done.returncode == 0, done.stderr
        return git("rev-parse", "HEAD")[:10]

    git("init", "-q")
    (tmp_path / "edited.py").write_text(TASK)
    (tmp_path / "method_two.py").write_text("def run(cell, context):\n    return {'x': 2}\n")
    first = commit(1)
    second = commit(5)
    third = commit(5, "  # as before")
    moved = call("compare", first, second, "--task", "edited", "--json")
    assert moved.returncode == 1, moved.stderr
    body = json.loads(moved.stdout)
    assert (body["equal"], body["code"]) == (1, [["method_one", 1]])
    assert [(move["labels"], move["difference"]) for move in body["moves"]] == [({"method": "one"}, 4)]
    before = call("compare", "superseded", "current", "--task", "edited")
    assert before.returncode == 1
    assert third != second
    same = call("compare", second, "current", "--task", "edited")
    assert (same.returncode, same.stdout.splitlines()[0]) == (
        0,
        "Equal: all 2 results that both have are the same to the last bit.",
    )
