"""The train cell: an agent with a curiosity in an environment, from the first step to the last."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from farcuriosity.cells.names import AGENT, BEST, EPISODES, STATE
from farcuriosity.settings import processes
from gridcell import Cell, Context, Diverged, UserError

if TYPE_CHECKING:
    from ray.rllib.algorithms.ppo import PPO

    from farcuriosity.agent.learner import CuriosityLearner
    from farcuriosity.agent.networks import Inputs

CHECKPOINT_SECONDS = (
    "GRIDCELL_CHECKPOINT_SECONDS"  # of the environment: how soon machines are lost is no setting
)
CURVES = ("policy_loss", "value_loss", "entropy", "kl", "clipped")  # of what the learner logs
REPORT_EVERY = 100  # points of a curve that a run leaves at least, where it has so many updates


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Train, and leave the agent and its episodes.

    Raises:
        UserError: there is no such environment, or it shows what the agent can't take; or
            ``GRIDCELL_CHECKPOINT_SECONDS`` is no time.
        Diverged: the policy's loss is not finite.
    """
    return train(cell, context, checkpoint_every_s=seconds_between_checkpoints(os.environ))


def seconds_between_checkpoints(environ: Mapping[str, str]) -> float:
    """Return ``GRIDCELL_CHECKPOINT_SECONDS``, 5 minutes by default.

    Raises:
        UserError: it is no time.
    """
    given = environ.get(CHECKPOINT_SECONDS, "300")
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise UserError(f"{CHECKPOINT_SECONDS} is {given!r}: give seconds, for instance 300")
    return seconds


def train(cell: Cell, context: Context, *, checkpoint_every_s: float) -> Mapping[str, Any]:
    """Do the cell's work; ``run`` with another time between checkpoints."""
    from farcuriosity.agent.local import local_ray

    with local_ray():
        from farcuriosity.agent import checkpoint
        from farcuriosity.agent.networks import save_policy
        from gridcell.learn import seed_everything

        seed_everything(context.seed)
        algorithm = build(cell.config, context.seed, context.device, threads=threads_of(cell))
        try:
            learners = algorithm.learner_group
            best = Best()
            begin, end = context.stage or (0, cell.config["steps"])
            last = context.checkpoints.latest(context.scratch)
            if last is None and begin:
                last = context.artifact("start", STATE)
            if last is not None:
                held = checkpoint.load(algorithm, last)
                best.held = held["best"]
                context.curves.restore(held["curves"])
            elif cell.config["training"]["random_steps"]:
                frames = random_frames(algorithm, cell.config["training"]["random_steps"])
                learners.ask_all(lambda learner: learner.warm_up(frames))
            _updates(algorithm, end, context, checkpoint_every_s, best, of=cell.config["steps"])
            if end < cell.config["steps"]:
                state = {"curves": context.curves.state(), "best": best.held}
                checkpoint.save(algorithm, context.outputs / STATE, **state)
            agent = context.outputs / AGENT
            learners.ask(lambda learner: save_policy(learner.policy, agent))
            best.save(context.outputs / BEST, agent)
            progress, values = learners.ask(lambda learner: (learner.progress, learner.values()))
        finally:
            algorithm.stop()
    at, returns, lengths = np.array(progress.episodes, np.float64).reshape(-1, 3).T
    frames = np.array([frame for _, frame in progress.strip])
    steps = np.array([step for step, _ in progress.strip], np.int64)
    np.savez_compressed(
        context.outputs / EPISODES, at=at, returns=returns, lengths=lengths, frames=frames, frame_steps=steps
    )
    return {
        "steps": progress.steps,
        "score": float(returns[-100:].mean()) if len(returns) else None,
        "best": float(returns.max()) if len(returns) else None,
        "best_at": best.held["steps"] if best.held is not None else None,
        **values,
    }


class Best:
    """The policy as it was when the mean return of the last episodes was highest.

    Attributes:
        held: its ``steps``, ``score`` and ``policy``; None before enough episodes ended.
    """

    LEAST = 20  # episodes that a mean is taken over

    def __init__(self) -> None:
        self.held: dict[str, Any] | None = None

    def consider(self, algorithm: PPO, steps: int, figures: Mapping[str, float]) -> None:
        """Keep the present policy if it is better."""
        score = figures.get("return")
        if score is None or figures["episodes"] < self.LEAST:
            return
        if self.held is None or score > self.held["score"]:
            policy = algorithm.learner_group.ask(_copied)
            self.held = {"steps": steps, "score": score, "policy": policy}

    def save(self, path: Path, last: Path) -> None:
        """Write the policy; where there is none, the last one."""
        import torch

        if self.held is None:
            shutil.copyfile(last, path)
        else:
            torch.save(self.held["policy"], path)


def _copied(learner: CuriosityLearner) -> dict[str, Any]:
    from farcuriosity.agent.networks import policy_state

    state = policy_state(learner.policy)
    return state | {"weights": {name: value.cpu().clone() for name, value in state["weights"].items()}}


def threads_of(cell: Cell) -> int:
    """Return how many threads each process of a train cell has, by its resources: no part of its identity."""
    training = cell.config["training"]
    return max(1, cell.resources.cpus // processes(training["runners"], training.get("learners", 1)))


def build(config: Mapping[str, Any], seed: int, device: str, *, threads: int = 1) -> PPO:
    """Build the algorithm that a train cell's configuration asks for.

    Args:
        config: of the cell.
        seed: of everything random.
        device: torch device type.
        threads: of each process that step Atari emulators.
    """
    from farcuriosity.agent.algorithm import Recipe, build_algorithm
    from farcuriosity.agent.connector import Credit

    t = config["training"]
    recipe = Recipe(
        environments=t["environments"],
        steps=t["horizon"],
        epochs=t["epochs"],
        minibatches=t["minibatches"],
        lr=t["lr"],
        clip=t["clip"],
        entropy=t["entropy"],
        value=t["value"],
        gradient_norm=t["gradient_norm"],
        features=t["features"],
        lstm=t["lstm"],
        convolutions=t["policy"],
        inputs=_inputs(t),
        bfloat16=t["precision"] == "bfloat16",
        adam_eps=t["adam_eps"],
        anneal_over=config["steps"] if t["anneal"] else None,
        value_clip=t["value_clip"],
    )
    credit = Credit(
        gammas=(t["gamma"], t["intrinsic_gamma"]),
        lam=t["gae"],
        clip_rewards=t["clip_rewards"],
        scale_rewards=t["scale_rewards"],
        extrinsic=t["extrinsic_weight"],
        intrinsic=t["intrinsic_weight"],
        episodic_intrinsic=t["episodic_intrinsic"],
    )
    return build_algorithm(
        config["environment"],
        config["options"],
        recipe,
        credit,
        config["curiosity"],
        config["parameters"],
        seed=seed,
        runners=t["runners"],
        learners=t.get("learners", 1),
        threads=threads,
        gpu=device == "cuda",
    )


def _inputs(training: Mapping[str, Any]) -> Inputs:
    if training["normalise_observations"]:
        return "running"
    return "start" if training["policy"] == "released" else "scaled"


def random_frames(algorithm: PPO, steps: int) -> np.ndarray:
    """Return what the curiosity would see in so many random steps, (N, *frame).

    They are episodes of their own: training begins with those that it would begin with without them.
    """
    runners = algorithm.env_runner_group
    runners.foreach_env_runner(lambda runner: runner.restart(at=0, warm_up=True))
    frames: list[np.ndarray] = []
    while sum(map(len, frames)) < steps:
        for rollouts in runners.foreach_env_runner(
            lambda runner: runner.sample(random_actions=True) if runner.env is not None else []
        ):
            frames += [
                rollout.next_frames.reshape(-1, *rollout.next_frames.shape[2:]) for rollout in rollouts
            ]
    runners.foreach_env_runner(lambda runner: runner.restart(at=0))
    return np.concatenate(frames)[:steps]


def _updates(
    algorithm: PPO, steps: int, context: Context, checkpoint_every_s: float, best: Best, *, of: int
) -> None:
    """Train until so many steps are done, of those of the whole run."""
    from farcuriosity.agent import checkpoint

    learners = algorithm.learner_group
    batch = algorithm.config.total_train_batch_size
    every = max(1, of // batch // REPORT_EVERY)
    done = learners.ask(lambda learner: learner.progress.steps)
    goal = steps if context.stop is None else min(context.stop, steps)
    goal = min(goal, batch) if context.fast else goal
    while done < goal:
        began = time.monotonic()
        result = algorithm.train()
        done, values = learners.ask(lambda learner: (learner.progress.steps, learner.values()))
        losses = result["learners"]["default_policy"]
        if not np.isfinite(losses["total_loss"]):
            raise Diverged(f"The policy's loss is {losses['total_loss']} after {done} steps")
        now = time.monotonic()
        if done // batch % every == 0 or done >= steps:
            best.consider(algorithm, done, values)
            context.report(
                done,
                **values,
                **{name: float(losses[name]) for name in CURVES},
                steps_per_second=batch / (now - began),
            )
        if context.checkpoint_is_due(checkpoint_every_s) and done < steps:
            path = context.scratch / "checkpoint.pt"
            checkpoint.save(algorithm, path, curves=context.curves.state(), best=best.held)
            context.keep(path, done)
            path.unlink()
    if context.stop is not None:  # it goes on from here, with new episodes, as after an interruption
        path = context.scratch / "checkpoint.pt"
        checkpoint.save(algorithm, path, curves=context.curves.state(), best=best.held)
        context.checkpoints.save(path, done)
