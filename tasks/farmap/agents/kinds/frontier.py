"""``frontier``: one global map, on to its edge (Yamauchi 1997)."""

from typing import Any, Literal

from pydantic import Field

from farmap.agents.agent import Agent
from farmap.agents.kind import AgentKind, Parameters


class FrontierAgent(Parameters):
    """One global map, on to its edge; see ``agents.frontier.Frontier``."""

    gamma: float = Field(0.9, ge=0, lt=1)
    choice: Literal["distance", "weighted", "nearest", "gain"] = "distance"


def make(rng: Any, **parameters: Any) -> Agent:
    """Make one."""
    from farmap.agents.frontier import Frontier

    return Frontier(rng, **parameters)


agent = AgentKind("frontier", make, FrontierAgent, version=2, maps=True)
