"""What interrupted a run is told on its page and beside it, whatever the task, and nowhere else."""

import json
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest

from gridcell.cell import Cell
from gridcell.grid import Grid
from gridcell.report import GridResults, write_page
from gridcell.store import Loss, Store
from gridcell.task import find_task, task_names


class Table(HTMLParser):
    """The cells of a page's tables, row by row."""

    def __init__(self, page):
        super().__init__()
        self.rows, self._open = [], False
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        self._open = tag in ("th", "td")

    def handle_endtag(self, tag):
        self._open = False

    def handle_data(self, data):
        if self._open:
            self.rows[-1].append(data)


def page_of(tmp_path, losses=(), failure=None):
    cell = Cell("toy", "step", {}, title="one")
    store = Store(str(tmp_path / "store"))
    failures = {cell.id: failure} if failure else {}
    lost = [Loss(cell.id, *loss) for loss in losses]
    return write_page(
        GridResults("t", {}, Grid({cell.id: cell}), {}, failures, store, lost), tmp_path / "out"
    )


def test_a_page_has_a_table_of_what_happened(tmp_path):
    losses = [("bug", 1.5), ("preempted", 60.0, 100), ("preempted", 2.25, 20)]
    failed = {"title": "one", "failure_class": "bug", "message": "no"}
    page = page_of(tmp_path, losses, failed)
    assert Table(page).rows[-3:] == [
        ["bug", "1", "1", "1.5", "–"],
        ["preempted", "2", "0", "62.2", "120"],
        ["all", "3", "1", "63.7", "120"],
    ]


def test_a_page_of_a_run_that_nothing_interrupted_has_no_word_of_it(tmp_path):
    assert "Interruptions" not in page_of(tmp_path).read_text()


@pytest.mark.parametrize("name", task_names())
def test_every_installed_task_has_a_page_with_room_for_it(name):
    folder = Path(import_module(find_task(name).report.partition(":")[0]).__file__).parent
    templates = list(folder.rglob("report.html.jinja"))
    assert templates or name == "toy"
    for template in templates:
        assert template.read_text().startswith('{% extends "base.html.jinja" %}')


def test_a_report_tells_the_losses_of_its_own_cells(gridcell, tmp_path):
    grid = ("toy", "--set", "length=1", "--set", "width=2", "--set", "fail={r0c0: bug}")
    code, _, _ = gridcell("run", *grid, "--executor", "inline")
    assert code == 1
    store = Store(str(tmp_path / "runs"))
    done = next(iter(store.results.done()))
    store.losses.add(Loss(done, "preempted", 30.0, 7))
    store.losses.add(Loss("of another grid", "preempted", 500.0, 70))
    assert gridcell("report", *grid, "--out", "out")[0] == 0
    told = json.loads((tmp_path / "out" / "run.json").read_text())["interruptions"]
    assert told["preempted"] == {"attempts": 1, "given_up": 0, "seconds": 30.0, "steps": 7}
    assert (told["bug"]["attempts"], told["bug"]["given_up"]) == (1, 1)
    rows = {row[0]: row[1:] for row in Table(tmp_path / "out" / "report.html").rows}
    assert rows["preempted"] == ["1", "0", "30.0", "7"]
    assert rows["bug"][:2] == ["1", "1"]
