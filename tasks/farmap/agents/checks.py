"""The contract of agents: what can be tried on a small map."""

from functools import partial

import numpy as np

from farmap.agents.explore import Run, explore
from farmap.agents.kind import AgentKind
from farmap.world.environment import FarMapEnv
from farmap.world.maps import draw_world
from gridcell.data import generator
from gridcell.testing import Check, require

_STEPS = 200


def checks(kind: AgentKind) -> list[Check]:
    """Return what an agent keeps to, beside what all parts keep to."""
    return [
        Check(f"it walks {_STEPS} steps on a small map and sees something", partial(_walks, kind)),
        Check("from the same seed it walks the same way", partial(_repeats, kind)),
    ]


def _run(kind: AgentKind) -> Run:
    environment = FarMapEnv(draw_world("small", 0), max_steps=_STEPS)
    return explore(environment, kind.build(generator(0, "check")), seed=0, trajectory=True)


def _walks(kind: AgentKind) -> None:
    run = _run(kind)
    require(run.seen[-1] > 0, "it sees no cell")
    require(len(run.seen) == run.steps + 1, "it does not count what it sees at each step")


def _repeats(kind: AgentKind) -> None:
    one, two = _run(kind).trajectory, _run(kind).trajectory
    same = one is not None and two is not None and np.array_equal(one, two)
    require(same, "the second time it walks otherwise: draw from the generator it is given")
