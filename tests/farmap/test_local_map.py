"""The lazily decaying map, against one dense array per colour that is multiplied at each step."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from farmap.agents.local_map import LocalMap
from farmap.world.environment import FarMapEnv
from farmap.world.maps import draw_world
from farmap.world.view import MIDDLE, UNKNOWN, WINDOW


def cells_seen(view, row, column, heading):
    """Colour of each cell that a view shows, by its place: the window turned as a whole."""
    turned = np.rot90(view, {0: 0, 2: 1, 1: 2, 3: 3}[heading])
    ahead, middle = WINDOW - 1, MIDDLE
    corner = {0: (-ahead, -middle), 1: (0, -middle), 2: (-middle, -ahead), 3: (-middle, 0)}[heading]
    return {
        (row + corner[0] + int(i), column + corner[1] + int(j)): int(turned[i, j])
        for i, j in np.argwhere(turned != UNKNOWN)
    }


class DenseMap:
    """The definition: multiply everything by gamma, add 1 - gamma to what is seen."""

    def __init__(self, gamma):
        self.gamma, self.layers = gamma, {}

    def integrate(self, view, row, column, heading):
        seen = cells_seen(view, row, column, heading)
        before = np.mean([self.layers.get(colour, {}).get(cell, 0.0) for cell, colour in seen.items()])
        for layer in self.layers.values():
            for cell in layer:
                layer[cell] *= self.gamma
        for cell, colour in seen.items():
            layer = self.layers.setdefault(colour, {})
            layer[cell] = min(1.0, layer.get(cell, 0.0) + 1 - self.gamma)
        return before

    @property
    def known(self):
        return {cell for layer in self.layers.values() for cell in layer}


@settings(max_examples=15)
@example(288, 0.9, 0.046875)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.5, 0.9, 0.99]), st.floats(0, 0.05))
def test_it_is_the_dense_map(seed, gamma, recolour):
    """Colours change; the walk ends where a cell shows a third one, of which two are kept."""
    env = FarMapEnv(draw_world("small", seed % 50), recolour=recolour)
    rng = np.random.default_rng(seed)
    lazy, dense = LocalMap(gamma), DenseMap(gamma)
    observation, _ = env.reset(seed=seed)
    row = column = 0
    for _ in range(60):
        row, column = row + int(observation["moved"][0]), column + int(observation["moved"][1])
        where = observation["view"], row, column, observation["heading"]
        kept, all_kept = lazy.integrate(*where), dense.integrate(*where)
        colours = Counter(cell for layer in dense.layers.values() for cell in layer)
        if max(colours.values()) > 2:
            return
        assert kept == pytest.approx(all_kept, abs=1e-12)
        action = observation["heading"] if rng.random() < 0.7 else rng.integers(8)
        observation, *_ = env.step(action)
    assert lazy.known == len(dense.known)
    for colour, layer in dense.layers.items():
        for cell, confidence in layer.items():
            assert lazy.confidence(*cell, colour) == pytest.approx(confidence, abs=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("steps", [1, 1_022, 1_023, 1_024, 5_000])
def test_what_is_not_seen_fades_for_ever(gamma, steps):
    chart, view = LocalMap(gamma), np.full((WINDOW, WINDOW), UNKNOWN, np.int32)
    view[-1, MIDDLE] = 7
    chart.integrate(view, 0, 0, 0)
    for _ in range(steps):
        chart.integrate(view, 40, 40, 0)
    left = (1 - gamma) * gamma**steps
    assert chart.confidence(0, 0, 7) == pytest.approx(left, rel=1e-9)
    assert chart.integrate(view, 0, 0, 0) == pytest.approx(left, rel=1e-9)


@example([(0, 0), (14, 7)])  # the second sees the first as what stands in its view's corner
@given(st.lists(st.tuples(st.integers(-300, 300), st.integers(-300, 300)), min_size=1, max_size=6))
def test_it_grows_wherever_the_agent_goes(places):
    chart, latest = LocalMap(0.9), {}
    view = np.full((WINDOW, WINDOW), UNKNOWN, np.int32)
    view[-1, MIDDLE], view[0, 0] = 0, 5
    for place in places:
        for heading in range(4):
            chart.integrate(view, *place, heading)
            latest |= cells_seen(view, *place, heading)
    assert {cell: chart.colour(*cell) for cell in latest} == latest
    known = np.argwhere(chart.colours[0] != UNKNOWN)
    assert len(known) == chart.known == len(latest)
    low, high = known.min(axis=0), known.max(axis=0)
    assert chart.bounds.tolist() == [low[0], high[0], low[1], high[1]]
