"""Frames per second of whole training on an Atari game, beside a bare loop that does the same.

Montezuma's Revenge, 8 environments x 64 steps, 4 epochs of 4 minibatches, convolutional policy, one thread.
Sides alternate, an update each; ratios are of processor time: what else the machine does disturbs that least.
A step of the agent is four frames of the game. With many fragments each environment is in one of its own: the
worst case. The sides share fragments, which keeps the whole below 6 GB.
"""

import time
from collections.abc import Callable

import torch
from tests.benchmarks._bare_ppo_rnd import BareLoop
from tests.benchmarks.curiosity_modules import ENVIRONMENTS, FRAGMENTS, with_fragments

from farcuriosity.agent.algorithm import Recipe, build_algorithm, learner_of
from farcuriosity.agent.connector import Credit
from farcuriosity.agent.local import local_ray
from farcuriosity.curiosity.interface import Curiosity
from farcuriosity.environments.make import make_vector

GAME = "ALE/MontezumaRevenge-v5"
STEPS, ROUNDS = 64, 3
AIMS = {
    "none / bare PPO": "<= 1.25",
    "rnd / bare PPO-RND": "<= 1.25",
    "far with 400 fragments / rnd": "<= 1.3",
}


def measure() -> dict[str, float]:
    """Measure on one thread; ratios first."""
    torch.set_num_threads(1)
    environments = _environment_rate()
    most = with_fragments(max(FRAGMENTS))
    with local_ray():
        sides: dict[str, Callable[[], object]] = {
            "bare PPO": BareLoop(GAME, ENVIRONMENTS, STEPS, curious=False).update,
            "bare PPO-RND": BareLoop(GAME, ENVIRONMENTS, STEPS, curious=True).update,
            "none": _ours("none"),
            "rnd": _ours("rnd"),
        }
        sides |= {
            f"far with {count} fragments": _ours("far", with_fragments(count, most)) for count in FRAGMENTS
        }
        times: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(ROUNDS + 1):
            for name, update in sides.items():
                begun = time.process_time()
                update()
                times[name].append(time.process_time() - begun)
    best = {name: min(taken[1:]) for name, taken in times.items()}  # the first round warms up
    figures = {
        "none / bare PPO": best["none"] / best["bare PPO"],
        "rnd / bare PPO-RND": best["rnd"] / best["bare PPO-RND"],
    }
    figures |= {
        f"far with {count} fragments / rnd": best[f"far with {count} fragments"] / best["rnd"]
        for count in FRAGMENTS
    }
    figures["environments alone, frames per second"] = environments * 4
    steps = ENVIRONMENTS * STEPS
    return figures | {f"{name}, frames per second": 4 * steps / seconds for name, seconds in best.items()}


def _ours(curiosity: str, fragmented: Curiosity | None = None) -> Callable[[], object]:
    recipe = Recipe(environments=ENVIRONMENTS, steps=STEPS, lstm=0)
    algorithm = build_algorithm(GAME, {}, recipe, Credit(), curiosity, {}, seed=0)
    if fragmented is not None:
        learner_of(algorithm).curiosity = fragmented
    return algorithm.train


def _environment_rate(steps: int = 200) -> float:
    """Steps per second of ``ENVIRONMENTS`` games stepped together, and nothing else."""
    made = make_vector(GAME, ENVIRONMENTS, {})
    made.reset(seed=0)
    actions = torch.randint(18, (steps, ENVIRONMENTS), generator=torch.Generator().manual_seed(0)).numpy()
    begun = time.process_time()
    for action in actions:
        made.step(action)
    return steps * ENVIRONMENTS / (time.process_time() - begun)
