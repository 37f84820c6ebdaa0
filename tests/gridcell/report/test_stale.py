"""What rests on a stale result is marked where it stands: the same dagger in tables, figures and files."""

import csv
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from gridcell.cell import Cell
from gridcell.grid import Grid, Target
from gridcell.plots import Curve, Matrices, curves
from gridcell.report import (
    STALE,
    Answer,
    GridResults,
    Picture,
    Report,
    Table,
    Value,
    marked,
    write_csv,
    write_page,
)
from gridcell.report.default import write
from gridcell.report.stale import DAGGER, MEANING
from gridcell.report.write import write_report
from gridcell.staleness import Staleness
from gridcell.store import Result

COLUMNS = ["method", "gain"]
X = np.array([1.0, 2.0, 3.0])


def results(**options):
    cell = Cell("t", "k", {})
    store = SimpleNamespace(uri="nowhere")
    return GridResults("task/suite", {}, Grid({cell.id: cell}), {}, {}, store, **options)


def page_of(folder, found, **options):
    return write_page(found, folder, **options).read_text(encoding="utf-8")


def printed(shown):
    console = Console(width=100, file=StringIO())
    console.print(shown)
    return console.file.getvalue()


@pytest.mark.parametrize("stale", [False, True])
def test_a_table_marks_the_number_and_says_below_what_it_means(tmp_path, stale):
    table = Table(COLUMNS, [["ft", 1.5], ["ewc", Value(2.5, note="[2, 3]", stale=stale)]])
    page, terminal = table.__html__(), printed(table)
    assert (f"2.5{DAGGER}" in page, f"2.5{DAGGER}" in terminal) == (stale, stale)
    assert f"1.5{DAGGER}" not in page + terminal
    assert (page.count(MEANING), " ".join(terminal.split()).count(MEANING)) == (stale, stale)
    table.write_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines() == ["method,gain", "ft,1.5", "ewc,2.5"]


def test_what_is_not_known_has_no_mark():
    table = Table(COLUMNS, [["ft", Value(None, stale=True)], ["ewc", Value(None, "", stale=True)]])
    assert DAGGER not in table.__html__() + printed(table)


def test_a_file_has_a_column_of_what_is_stale_where_anything_is(tmp_path):
    for flags, expected in (((False, True), [["ft", "False"], ["ewc", "True"]]), ((False, False), [])):
        write_csv(["method", STALE], zip(["ft", "ewc"], flags, strict=True), tmp_path / "t.csv")
        with (tmp_path / "t.csv").open(newline="") as file:
            head, *rows = csv.reader(file)
        assert head == ["method", *([STALE] if expected else [])]
        assert rows == (expected or [["ft"], ["ewc"]])


@pytest.mark.parametrize("stale", [False, True])
def test_a_figure_marks_its_label_keeps_its_colour_and_says_what_it_means(tmp_path, stale):
    def drawn(label):
        lines = [Curve(label, X, X, colour="a"), Curve("b", X, -X)]
        figure = curves({"": lines}, x_axis="x", y_axis="y", title="Title", order=["a", "b"])
        return figure, [line.get_color() for axes in figure.axes for line in axes.lines]

    (figure, colours), (_, plain) = drawn(marked("a", stale)), drawn("a")
    assert colours == plain
    axes = {"row_axis": "", "column_axis": "", "unit": ""}
    heat = Matrices({marked("ewc", stale): X[None]}, ["r"], ["p", "q", "s"], **axes, title="Heat")
    pictures = [Picture("f", "first", "Seen.", figure), Picture("h", "first", "Felt.", heat)]
    page = page_of(tmp_path, results(), pictures=pictures)
    assert page.count(f"Seen. {MEANING}") == page.count(f"Felt. {MEANING}") == stale


def test_the_first_screen_says_what_the_mark_means_once(tmp_path):
    found = results(staleness=Staleness({"a": "by other code"}), remarks=["1 done by other code", "Other"])
    page = page_of(tmp_path, found, answer=Answer(f"ewc{DAGGER} gains 3 points."))
    assert f"1 done by other code. {DAGGER} marks what rests on them." in page
    assert page.count("1 done by other code") == 1
    assert "<dt>Note</dt><dd>Other.</dd>" in page


def stale_grid(tmp_path):
    cells = [Cell("toy", "k", {"n": n}, title=f"cell {n}") for n in range(2)]
    done = {
        one.id: Result(one, {"score": 1.0 + n}, {}, {"versions": {}}, curves={"loss": [(0, 1.0), (1, n)]})
        for n, one in enumerate(cells)
    }
    targets = [Target({"method": name}, one.id) for name, one in zip("ab", cells, strict=True)]
    grid = Grid({one.id: one for one in cells}, targets)
    return replace(results(staleness=Staleness({cells[1].id: "by other code"})), grid=grid, results=done)


def test_the_report_of_a_task_without_one_marks_rows_lines_and_its_file(tmp_path):
    report = write(stale_grid(tmp_path), tmp_path)
    text = printed(report.headline[0])
    assert f"2{DAGGER}" in text
    assert f"1{DAGGER}" not in text
    page = report.page.read_text(encoding="utf-8")
    assert f"method b{DAGGER}" in page
    assert f"method a{DAGGER}" not in page
    with (tmp_path / "targets.csv").open(newline="") as file:
        assert [row["stale"] for row in csv.DictReader(file)] == ["False", "True"]


def test_the_terminal_says_what_the_mark_in_the_answer_means(tmp_path, monkeypatch):
    found = stale_grid(tmp_path)
    for name in ("record_of", "write_record", "made"):
        monkeypatch.setattr(f"gridcell.report.write.{name}", lambda *_: None)
    for answer, expected in ((f"b{DAGGER} leads.", 1), ("a leads.", 0)):
        page = write_page(found, tmp_path)
        task = SimpleNamespace(
            name="toy",
            timings=(),
            report_function=lambda a=answer, p=page: lambda *_: Report(p, [], a),
        )
        said = [str(one) for one in write_report(task, found, tmp_path).headline]
        assert said.count(MEANING) == expected
