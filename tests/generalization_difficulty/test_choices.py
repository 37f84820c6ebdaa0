"""The figure of what was estimated against what it was taken from: the lines are the measurements' own."""

import numpy as np
import pytest

from generalization_difficulty.data.batches import ArrayBatches
from generalization_difficulty.estimate.measure import measure
from generalization_difficulty.report.choices import DELTA, DIMENSION, draw_choices


@pytest.fixture(scope="module")
def found():
    random = np.random.default_rng(0)
    points = random.standard_normal((300, 4)).astype(np.float32)
    return measure(ArrayBatches(points, random.integers(3, size=300)), eps=0.01, neighbours=4).to_record()


def pictures(**measured):
    return list(draw_choices({"measured": measured, "tasks": dict.fromkeys(measured)}))


def lines(picture):
    return {
        axes.get_title(): [line.get_xydata().tolist() for line in axes.lines] for axes in picture.figure.axes
    }


def test_each_panel_shows_what_was_measured_and_delta_ends_with_that_of_all_points(found):
    [picture] = pictures(own=found)
    drawn = lines(picture)
    assert drawn[DELTA] == [found["delta_by_points"]]
    assert drawn[DIMENSION] == [found["m_by_neighbours"]]
    assert found["delta_by_points"][-1] == [300, found["delta"]]
    assert [k for k, _ in found["m_by_neighbours"]] == list(range(2, 9))


def test_a_data_set_whose_delta_is_given_has_a_line_in_the_other_panel_alone(found):
    given = found | {"delta_by_points": []}
    [picture] = pictures(own=found, given=given)
    assert {title: len(of_panel) for title, of_panel in lines(picture).items()} == {DELTA: 1, DIMENSION: 2}


def test_without_any_there_is_no_figure():
    assert pictures() == []
    assert pictures(given={"delta_by_points": [], "m_by_neighbours": []}) == []
    assert pictures(older={"delta_by_points": None, "m_by_neighbours": None}) == []
