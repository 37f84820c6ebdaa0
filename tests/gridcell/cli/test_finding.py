"""Finding cells and the right word: cell list, completion, -h, what was meant, several mistakes at once."""

import csv
import io
import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest

from gridcell.cell import Cell
from gridcell.cli import completion
from gridcell.cli.cells import needs_of
from gridcell.errors import Mistakes, UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.store import Store
from gridcell.suite import load_suite
from gridcell.task import find_task


@pytest.fixture
def ran(tmp_path):
    """A store of toy/mini in which one cell failed; the cells in an order that is the grid's."""
    suite = load_suite(find_task("toy"), "mini", ["fail={r1c1: bug}"])
    store = Store(str(tmp_path / "runs")).prepare()
    grid = suite.grid()
    store.plans.save("toy", "mini", grid)
    run_grid(suite.task, grid, store, RunOptions(executor="inline"))
    return grid


FAIL = ("--set", "fail={r1c1: bug}")


def test_cells_are_listed_by_state_and_label(ran, gridcell):
    code, output, _ = gridcell("cell", "list", *FAIL, "--state", "failed")
    assert code == 0
    assert output.splitlines()[0].split() == ["cell", "state", "kind", "title", "why"]
    assert "bug: ZeroDivisionError: one by nought" in output
    assert output.splitlines()[-1] == "1 of 7 cells of toy/mini (set: fail={r1c1: bug})"
    code, output, _ = gridcell(
        "cell", "list", "toy", *FAIL, "--select", "what=row", "--select", "row=0,2", "--csv"
    )
    rows = list(csv.DictReader(io.StringIO(output)))
    assert sorted((row["title"], row["row"], row["state"]) for row in rows) == [
        ("r0c0", "", "done"),
        ("r0c1", "0", "done"),
        ("r2c0", "", "done"),
        ("r2c1", "2", "done"),
    ]
    code, output, _ = gridcell(
        "cell", "list", *FAIL, "--state", "failed,queued", "--columns", "title,state", "--json"
    )
    assert json.loads(output) == [{"title": "r1c1", "state": "failed"}, {"title": "total", "state": "queued"}]


def test_what_failed_outside_of_the_grid_that_is_looked_at_is_no_all_clear(gridcell):
    """Without the run's --set another grid was looked at, and '0 of 7' said that nothing had failed."""
    gridcell("run", "toy", "--executor", "inline", *FAIL)
    for command in (("cell", "list", "--state", "failed,diverged"), ("status", "toy"), ("report", "toy")):
        _, output, _ = gridcell(*command)
        told = next(line for line in output.splitlines() if line.startswith("1 more cell of toy/mini failed"))
        listing = shlex.split(told.rstrip(".").split("This lists it: gridcell ")[1])
    _, output, _ = gridcell(*listing)
    assert "bug: ZeroDivisionError" in output
    assert "more cell" not in output
    _, output, errors = gridcell("cell", "list", "--state", "failed", "--json")
    assert (json.loads(output), "1 more cell of toy/mini failed" in errors) == ([], True)
    _, output, _ = gridcell("status", "toy", "--json")
    assert "1 more cell of toy/mini failed" in json.loads(output)["outside"][0]


def test_a_failure_of_a_plan_that_does_not_say_its_command_is_named_by_its_id(ran, gridcell):
    _, output, _ = gridcell("status", "toy")
    failed = next(cell.id for cell in ran.cells.values() if cell.title == "r1c1")
    assert f"an id to 'gridcell cell show', such as {failed}" in output


def test_wrong_states_and_columns_are_told_at_once(ran, gridcell):
    code, _, errors = gridcell("cell", "list", "--state", "fialed,runing")
    assert code == 2
    assert "did you mean 'failed'" in errors
    assert "did you mean 'running'" in errors
    code, _, errors = gridcell("cell", "list", "--columns", "titel,stae")
    assert (code, "did you mean 'title'" in errors, "did you mean 'state'" in errors) == (2, True, True)


def test_a_cell_names_what_it_needs(ran, gridcell):
    total = next(cell for cell in ran.cells.values() if cell.title == "total")
    _, output, _ = gridcell("cell", "show", total.id)
    first = total.needs["row0"]
    assert f"needs: row0 r0c1 ({first}), row1 r1c1" in output


@pytest.mark.parametrize(("role", "title"), [("data a", "data a"), ("data", "data a"), ("before", "r0c1")])
def test_a_need_that_is_called_by_its_part_is_not_named_twice(role, title):
    need = Cell("toy", "row", {}, title=title)
    told = title if title.startswith(role) else f"{role} {title}"
    assert needs_of(Cell("toy", "sum", {}, needs={role: need.id}), {need.id: need}) == f"{told} ({need.id})"


def test_a_misspelt_task_in_place_of_a_command_is_understood_and_a_misspelt_command_is_one(gridcell):
    code, _, errors = gridcell("imagnet-rib", "--suite", "mini")
    meant = "'gridcell run imagenet-rib --suite mini'"
    assert (code, errors) == (
        2,
        f"gridcell: There is no command 'imagnet-rib': did you mean {meant}?\n",
    )
    assert "did you mean 'results'?" in gridcell("reslts")[2]
    assert "did you mean" not in gridcell("xyzzy")[2]


def test_a_task_in_place_of_a_command_is_understood(gridcell):
    code, _, errors = gridcell("toy", "--suite", "mini")
    assert (code, errors) == (
        2,
        "gridcell: 'toy' is a task, no command: did you mean 'gridcell run toy --suite mini'?\n",
    )
    code, _, errors = gridcell("rnu", "toy")
    assert code == 2
    assert "Unknown command 'rnu': did you mean 'run'?" in errors


@pytest.mark.parametrize("arguments", [["-h"], ["run", "-h"], ["cell", "list", "-h"]])
def test_h_is_help(gridcell, arguments):
    code, output, _ = gridcell(*arguments)
    assert (code, "Usage: gridcell" in output) == (0, True)


def test_all_mistakes_of_a_command_line_are_told_at_once(gridcell, tmp_path):
    wrong = ("--max-failures", 0, "--quiet", "--verbose", "--select", "what", "--set", "widht=3")
    code, _, errors = gridcell("run", "toy", *wrong)
    assert code == 2
    assert [line[:36] for line in errors.splitlines()] == [
        "gridcell: --quiet and --verbose excl",
        "--max-failures must be at least 1, n",
        "'--select what' must look like --sel",
        "Unknown setting 'widht': did you mea",
    ]
    assert not (tmp_path / "runs").exists()
    code, _, errors = gridcell(
        "plan", "toy", "--select", "rwo=1", "--select", "row=7,8", "--select", "what=total"
    )
    assert code == 2
    assert len(errors.splitlines()) == 3


def test_mistakes_are_told_once_and_alone_as_they_are():
    mistakes = Mistakes()
    mistakes.tell()
    for _ in range(2):
        with mistakes.noted():
            raise UserError("one")
    with pytest.raises(UserError, match=r"^one$"):
        mistakes.tell()
    with pytest.raises(ZeroDivisionError), mistakes.noted():
        1 / 0  # noqa: B018


def offered(shell, line):
    """What the command offers to a shell for a line; the last word is what TAB is pressed behind."""
    words = line.split(" ")
    environment = os.environ | {"_GRIDCELL_COMPLETE": f"complete_{shell}"}
    if shell == "bash":
        broken = [
            part
            for word in words
            for part in (word.replace("=", "\n=\n").split("\n") if "=" in word else [word])
        ]
        environment |= {"COMP_WORDS": "\n".join(broken), "COMP_CWORD": str(len(broken) - 1)}
    else:
        environment |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-c", "from gridcell.cli import main; main()"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.slow  # a process each
def test_the_shell_is_offered_tasks_suites_labels_values_and_cells(ran, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert offered("bash", "gridcell run to") == ["toy"]
    assert offered("bash", "gridcell run toy --suite mi") == ["mini"]
    assert offered("bash", "gridcell run imagenet-rib --select method=ew") == ["ewc"]
    assert offered("fish", "gridcell results toy --select wh")[0] == "what="
    assert "method=ewc" in " ".join(offered("zsh", "gridcell run imagenet-rib --select method=ew"))
    some = next(iter(ran.cells))
    assert offered("fish", f"gridcell cell show {some[:6]}")[0] == some


def test_bash_gets_the_part_behind_the_equals_sign():
    words = {"COMP_WORDS": "gridcell\nrun\nfarmap\n--select\nagent\n=\nfarmap,fr", "COMP_CWORD": "6"}
    assert completion.joined_words(words) == "agent="
    assert words == {"COMP_WORDS": "gridcell\nrun\nfarmap\n--select\nagent=farmap,fr", "COMP_CWORD": "4"}
    assert (
        completion.cut_offers("agent=farmap,frontier\nagent=farmap,frost", "agent=")
        == "farmap,frontier\nfarmap,frost"
    )
    plain = {"COMP_WORDS": "gridcell\nru", "COMP_CWORD": "1"}
    assert completion.joined_words(dict(plain)) == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_accepts_its_script(gridcell, shell):
    code, script, _ = gridcell("completion", shell)
    assert code == 0
    assert f"complete_{shell}" in script
    if shutil.which(shell):  # else the script is only looked at
        assert subprocess.run([shell, "-n"], input=script, text=True, check=False).returncode == 0
