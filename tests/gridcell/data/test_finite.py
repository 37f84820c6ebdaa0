"""Values that are no numbers are found in pieces, whatever the array's shape, type and order."""

import io

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gridcell.data import finite
from gridcell.data.finite import check_finite, check_finite_stream
from gridcell.errors import UserError


def first_bad(array):
    bad = [row for row in range(len(array)) if not np.isfinite(array[row]).all()]
    return bad[0] if bad else None


def refused(check):
    try:
        check()
    except UserError as error:
        return int(str(error).split()[1])
    return None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.sampled_from(["<f2", ">f4", "<f8"]),
    st.sampled_from("CF"),
    st.lists(st.tuples(st.integers(0, 124), st.sampled_from([np.nan, np.inf, -np.inf])), max_size=3),
)
def test_the_first_point_with_such_a_value_is_named(shape, dtype, order, bad):
    array = np.zeros(shape, dtype, order=order)
    for place, value in bad:
        array[np.unravel_index(place % array.size, array.shape)] = value
    file = io.BytesIO(array.tobytes(order=order))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finite, "_PIECE", 24)  # some pieces an array
        fortran = order == "F"
        streamed = refused(lambda: check_finite_stream(file, array.dtype, array.shape, "it", fortran=fortran))
        assert streamed == first_bad(array)
        assert refused(lambda: check_finite(array, "it")) == first_bad(array)


def test_whole_numbers_and_what_is_too_large_are_not_looked_at(monkeypatch):
    check_finite(np.zeros((3, 2), np.int64), "it")
    monkeypatch.setattr(finite, "LARGEST", 8)
    check_finite(np.full(3, np.nan), "it")
    check_finite_stream(io.BytesIO(b""), np.dtype("f8"), (3,), "it", fortran=False)


def test_an_array_that_is_cut_short_is_refused():
    with pytest.raises(UserError, match="cut short"):
        check_finite_stream(io.BytesIO(b"\0" * 20), np.dtype("f8"), (3,), "it", fortran=False)
