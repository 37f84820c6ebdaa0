"""What a page of any task begins with, and that it is whole without anything beside it."""

import base64
import csv
import re
from html import unescape
from io import StringIO
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pytest

from gridcell.cell import Cell
from gridcell.errors import UserError
from gridcell.grid import Grid
from gridcell.plots import Curve, curves, grouped_bars
from gridcell.report import About, Answer, GridResults, Picture, Table, write_page
from gridcell.report.answer import state
from gridcell.report.inline import MOST_BYTES, as_html, file_link, read_notes
from gridcell.report.outline import with_outline
from gridcell.staleness import Staleness

CELL = Cell("t", "k", {})
X = np.array([1.0, 2.0, 3.0])


def results(**options):
    store = SimpleNamespace(uri="nowhere")
    return GridResults("task/suite", {}, Grid({CELL.id: CELL}), {}, {}, store, **options)


def page_of(tmp_path, found, **options):
    return write_page(found, tmp_path, **options).read_text(encoding="utf-8")


def first_screen(page):
    return unescape(re.sub(r"<[^>]+>", " ", page.partition("<header>")[2].partition("</header>")[0]))


def test_the_first_screen_answers_the_five_questions(tmp_path):
    found = results(
        about=About("gridcell run task --suite suite --select method=a"),
        selected={"method": ["a"]},
        staleness=Staleness({CELL.id: "by other code"}),
    )
    page = page_of(tmp_path, found, answer=Answer("A gains 3 points.", ["A: +3.0 [+1.0, +5.0]."]))
    said = " ".join(first_screen(page).split())
    assert page.index("A gains 3 points.") < page.index("A: +3.0 [+1.0, +5.0].") < page.index("<main>")
    assert "Incomplete: 1 of 1 cell has no result (1 not run)." in said
    assert "only what was selected: method=a" in said
    assert "Stale Yes: 1 of 0 results. 1 done by other code." in said
    assert "gridcell run task --suite suite --select method=a --changed rerun" in said


@pytest.mark.parametrize(("count", "folded"), [(5, 0), (6, 2), (9, 5)])
def test_of_many_sentences_on_an_answer_four_are_shown_and_the_others_a_click_away(tmp_path, count, folded):
    sentences = [f"Sentence {number}." for number in range(count)]
    page = page_of(tmp_path, results(), answer=Answer("A gains.", sentences))
    header = page.partition("</header>")[0]
    _, opens, inside = header.partition("<details>")
    assert [sentence for sentence in sentences if sentence in header] == sentences
    assert [sentence for sentence in sentences if sentence in inside] == sentences[count - folded :]
    assert bool(opens) == bool(folded)
    assert not folded or f"{folded} more sentences on this answer" in inside


def test_what_was_not_asked_of_the_store_is_not_claimed(tmp_path):
    said = first_screen(page_of(tmp_path, results()))
    assert "Stale" not in said
    assert "Part" not in said


def figure(label="a"):
    return curves({"": [Curve(label, X, X), Curve("b", X, -X)]}, x_axis="x", y_axis="y", title="Title")


def test_figures_are_numbered_as_they_stand_and_carry_their_values(tmp_path):
    nothing = grouped_bars(np.full((1, 1), np.nan), ["g"], ["s"], value_axis="")
    pictures = [
        Picture("later", "curves", "Seen second.", figure()),
        Picture("empty", "curves", "Never seen.", nothing),
        Picture("sooner", "first", "Seen first.", figure("<a>")),
    ]
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "report.html.jinja").write_text(
        '{% extends "base.html.jinja" %}{% block sections %}{{ show(pictures, "curves") }}{% endblock %}'
    )
    page = page_of(tmp_path, results(), pictures=pictures, templates=templates)
    numbered = re.findall(r"<b>Figure (\d)\.</b> Seen (first|second)", page)
    assert numbered == [("1", "first"), ("2", "second")]
    assert "Never seen." not in page
    assert not (tmp_path / "empty.png").exists()
    address = re.search(r'download="sooner.csv" href="data:text/csv;charset=utf-8,([^"]+)"', page)[1]
    rows = list(csv.reader(StringIO(unquote(unescape(address)))))
    assert rows[0] == ["panel", "series", "x", "y", "low", "high"]
    assert rows[1:4] == [["", "<a>", f"{x:g}", f"{x:g}", "", ""] for x in X]
    assert page.count('aria-pressed="true"') == 4  # two series in each legend
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_headings_have_anchors_of_their_own_and_are_listed():
    page = with_outline(
        '<!--contents--><p id="one"></p><h2>One &amp; <b>all</b></h2><h2>One</h2><h3>One</h3>'
    )
    assert re.findall(r'<h\d id="([^"]+)"', page) == ["one-all", "one-2", "one-3"]
    assert re.findall(r'<a href="#([^"]+)">([^<]+)</a>', page) == [
        ("one-all", " One &amp; all"),
        ("one-2", " One"),
    ]


def test_files_are_within_the_page_unless_they_are_large(tmp_path):
    (tmp_path / "small.csv").write_text("a,<b>\n1,2\n")
    kind, _, content = unescape(re.search(r'href="([^"]+)"', file_link(tmp_path, "small.csv"))[1]).partition(
        ","
    )
    read = base64.b64decode(content).decode() if "base64" in kind else unquote(content)
    assert read == "a,<b>\n1,2\n"
    (tmp_path / "large.csv").write_bytes(bytes(MOST_BYTES + 1))
    assert file_link(tmp_path, "large.csv") == "<code>large.csv</code> (1.0 MB, beside this page)"


def test_notes_are_markdown_and_fetch_nothing(tmp_path):
    notes = "# Head\n\n**We** stopped <script>alert(1)</script>\n\n![plot](https://elsewhere/a.png)\n\n[x](javascript:alert(1))"
    page = page_of(tmp_path, results(about=About(notes=notes)))
    assert "<strong>We</strong> stopped &lt;script&gt;" in page
    assert '<a href="https://elsewhere/a.png">plot</a>' in page
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert page.index("<strong>We") < page.index("<main>")
    assert as_html("") == ""


def test_notes_that_are_not_there_are_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"^The notes '.*gone.md' can't be read: No such file"):
        read_notes(tmp_path / "gone.md")
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="it is no UTF-8 text"):
        read_notes(tmp_path / "binary.md")


def test_a_table_may_come_without_any_section(tmp_path):
    page = page_of(tmp_path, results(), tables=[Table(["a"], [[1]], "Numbers")])
    assert '<h2 id="numbers">Numbers</h2>' in page


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("gridcell run t --suite mini", "No: the whole suite."),
        ("gridcell run t --suite mini --set maps=1", "No: the whole suite, as --set changes it."),
        ("gridcell run t --set maps=1 --seeds 2", "No: the whole suite, as --set and --seeds change it."),
    ],
)
def test_a_suite_with_settings_of_ones_own_is_not_called_the_suite(command, told):
    assert ("Part", told, False) in state(results(about=About(command)))
