"""Agents by their settings."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from farmap.agents.agent import Agent
from farmap.agents.farmap import FarMap
from farmap.agents.frontier import Frontier
from farmap.agents.random_walk import RandomWalk


def make_agent(agent: Mapping[str, Any], rng: np.random.Generator) -> Agent:
    """Make a fresh agent.

    Args:
        agent: its ``kind`` and parameters, checked before.
        rng: of its choices.
    """
    parameters = {name: value for name, value in agent.items() if name != "kind"}
    kinds = {"random-walk": RandomWalk, "frontier": Frontier, "farmap": FarMap}
    return kinds[agent["kind"]](rng, **parameters)
