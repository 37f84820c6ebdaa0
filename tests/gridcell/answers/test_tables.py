"""Tables of a report: what the task estimates from many cells, by the call and by the command."""

from types import SimpleNamespace

import pytest

import gridcell as package
from gridcell.errors import UserError
from gridcell.report import with_ends
from gridcell.report.stale import DAGGER, MEANING
from gridcell.task import find_task

ROWS = [
    {"what": "mean", "sum": 2.5, "sum.low": 1.0, "sum.high": 4.0, "stale": False},
    {"what": "total", "sum": 6.0, "n": 3, "stale": True},
]


@pytest.fixture
def toy(monkeypatch):
    """The toy task with a table of two rows."""
    task = find_task("toy")
    object.__setattr__(task, "tables", {"summary": "toy_tables:rows"})
    monkeypatch.setitem(__import__("sys").modules, "toy_tables", SimpleNamespace(rows=lambda results: ROWS))
    yield task
    object.__setattr__(task, "tables", {})


@pytest.fixture
def done(gridcell):
    assert gridcell("run", "toy", "--executor", "inline", "--quiet")[0] == 0
    return gridcell


def test_a_table_has_a_column_for_each_key_of_any_row(toy, done):
    frame = package.results("toy", table="summary")
    assert list(frame.columns) == ["what", "sum", "sum.low", "sum.high", "stale", "n"]
    assert frame["sum"].tolist() == [2.5, 6.0]
    assert frame["sum.low"].isna().tolist() == [False, True]
    assert frame["stale"].tolist() == [False, True]


def test_the_command_prints_it_and_marks_what_is_stale(toy, done):
    code, output, _ = done("results", "toy", "--table", "summary")  # into a pipe: CSV
    assert code == 0
    assert output.splitlines() == [
        "what,sum,sum.low,sum.high,stale,n",
        "mean,2.5,1.0,4.0,False,",
        "total,6.0,,,True,3",
    ]
    code, output, _ = done(
        "results", "toy", "--table", "summary", "--format", "table", "--columns", "what,sum"
    )
    assert code == 0
    assert f"total{DAGGER}" in output
    assert f"mean{DAGGER}" not in output
    assert MEANING in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--table", "sumary"], "Unknown table of toy 'sumary': did you mean 'summary'"),
        (["--table", "summary", "--over", "seed"], "is over seeds already"),
        (["--table", "summary", "--columns", "smu"], "The rows have no column 'smu': did you mean 'sum'"),
    ],
)
def test_a_mistake_is_one_sentence(toy, done, arguments, said):
    code, output, errors = done("results", "toy", *arguments)
    assert (code, output) == (2, "")
    assert said in " ".join(errors.split())


def test_a_task_without_tables_says_so(done):
    with pytest.raises(UserError, match="The task 'toy' has no tables beside its targets"):
        package.results("toy", table="summary")
    with pytest.raises(UserError, match="no long form"):
        package.results("toy", table="summary", long=True)


def test_what_a_reader_of_a_table_must_know_is_said(toy, done):
    object.__setattr__(toy, "table_notes", {"summary": "toy_tables:notes"})
    module = __import__("sys").modules["toy_tables"]
    module.notes = lambda rows: [f"{len(rows)} rows."]
    try:
        assert package.results("toy", table="summary").attrs["notes"] == ["2 rows."]
        code, output, errors = done("results", "toy", "--table", "summary")
    finally:
        object.__setattr__(toy, "table_notes", {})
    assert (code, len(output.splitlines())) == (0, 3)
    assert "Note: 2 rows." in errors
    assert "notes" not in package.results("toy", table="summary").attrs


@pytest.mark.parametrize("columns", [[], ["--columns", "what,sum"]])
def test_an_empty_table_says_that_it_is(toy, done, monkeypatch, columns):
    monkeypatch.setattr(__import__("sys").modules["toy_tables"], "rows", lambda results: [])
    said = "The table 'summary' is empty: none of its numbers is known yet."
    frame = package.results("toy", table="summary")
    assert (len(frame), frame.attrs["notes"]) == (0, [said])
    for form in ("table", "csv", "json"):
        code, _, errors = done("results", "toy", "--table", "summary", "--format", form, *columns)
        assert code == 0
        assert f"Note: {said}" in " ".join(errors.split())


def test_of_nothing_done_there_is_no_table(toy, done):
    with pytest.raises(UserError, match="Nothing is done yet"):
        package.results("toy", table="summary", settings={"length": 7})


def test_an_estimate_without_an_interval_leaves_its_ends_open():
    assert with_ends("x", {"mean": 2.0, "ci95": None}) == {"x": 2.0, "x.low": None, "x.high": None}
    assert with_ends("x", None) == {"x": None, "x.low": None, "x.high": None}


@pytest.mark.parametrize(
    "name", ["imagenet-rib", "farmap", "farcuriosity", "generalization-difficulty", "inductive-bias"]
)
def test_every_task_has_its_summary(name):
    assert next(iter(find_task(name).tables)) == "summary"
