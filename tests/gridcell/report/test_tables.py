"""A table is defined once: page, terminal and CSV file show the same rows."""

import csv
from html.parser import HTMLParser
from io import StringIO

import pytest
from hypothesis import given, strategies as st
from jinja2 import Environment
from rich.console import Console

from gridcell.report import Column, Table, Value, as_text

COLUMNS = [
    "agent",
    Column("coverage", "{:.1f}".format, unit="%"),
    Column("steps", "{:,}".format, page_only=True),
    Column("why", kind="long"),
]
ROWS = [
    ["far<map>", Value(99.25, note="[98, 100]", mark="above"), 12_345, "text"],
    ["frontier", None, Value(7, "seven"), Value("a", mark="best")],
]


class Cells(HTMLParser):
    """Rows of a table's texts, and the attributes of each of its cells."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
            self.attributes.append(dict(attrs))
        elif tag == "small":
            self.rows[-1][-1] += " "

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip("\n")


def page(table):
    return Cells(Environment(autoescape=True).from_string("{{ table }}").render(table=table))


def test_page_terminal_and_file_show_the_same_rows(tmp_path):
    table = Table(COLUMNS, ROWS, "Exploration")
    assert page(table).rows == [
        ["agent", "coverage, %", "steps", "why"],
        ["far<map>", "99.2 [98, 100]", "12,345", "text"],
        ["frontier", "–", "seven", "a"],
    ]
    assert table.as_text() == [["far<map>", "99.2 [98, 100]", "text"], ["frontier", "–", "a"]]
    table.write_csv(tmp_path / "t.csv")
    assert list(csv.reader((tmp_path / "t.csv").open())) == [
        ["agent", "coverage, %", "steps", "why"],
        ["far<map>", "99.25", "12345", "text"],
        ["frontier", "", "7", "a"],
    ]
    console = Console(file=StringIO(), width=100, color_system=None)
    console.print(table)
    shown = console.file.getvalue()
    assert "Exploration" in shown
    assert "steps" not in shown
    assert [line.split() for line in shown.splitlines() if "far<map>" in line or "frontier" in line] == [
        ["far<map>", "99.2", "[98,", "100]", "text"],
        ["frontier", "–", "a"],
    ]


def test_a_page_sorts_by_values_not_by_their_texts():
    (*_, coverage, steps, _, _, unknown, seven, _) = page(Table(COLUMNS, ROWS)).attributes
    assert (coverage["data-sort"], coverage["class"]) == ("99.25", "above")
    assert (steps["data-sort"], seven["data-sort"]) == ("12345", "7")
    assert (unknown["data-sort"], unknown["class"]) == ("", "none")


@given(st.lists(st.lists(st.text(st.characters(categories=["L", "P", "S", "Nd"])), min_size=2, max_size=2)))
def test_no_text_is_taken_for_markup(rows):
    table = Table(["a", "b"], rows)
    assert page(table).rows[1:] == rows
    assert table.as_text() == rows


def test_rich_markup_in_names_is_shown_as_it_is():
    console = Console(file=StringIO(), width=80, color_system=None)
    console.print(Table(["[bold]a[/bold]"], [["[red]x"]], "[i]t"))
    assert all(text in console.file.getvalue() for text in ("[bold]a[/bold]", "[red]x", "[i]t"))


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="zip"):
        Table(["a", "b"], [["only one"]]).as_text()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"lr": 1e-3, "epochs": 10, "seed": None}, "lr 0.001, epochs 10"),
        ([0, 1], "0, 1"),
        ({"a": {"b": 1, "c": [2, 3]}}, "a b 1, c 2, 3"),
        (None, "None"),
        ("as it is", "as it is"),
    ],
)
def test_facts_are_written_in_a_line(value, text):
    assert as_text(value) == text


def test_long_names_that_begin_alike_can_be_told_apart_in_the_terminal():
    names = ["mine-strength-0.1", "mine-strength-10"]
    table = Table([Column("method", kind="text", width=10), "mRI"], [[name, 7.0] for name in names])
    output = StringIO()
    Console(width=40, file=output).print(table)
    shown = output.getvalue()
    assert "…" not in shown
    assert "0.1" in shown
    assert "10" in shown


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_a_name_is_not_broken_in_a_narrow_terminal(width):
    """Of "ewc-strength-1" and "ewc-strength-10" the second would look like the first."""
    columns = [
        Column("method", kind="text", width=14),
        *(Column(f"set {k}", "{:.1f}".format) for k in range(6)),
    ]
    names = ["ewc-strength-1", "ewc-strength-10"]
    table = Table(columns, [[name, *[1.5] * 6] for name in names])
    console = Console(width=width, file=StringIO())
    console.print(table)
    words = console.file.getvalue().split()
    assert [word for word in words if word.startswith("ewc")] == names
