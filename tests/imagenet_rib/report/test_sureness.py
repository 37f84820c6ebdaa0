"""How sure a difference is: the words, the colour and the lines of the figure say one thing."""

import re
from itertools import combinations

import pytest
from hypothesis import given, settings, strategies as st

from imagenet_rib.report.leaderboard import boards
from imagenet_rib.report.significance import ALPHA
from imagenet_rib.report.summary import summarise
from imagenet_rib.report.sureness import colour, in_words, not_apart, over_fine_tunings
from imagenet_rib.report.tables import leaderboard_table
from imagenet_rib.report.tradeoff import _how_sure
from rib_evaluations import random_evaluations

CAN = {"smallest_p_holm": 0.01}
CANNOT = {"smallest_p_holm": 0.05}


def difference(low, high, over="images"):
    return {"mean": (low + high) / 2, "ci95": [low, high], "interval": over}


@pytest.mark.parametrize(
    ("ends", "board", "p", "words", "mark"),
    [
        ((1, 3), CAN, 0.049, "images and fine-tunings", "above"),
        ((-3, -1), CAN, 0.049, "images and fine-tunings", "below"),
        ((1, 3), CAN, 0.05, "images only", ""),
        ((1, 3), CANNOT, 0.05, "images only", ""),
        ((1, 3), CAN, None, "images only", ""),
        ((-1, 3), CAN, 0.01, "fine-tunings only", ""),
        ((-1, 3), CAN, 0.5, "neither", ""),
        ((-1, 3), CANNOT, 0.01, "neither", ""),
    ],
)
def test_the_colour_is_of_what_both_answers_say(ends, board, p, words, mark):
    assert in_words(difference(*ends), board, p) == words
    assert colour(difference(*ends), board, p) == mark


def test_seeds_are_told_as_seeds_and_no_interval_as_nothing():
    assert in_words(difference(1, 3, "seeds"), CAN, 0.01) == "seeds and fine-tunings"
    assert in_words({"mean": 1.0, "ci95": None, "interval": None}, CAN, 0.01) == ""


@pytest.mark.parametrize(
    ("ends", "sets", "text"),
    [
        ((1, 3), True, ": sure over images and over fine-tunings (T)"),
        ((1, 3), False, ": sure over images, but not over fine-tunings (T)"),
        ((1, 3), None, ": sure over images; whether over fine-tunings is open (T)"),
        (
            (-1, 3),
            True,
            ": not sure over images (the interval spans zero), but over fine-tunings (T)",
        ),
        (
            (-1, 3),
            False,
            ": not sure over images (the interval spans zero) and not over fine-tunings (T)",
        ),
    ],
)
def test_the_headline_says_the_same_in_words(ends, sets, text):
    assert _how_sure(difference(*ends), sets, "T") == text


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_two_methods_share_a_line_exactly_if_they_are_not_shown_to_differ(data):
    names = [f"m{k}" for k in range(data.draw(st.integers(1, 7)))]
    p_values = {pair: data.draw(st.sampled_from([0.01, 0.3, None])) for pair in combinations(names, 2)}
    board = {
        "ranking": [{"method": name} for name in names],
        "comparisons": [{"a": a, "b": b, "p_holm": p} for (a, b), p in p_values.items() if p is not None],
        "smallest_p_holm": data.draw(st.sampled_from([0.001, 0.2])),
    }
    groups = not_apart(board)
    for (a, b), p in p_values.items():
        shown_apart = p is not None and over_fine_tunings(board, p) is True
        assert any({a, b} <= set(group) for group in groups) is not shown_apart
    assert all(len(group) > 1 and group == sorted(group) for group in groups)
    assert not any(set(one) < set(other) for one in groups for other in groups)


def test_each_row_of_the_leaderboard_names_over_what_its_difference_is_sure():
    made, sets = random_evaluations(["m", "n"], ["ft", "ewc", "lwf"], [0])
    name, board = next(boards(summarise(made, sets)))
    table = leaderboard_table([(name, board)])
    column = [one.heading for one in table.head].index("differs from ft: sure over")
    marks = {}
    for row, values in zip(board["ranking"], table.body, strict=True):
        words = values[column].text
        marks[row["method"]] = values[3].mark, values[4].mark, values[-1].mark
        if row["method"] == "ft":
            assert words == ""
        else:
            assert words == in_words(row["minus_ft"], board, row["p_holm"])
            assert bool(values[4].mark) == bool(re.search("and fine-tunings", words))
    assert all((mri, gain) == ("", "") for mri, _, gain in marks.values())


@pytest.mark.parametrize(
    ("p", "least", "sure"),
    [
        (0.049, 0.01, True),
        (ALPHA, 0.01, False),  # significant is below it
        (0.9, 0.01, False),
        (0.01, ALPHA, None),  # no p of so few pairs can be below it
        (0.01, None, None),
        (None, 0.01, None),
    ],
)
def test_a_difference_is_significant_below_the_level_where_a_test_can_be(p, least, sure):
    assert over_fine_tunings({"smallest_p_holm": least}, p) is sure
