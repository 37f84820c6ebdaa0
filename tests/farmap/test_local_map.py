"""The lazily decaying map, against one dense array per colour that is multiplied at each step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farmap.agents.local_map import LocalMap
from farmap.world.environment import FarMapEnv
from farmap.world.maps import draw_world
from farmap.world.view import MIDDLE, UNKNOWN, WINDOW


class DenseMap:
    """The definition: multiply everything by gamma, add 1 - gamma to what is seen."""

    def __init__(self, gamma):
        self.gamma, self.layers = gamma, {}

    def integrate(self, view, row, column, heading):
        turned = np.rot90(view, {0: 0, 2: 1, 1: 2, 3: 3}[heading])
        ahead, middle = WINDOW - 1, MIDDLE
        corner = {0: (-ahead, -middle), 1: (0, -middle), 2: (-middle, -ahead), 3: (-middle, 0)}[heading]
        seen = {
            (row + corner[0] + int(i), column + corner[1] + int(j)): int(turned[i, j])
            for i, j in np.argwhere(turned != UNKNOWN)
        }
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
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.5, 0.9, 0.99]), st.floats(0, 0.05))
def test_it_is_the_dense_map(seed, gamma, recolour):
    """Colours change, but seldom enough that a cell shows no third one before the first has faded."""
    env = FarMapEnv(draw_world("small", seed % 50), recolour=recolour)
    rng = np.random.default_rng(seed)
    lazy, dense = LocalMap(gamma), DenseMap(gamma)
    observation, _ = env.reset(seed=seed)
    row = column = 0
    for _ in range(60):
        row, column = row + int(observation["moved"][0]), column + int(observation["moved"][1])
        where = observation["view"], row, column, observation["heading"]
        assert lazy.integrate(*where) == pytest.approx(dense.integrate(*where), abs=1e-12)
        action = observation["heading"] if rng.random() < 0.7 else rng.integers(8)
        observation, *_ = env.step(action)
    assert lazy.known == len(dense.known)
    for colour, layer in dense.layers.items():
        for cell, confidence in layer.items():
            assert lazy.confidence(*cell, colour) == pytest.approx(confidence, abs=1e-12)


@given(st.lists(st.tuples(st.integers(-300, 300), st.integers(-300, 300)), min_size=1, max_size=6))
def test_it_grows_wherever_the_agent_goes(places):
    chart = LocalMap(0.9)
    view = np.full((WINDOW, WINDOW), UNKNOWN, np.int32)
    view[-1, MIDDLE], view[0, 0] = 0, 5
    for row, column in places:
        for heading in range(4):
            chart.integrate(view, row, column, heading)
    for row, column in places:
        assert chart.colour(row, column) == 0 or (row, column) not in places
        assert chart.colour(row, column) in (0, 5)
    known = np.argwhere(chart.colours[0] != UNKNOWN)
    assert len(known) == chart.known
    low, high = known.min(axis=0), known.max(axis=0)
    assert chart.bounds.tolist() == [low[0], high[0], low[1], high[1]]
