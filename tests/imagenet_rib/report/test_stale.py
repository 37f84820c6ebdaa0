"""What rests on stale evaluations is marked where it stands, and nothing else changes."""

import csv
from dataclasses import replace

import pytest

from imagenet_rib.report.figures import draw
from imagenet_rib.report.leaderboard import boards, write_leaderboard
from imagenet_rib.report.rows import write_cells
from imagenet_rib.report.sentences import sentences
from imagenet_rib.report.summary import summarise
from imagenet_rib.report.tables import comparison_tables, headline, leaderboard_table, ri_table
from imagenet_rib.report.tradeoff import answer, draw as draw_tradeoff
from rib_evaluations import SETS, after, before

MADE = [before(), *after("ft"), *after("ewc", shift=3), *after("lp", shift=1)]


def told(stale):
    """Everything that is said, with evaluations of a method stale: one text a place."""
    made = [replace(e, stale=e.method == stale) for e in MADE]
    summary = summarise(made, SETS)
    found = answer(summary)
    tables = [*headline(summary), *comparison_tables(summary), ri_table(summary, "m")]
    texts = [
        found.text,
        *found.sure,
        *sentences(summary),
        *(f"{one.title} {one.as_text()}" for one in tables),
    ]
    for picture in filter(None, [draw_tradeoff(summary), *draw(summary)]):
        figure = picture.figure
        labels = [key.label for key in getattr(figure, "keys", ())]
        texts.append(f"{picture.name} {labels} {getattr(figure, 'panels', '')}")
    return texts


@pytest.mark.parametrize("method", ["ewc", "lp"])
def test_a_stale_method_is_marked_and_nothing_else_changes(method):
    plain, marks = told(None), told(method)
    assert "†" not in str(plain)
    assert [text.replace("†", "") for text in marks] == plain
    named = str(marks)
    assert f"{method}†" in named
    assert not any(f"{other}†" in named for other in {"ewc", "ft", "lp"} - {method})


def test_all_that_is_compared_with_a_stale_model_before_is_stale():
    made = [replace(e, stale=e.method == "pre") for e in MADE]
    summary = summarise(made, SETS)
    assert {row["method"] for _, board in boards(summary) for row in board["ranking"]} == {"ewc", "ft", "lp"}
    assert all("stale" in row["mRI"] for _, board in boards(summary) for row in board["ranking"])
    assert all("stale" not in row["minus_ft"] for _, board in boards(summary) for row in board["ranking"])
    assert all("†" in value for _, *row in ri_table(summary, "m").as_text() for value in row)


def test_ri_of_one_stale_set_marks_its_row_alone():
    made = [replace(e, stale=(e.method, e.downstream) == ("ewc", "b")) for e in MADE]
    rows = ri_table(summarise(made, SETS), "m").as_text()
    assert [["†" in text for text in row] for row in rows] == [
        [False] * 4,
        [False, False, False, True],
        [False] * 4,
    ]


def test_the_files_say_which_rows_are_stale(tmp_path):
    made = [replace(e, stale=e.method == "ewc") for e in MADE]
    write_cells(made, tmp_path / "cells.csv")
    write_leaderboard(summarise(made, SETS), tmp_path / "board.csv")
    for name in ("cells.csv", "board.csv"):
        with (tmp_path / name).open(newline="") as file:
            found = {(row["method"], row["stale"]) for row in csv.DictReader(file)}
        assert {one for one in found if one[0] != "pre"} == {
            ("ewc", "True"),
            ("ft", "False"),
            ("lp", "False"),
        }


def test_the_leaderboard_marks_the_difference_from_a_stale_baseline():
    made = [replace(e, stale=e.method == "ft") for e in MADE]
    table = leaderboard_table([next(boards(summarise(made, SETS)))])
    by_method = {row[1]: row for row in table.as_text()}
    assert "†" not in by_method["ewc"][2]
    assert "†" in by_method["ewc"][3]
