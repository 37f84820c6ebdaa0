"""What interrupted a run is told on its page and beside it, whatever the task, and nowhere else."""

import json
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest

from gridcell.report.interruptions import add_interruptions
from gridcell.store import Loss, Store
from gridcell.task import find_task, task_names

TOLD = {
    "bug": {"attempts": 2, "given_up": 2, "seconds": 1.5},
    "preempted": {"attempts": 3, "given_up": 0, "seconds": 62.25, "steps": 120},
}


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


def page_in(folder, text):
    page = folder / "report.html"
    page.write_text(text)
    return page


def test_a_page_gets_a_table_of_what_happened_and_keeps_the_rest(tmp_path):
    page = page_in(tmp_path, "<body><main>ours</main>\n<p>after</p></body>")
    add_interruptions(TOLD, page)
    text = page.read_text()
    assert text.startswith("<body><main>ours<section")
    assert text.endswith("</main>\n<p>after</p></body>")
    assert Table(page).rows[1:] == [
        ["bug", "2", "2", "1.5", "–"],
        ["preempted", "3", "0", "62.2", "120"],
        ["all", "5", "2", "63.8", "120"],
    ]
    assert json.loads((tmp_path / "run.json").read_text()) == {"interruptions": TOLD}


def test_a_page_of_a_run_that_nothing_interrupted_stays_as_it_is(tmp_path):
    page = page_in(tmp_path, "<main>ours</main>")
    add_interruptions({}, page)
    assert page.read_text() == "<main>ours</main>"
    assert json.loads((tmp_path / "run.json").read_text()) == {"interruptions": {}}


def test_a_page_that_is_no_html_stays_as_it_is(tmp_path):
    page = page_in(tmp_path, '{"loss": 1}')
    add_interruptions(TOLD, page)
    assert page.read_text() == '{"loss": 1}'


@pytest.mark.parametrize("name", task_names())
def test_every_installed_task_has_a_page_with_room_for_it(name):
    folder = Path(import_module(find_task(name).report.partition(":")[0]).__file__).parent
    templates = list(folder.rglob("report.html.jinja"))
    assert templates or name == "toy"
    for template in templates:
        assert template.read_text().count("</main>") == 1


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
