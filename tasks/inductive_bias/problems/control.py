"""A control task: what a good policy does in CartPole, to be regressed on what it sees."""

import numpy as np

from gridcell import UserError
from inductive_bias.problems.pool import Pool, make_pool

_GAINS = np.array([0.1, 0.5, 10.0, 2.0])  # on position, velocity, angle and its velocity: balances for long
_NOISE = 0.3  # share of random moves, so that the data hold states that the policy has to recover from


def cartpole(points: int, seed: int) -> Pool:
    """Return states (N, 4) of CartPole-v1 and the good policy's action in each, one-hot (N, 2).

    Raises:
        UserError: Gymnasium isn't installed.
    """
    try:
        import gymnasium
    except ImportError:
        raise UserError("The problem source 'cartpole' needs Gymnasium: pip install 'gridcell[rl]'") from None
    environment = gymnasium.make("CartPole-v1")
    draw = np.random.default_rng(seed)
    states: list[np.ndarray] = []
    actions: list[int] = []
    state, _ = environment.reset(seed=seed)
    while len(states) < points:
        good = policy(np.asarray(state))
        states.append(np.asarray(state, dtype=np.float64))
        actions.append(good)
        move = int(draw.integers(2)) if draw.random() < _NOISE else good
        state, _, ended, cut, _ = environment.step(move)
        if ended or cut:
            state, _ = environment.reset()
    environment.close()
    x = np.array(states)
    return make_pool(x / x.std(axis=0), np.array(actions), "cartpole")


def policy(state: np.ndarray) -> int:
    """Return the action, 0 (left) or 1 (right), of a linear controller for the state, shape (4,)."""
    return int(state @ _GAINS > 0)
