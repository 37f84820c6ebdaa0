"""``random-walk``: a step in a random direction each time."""

from typing import Any

from farmap.agents.agent import Agent
from farmap.agents.kind import AgentKind


def make(rng: Any) -> Agent:
    """Make one."""
    from farmap.agents.random_walk import RandomWalk

    return RandomWalk(rng)


agent = AgentKind("random-walk", make, version=2)
