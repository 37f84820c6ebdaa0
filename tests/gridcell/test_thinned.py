"""Of a long list stay evenly spaced items and the last, whatever its length."""

import pytest
from hypothesis import given, strategies as st

from gridcell.thinned import Thinned


@given(most=st.integers(2, 20), added=st.integers(0, 400))
def test_what_stays_is_evenly_spaced_and_ends_with_the_last(most, added):
    thinned = Thinned(most)
    for item in range(added):
        thinned.add(item)
    spacing = 1
    while len({*range(0, added, spacing), *range(added)[-1:]}) > most:
        spacing *= 2
    assert thinned.kept == sorted({*range(0, added, spacing), *range(added)[-1:]})


@pytest.mark.parametrize("added", [3, 100, 10_000])
def test_no_more_stay_than_were_asked_for_and_at_least_half(added):
    thinned = Thinned(most=50)
    for item in range(added):
        thinned.add(item)
    assert min(added, 25) <= len(thinned.kept) <= 50


@given(most=st.integers(2, 20), added=st.integers(0, 200), later=st.integers(0, 200))
def test_one_that_starts_where_another_stood_goes_on_as_that_one(most, added, later):
    whole = Thinned(most)
    for item in range(added):
        whole.add(item)
    resumed = Thinned(most, whole.kept, whole.added)
    for item in range(added, added + later):
        whole.add(item)
        resumed.add(item)
    assert (resumed.kept, resumed.added) == (whole.kept, whole.added)
