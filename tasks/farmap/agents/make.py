"""Agents by their settings."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from farmap.agents.agent import Agent
from farmap.agents.kinds import registry


def make_agent(agent: Mapping[str, Any], rng: np.random.Generator) -> Agent:
    """Make a fresh agent.

    Args:
        agent: its ``kind``, and parameters where they differ from the defaults.
        rng: of its choices.

    Raises:
        UserError: there is no such kind or parameter, or a value does not fit.
    """
    parameters = {name: value for name, value in agent.items() if name != "kind"}
    return registry.get(agent["kind"]).build(rng, **parameters)
