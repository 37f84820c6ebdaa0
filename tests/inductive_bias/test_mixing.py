"""How far particles have forgotten their ancestors, and how often they move for it."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from inductive_bias.splitting.levels import correlation_of
from inductive_bias.splitting.mixing import MOST_SWEEPS, enough_sweeps


def test_ranks_that_are_all_one_have_no_correlation():
    assert correlation_of(np.ones(4), np.arange(4.0)) is None
    assert correlation_of(np.arange(4.0), np.ones(4)) is None
    assert correlation_of(np.arange(4.0), -np.arange(4.0)) == pytest.approx(-1)


@given(
    st.lists(
        st.tuples(st.integers(1, MOST_SWEEPS), st.floats(-1, 1)),
        max_size=12,
    )
)
def test_sweeps_are_bounded_and_rise_with_the_correlation(seen):
    assert 1 <= enough_sweeps(seen) <= MOST_SWEEPS
    worse = [(sweeps, min(correlation + 0.3, 1.0)) for sweeps, correlation in seen]
    assert enough_sweeps(worse) >= enough_sweeps(seen)
