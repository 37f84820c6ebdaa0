"""What a cell may answer: numbers of other libraries, and numbers that JSON doesn't have."""

import enum
import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gridcell.cell import Cell
from gridcell.report.page import write_summary
from gridcell.report.tables import Table
from gridcell.store import Result
from gridcell.store.results import decode, encode
from gridcell.store.values import as_float, plain, with_not_finite, without_not_finite

CELL = Cell("t", "k", {"a": 1})


class Colour(enum.IntEnum):
    """An enumeration whose members are numbers."""

    RED = 3


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.float64(0.1), 0.1),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.array(2.5), 2.5),
        (np.arange(3), [0, 1, 2]),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
        (Colour.RED, 3),
        ((1, np.float16(2)), [1, 2.0]),
        ({"deep": [{"x": np.int8(1)}]}, {"deep": [{"x": 1}]}),
    ],
)
def test_numbers_of_other_libraries_become_pythons(given_value, expected):
    found = plain(given_value)
    assert found == expected
    assert type(found) is type(expected)
    json.dumps(found, allow_nan=False)


def test_tensors_become_numbers():
    import torch

    loss = torch.tensor(0.5, requires_grad=True)
    assert plain({"loss": loss, "per": torch.arange(2), "half": torch.tensor(1.5, dtype=torch.bfloat16)}) == {
        "loss": 0.5,
        "per": [0, 1],
        "half": 1.5,
    }


@pytest.mark.parametrize("value", [{"a": object()}, {1: 2}, {"a": {2}}, {"a": b"x"}, {"a": 1j}])
def test_what_is_no_value_is_refused_by_its_place(value):
    with pytest.raises(TypeError, match="metrics"):
        plain(value)


numbers = st.floats() | st.integers() | st.text() | st.none() | st.booleans()
values = st.recursive(
    numbers, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(st.dictionaries(st.text(), values))
def test_a_result_comes_back_as_it_was_with_all_its_numbers(metrics):
    result = Result(CELL, metrics, {}, {})
    stored = encode(result)
    json.loads(stored, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    again = decode(CELL.id, stored)
    written = [json.dumps(each, sort_keys=True) for each in (again.metrics, plain(metrics))]
    assert written[0] == written[1]  # NaN is not equal to itself, but looks so
    assert again.content == result.content


def test_nan_is_stored_as_null_with_a_flag_and_is_another_answer_than_null():
    results = [Result(CELL, {"x": value}, {}, {}) for value in (math.nan, math.inf, -math.inf, None)]
    assert len({result.content for result in results}) == 4
    body = json.loads(encode(results[0]))["body"]
    assert body["metrics"] == {"x": None}
    assert body["not_finite"] == [[["x"], "nan"]]
    assert "not_finite" not in json.loads(encode(results[3]))["body"]


def test_a_flag_that_fits_nothing_is_refused():
    for places in ([[["y"], "nan"]], [[["x"], "nan"]], [[["z"], "7"]], [[["x", 3], "nan"]]):
        with pytest.raises((LookupError, ValueError, TypeError)):
            with_not_finite({"x": 1.0, "z": None}, places)


def test_what_is_shown_of_a_number_that_is_none(tmp_path):
    assert Table(["what", "x"], [["a", math.nan], ["b", None]]).as_text() == [
        ["a", "not a number"],
        ["b", "–"],
    ]
    write_summary({"x": [math.inf, 1.0]}, tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text()) == {"x": [None, 1.0]}
    assert without_not_finite({"x": 1})[1] == []


@given(st.integers() | st.floats(allow_nan=False))
def test_a_number_that_floats_hold_is_that_float(value):
    assert as_float(value) == float(value)


@given(st.integers(10**309) | st.integers(max_value=-(10**309)))
def test_a_whole_number_beyond_floats_is_infinite_with_its_sign(value):
    assert as_float(value) == math.copysign(math.inf, 1 if value > 0 else -1)
    assert plain({"x": Fraction(value, 1)}) == {"x": as_float(value)}
