"""A run's whole state in one file of tensors and plain values, which loads with ``weights_only=True``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from ray.rllib.algorithms.ppo import PPO

from farcuriosity.agent.learner import CuriosityLearner
from farcuriosity.agent.networks import policy_state


def save(algorithm: PPO, path: Path, **beside: Any) -> None:
    """Write weights, optimisers, curiosity, normalisers, generators and progress.

    Args:
        algorithm: between two updates.
        path: the file.
        beside: plain values to keep with it.
    """
    algorithm.learner_group.ask(lambda learner: _write(learner, path, beside))


def load(algorithm: PPO, path: Path) -> dict[str, Any]:
    """Take up a run where ``save`` left it, with new episodes, and return what was kept beside it.

    RLlib's own checkpoints hold neither connectors of the learner nor custom runners' state. It need not be
    as many learners as there were.
    """
    steps, beside = algorithm.learner_group.ask_all(lambda learner: _read(learner, path))[0]
    runners = algorithm.env_runner_group
    runners.sync_weights(from_worker_or_learner_group=algorithm.learner_group, inference_only=True)
    runners.foreach_env_runner(lambda runner: runner.restart(at=steps))
    return beside


def _write(learner: CuriosityLearner, path: Path, beside: dict[str, Any]) -> None:
    state = learner.get_state(not_components="metrics_logger")
    torch.save({"learner": plain(state), "policy": policy_state(learner.policy), **beside}, path)


def _read(learner: CuriosityLearner, path: Path) -> tuple[int, dict[str, Any]]:
    held: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    learner.set_state(held.pop("learner"))
    del held["policy"]  # for those who want to see it play
    return learner.progress.steps, held


def plain(value: Any) -> Any:
    """Turn NumPy's arrays and numbers into tensors and Python's."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    return value.item() if isinstance(value, np.generic) else value
