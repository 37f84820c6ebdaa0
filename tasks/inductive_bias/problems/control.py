"""Control tasks: what a good policy does in CartPole or with a pendulum, to be regressed on what it sees."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gridcell import UserError
from inductive_bias.problems.pool import Pool, make_pool

_GAINS = np.array([0.1, 0.5, 10.0, 2.0])  # on position, velocity, angle and its velocity: balances for long
_NOISE = 0.3  # share of random moves, so that the data hold states that the policy has to recover from

TORQUE = 2.0
"""The pendulum's largest torque."""

_NEAR = 0.5  # radians from upright within which it is balanced instead of swung up


def cartpole(points: int, seed: int) -> Pool:
    """Return states (N, 4) of CartPole-v1 and the good policy's action in each, one-hot (N, 2).

    Raises:
        UserError: Gymnasium isn't installed.
    """
    draw = np.random.default_rng(seed)
    states, actions = _observed(
        "CartPole-v1", "cartpole", policy, lambda: int(draw.integers(2)), points, seed, draw
    )
    return make_pool(states / states.std(axis=0), actions, "cartpole")


def policy(state: np.ndarray) -> int:
    """Return the action, 0 (left) or 1 (right), of a linear controller for the state, shape (4,)."""
    return int(state @ _GAINS > 0)


def pendulum(points: int, seed: int) -> Pool:
    """Return states (N, 3) of Pendulum-v1 and the torque (N, 1) in [-2, 2] that swings it up, then balances.

    Raises:
        UserError: Gymnasium isn't installed.
    """
    draw = np.random.default_rng(seed)

    def move(state: np.ndarray) -> np.ndarray:
        return np.array([torque(state)], dtype=np.float32)

    def noise() -> np.ndarray:
        return draw.uniform(-TORQUE, TORQUE, 1).astype(np.float32)

    states, torques = _observed("Pendulum-v1", "pendulum", move, noise, points, seed, draw)
    return make_pool(states / states.std(axis=0), torques.astype(np.float64), "pendulum")


def torque(state: np.ndarray) -> float:
    """Return the torque for a state (cosine and sine of the angle from upright, and its velocity).

    Far from upright it pumps energy up to that of rest upright, near it a linear controller balances.

    Source: Astrom and Furuta, "Swinging up a pendulum by energy control", Automatica 36 (2000).
    """
    cosine, sine, velocity = map(float, state)
    angle = float(np.arctan2(sine, cosine))
    if abs(angle) < _NEAR:
        wanted = -(12.0 * angle + 3.0 * velocity)
    else:
        # Gymnasium's acceleration is 15 sin(angle) + 3 torque; this energy is 15 at rest upright.
        energy = velocity**2 / 2 + 15.0 * cosine
        wanted = 2.0 * (15.0 - energy) * (1.0 if velocity >= 0 else -1.0)
    return float(np.clip(wanted, -TORQUE, TORQUE))


def _observed(
    name: str,
    source: str,
    good: Callable[[np.ndarray], Any],
    random: Callable[[], Any],
    points: int,
    seed: int,
    draw: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return states (N, d) that a policy with random moves among its own sees, and its own move in each."""
    try:
        import gymnasium
    except ImportError:
        raise UserError(
            f"The problem source '{source}' needs Gymnasium: pip install 'gridcell[rl]'"
        ) from None
    environment = gymnasium.make(name)
    states: list[np.ndarray] = []
    actions: list[Any] = []
    state, _ = environment.reset(seed=seed)
    while len(states) < points:
        wanted = good(np.asarray(state))
        states.append(np.asarray(state, dtype=np.float64))
        actions.append(wanted)
        move = random() if draw.random() < _NOISE else wanted
        state, _, ended, cut, _ = environment.step(move)
        if ended or cut:
            state, _ = environment.reset()
    environment.close()
    return np.array(states), np.array(actions)
