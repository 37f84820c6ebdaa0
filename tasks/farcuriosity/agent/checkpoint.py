"""A run's whole state in one file of tensors and plain values, which loads with ``weights_only=True``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from ray.rllib.algorithms.ppo import PPO

from farcuriosity.agent.algorithm import learner_of


def save(algorithm: PPO, path: Path, **beside: Any) -> None:
    """Write weights, optimisers, curiosity, normalisers, generators and progress.

    Args:
        algorithm: between two updates.
        path: the file.
        beside: plain values to keep with it.
    """
    state = learner_of(algorithm).get_state(not_components="metrics_logger")
    torch.save({"learner": plain(state), **beside}, path)


def load(algorithm: PPO, path: Path) -> dict[str, Any]:
    """Take up a run where ``save`` left it, with new episodes, and return the file's content.

    RLlib's own checkpoints hold neither connectors of the learner nor custom runners' state.
    """
    held: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    learner = learner_of(algorithm)
    learner.set_state(held["learner"])
    runners = algorithm.env_runner_group
    runners.sync_weights(from_worker_or_learner_group=algorithm.learner_group, inference_only=True)
    steps = learner.progress.steps
    runners.foreach_env_runner(lambda runner: runner.restart(at=steps))
    return held


def plain(value: Any) -> Any:
    """Turn NumPy's arrays and numbers into tensors and Python's."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    return value.item() if isinstance(value, np.generic) else value
