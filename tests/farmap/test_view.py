"""What is seen, against an independent geometric check: rays meeting squares, no grid walked through."""

from fractions import Fraction
from math import atan, pi

import numpy as np
import pytest
from hypothesis import given, strategies as st

from farmap.world.view import CONE, MIDDLE, UNKNOWN, WINDOW, look, place, rays

AHEAD, RIGHT = (grid.ravel() for grid in np.mgrid[0:WINDOW, -MIDDLE : MIDDLE + 1])


def seen_by_rays(wall):
    """Return what is seen, bool (ahead, right): where some ray enters a cell before or as it meets a wall.

    A fan of rays so dense that one lies in every sector between two directions to corners: two such
    directions differ by more than 1 / 34^2 as corners have odd coordinates up to 15 and 29.
    """
    half = atan(CONE[0] / CONE[1])
    angles = np.linspace(-half, half, int(2 * half * 40**2))
    x, y = np.sin(angles)[:, None], np.cos(angles)[:, None]
    with np.errstate(divide="ignore"):
        across = np.sort([(RIGHT - 0.5) / x, (RIGHT + 0.5) / x], axis=0)
        along = np.sort([(AHEAD - 0.5) / y, (AHEAD + 0.5) / y], axis=0)
    enter, leave = np.maximum(across[0], along[0]), np.minimum(across[1], along[1])
    met = (enter < leave - 1e-12) & (leave > 0)
    stop = np.where(met & wall.ravel(), enter, np.inf).min(axis=1)
    seen = (met & (enter <= stop[:, None] + 1e-12)).any(axis=0)
    return seen.reshape(wall.shape) | seen_past_corners(wall)


def seen_past_corners(wall):
    """Return the cells met by the rays to corners alone, which no fan hits, in rational arithmetic."""
    half = Fraction(1, 2)
    corners = {
        Fraction(2 * right + 1, 2 * ahead + 1)
        for ahead in range(WINDOW)
        for right in range(-MIDDLE - 1, MIDDLE + 1)
    }
    seen = np.zeros(wall.shape, bool)
    for slope in corners:  # sideways per row ahead
        if abs(slope) * CONE[1] >= CONE[0]:
            continue
        spans = {}
        for ahead, right in np.ndindex(wall.shape):
            ends = sorted([(right - MIDDLE - half) / slope, (right - MIDDLE + half) / slope])
            low, high = max(ahead - half, ends[0], Fraction(0)), min(ahead + half, ends[1])
            if low <= high:
                spans[ahead, right] = low, high
        walls = [span for cell, span in spans.items() if wall[cell]]
        touched = [low for low, high in walls if low == high]  # two at one point close the gap between them
        stops = [low for low, high in walls if low < high] + [at for at in touched if touched.count(at) == 2]
        for cell, (low, _) in spans.items():
            seen[cell] |= low <= min(stops, default=low)
    return seen


def random_view(seed, share):
    rng = np.random.default_rng(seed)
    wall = rng.random((WINDOW, WINDOW)) < share
    wall[0, MIDDLE] = False
    return wall


def seen_by_look(wall, heading):
    world = np.full((2 * WINDOW + 3, 2 * WINDOW + 3), 1, np.int32)
    middle = WINDOW + 1
    for ahead in range(WINDOW):
        for right in range(-MIDDLE, MIDDLE + 1):
            world[place(middle, middle, heading, ahead, right)] = 0 if not wall[ahead, right + MIDDLE] else 7
    view = np.empty((WINDOW, WINDOW), np.int32)
    marked = np.zeros(world.shape, bool)
    new = look(world, middle, middle, heading, *rays(), view, marked)
    assert new == marked.sum() == (view != UNKNOWN).sum()
    seen = view[::-1] != UNKNOWN
    assert ((view[::-1] == 7) == (seen & wall)).all()
    return seen


@pytest.mark.parametrize("share", [0.0, 0.03, 0.15, 0.5])
@pytest.mark.parametrize("seed", range(2))
def test_what_is_seen_is_what_geometry_says(share, seed):
    wall = random_view(seed, share)
    np.testing.assert_array_equal(seen_by_look(wall, seed % 4), seen_by_rays(wall))


@given(st.integers(0, 10**6), st.floats(0, 0.7))
def test_what_is_seen_does_not_depend_on_the_heading(seed, share):
    wall = random_view(seed, share)
    first, *others = (seen_by_look(wall, heading) for heading in range(4))
    for other in others:
        np.testing.assert_array_equal(first, other)


@given(st.integers(0, 10**6), st.floats(0, 0.5))
def test_another_wall_never_shows_more(seed, share):
    wall = random_view(seed, share)
    more = wall | random_view(seed + 1, 0.1)
    assert not (seen_by_look(more, 0) & ~seen_by_look(wall, 0)).any()


def test_the_open_field_is_a_cone_of_130_degrees():
    seen = seen_by_look(np.zeros((WINDOW, WINDOW), bool), 0)
    middles = np.abs(np.arctan2(RIGHT, AHEAD)).reshape(seen.shape) <= 65 / 180 * pi
    assert (seen | ~middles).all()  # every cell whose middle lies in the cone
    assert seen[0].sum() == 3  # beside it only the next cells, in part
    assert seen[1].sum() == 7


def test_walls_that_touch_at_a_corner_leave_no_gap():
    wall = np.zeros((WINDOW, WINDOW), bool)
    wall[0, MIDDLE + 1] = wall[1, MIDDLE] = True
    seen = seen_by_look(wall, 0)
    assert seen[1, MIDDLE + 1]  # its corner
    assert not seen[2, MIDDLE + 2]
