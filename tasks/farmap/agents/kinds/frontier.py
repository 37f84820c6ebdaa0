"""``frontier``: one global map, on to its edge (Yamauchi 1997)."""

from typing import Any, Literal

from pydantic import Field

from farmap.agents.agent import Agent
from farmap.agents.kind import AgentKind, Parameters


class FrontierAgent(Parameters):
    """One global map, on to its edge; see ``agents.frontier.Frontier``.

    Attributes:
        gamma: decay of confidence per step.
        choice: which frontier cluster it goes to: by chance, the nearer the likelier (``distance``), by
            FARMap's weight (``weighted``), the ``nearest``, or where most is seen per way (``gain``).
    """

    gamma: float = Field(0.9, ge=0, lt=1)
    choice: Literal["distance", "weighted", "nearest", "gain"] = "distance"


def make(rng: Any, **parameters: Any) -> Agent:
    """Make one."""
    from farmap.agents.frontier import Frontier

    return Frontier(rng, **parameters)


agent = AgentKind("frontier", make, FrontierAgent, version=2, maps=True)
