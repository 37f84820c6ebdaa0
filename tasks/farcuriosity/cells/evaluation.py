"""The evaluation cell: episodes of a finished agent, apart from those that it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from farcuriosity.cells.names import AGENT, BEST, EPISODES
from gridcell import Cell, Context

_APART = 1_000_003  # added to the seed: training's episodes come from the seed itself


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Play episodes, with actions drawn from the policy and with its likeliest, and leave their returns.

    The cell's configuration: ``episodes`` of each kind, and ``policy``: the ``last``, or the ``best`` during
    training.
    """
    from farcuriosity.agent.networks import load_policy
    from farcuriosity.agent.player import evaluate

    agent = context.need("agent").cell.config
    file = BEST if cell.config["policy"] == "best" else AGENT
    net = load_policy(context.artifact("agent", file))
    returns, lengths, metrics = {}, {}, {"episodes": cell.config["episodes"]}
    for name, greedy in (("sampled", False), ("greedy", True)):
        returns[name], lengths[name] = evaluate(
            net,
            agent["environment"],
            agent["options"],
            episodes=cell.config["episodes"],
            environments=8,
            greedy=greedy,
            seed=context.seed + _APART,
            alive=lambda steps: context.report(steps),
        )
        metrics |= {name: float(returns[name].mean()), f"{name}_length": float(lengths[name].mean())}
    np.savez_compressed(
        context.outputs / EPISODES,
        sampled_returns=returns["sampled"],
        sampled_lengths=lengths["sampled"],
        greedy_returns=returns["greedy"],
        greedy_lengths=lengths["greedy"],
    )
    return metrics
