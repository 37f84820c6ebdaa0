"""Advantages and the reward scale against sums written out term by term."""

import numpy as np
import torch
from hypothesis import given, strategies as st

from farcuriosity.agent.returns import ReturnScale, advantages


def brute_force(rewards, values, next_values, ends, gamma, lam):
    """A_t = sum_k (gamma lam)^k delta_{t+k}, up to the episode's end."""
    steps, environments, heads = rewards.shape
    found = np.zeros(rewards.shape)
    for t in range(steps):
        for e in range(environments):
            for h in range(heads):
                weight = 1.0
                for k in range(t, steps):
                    delta = rewards[k, e, h] + gamma[h] * next_values[k, e, h] - values[k, e, h]
                    found[t, e, h] += weight * delta
                    weight *= gamma[h] * lam
                    if ends[k, e, h]:
                        break
    return found


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 3), st.floats(0, 1))
def test_advantages_are_the_sum_of_discounted_errors(seed, steps, environments, lam):
    draws = np.random.default_rng(seed)
    shape = (steps, environments, 2)
    rewards, values, next_values = (draws.normal(size=shape) for _ in range(3))
    ends, gamma = draws.random(shape) < 0.2, np.array([0.99, 0.9])
    found = advantages(
        *(torch.from_numpy(x) for x in (rewards, values, next_values, ends)),
        gamma=torch.from_numpy(gamma),
        lam=lam,
    )
    np.testing.assert_allclose(found, brute_force(rewards, values, next_values, ends, gamma, lam), atol=1e-10)


def test_with_lambda_one_an_advantage_is_the_return_less_the_value():
    rewards = torch.tensor([1.0, 2.0, 4.0]).view(3, 1, 1)
    values = torch.tensor([10.0, 20.0, 30.0]).view(3, 1, 1)
    next_values = torch.tensor([20.0, 30.0, 0.0]).view(3, 1, 1)
    ends = torch.tensor([False, False, True]).view(3, 1, 1)
    found = advantages(rewards, values, next_values, ends, gamma=torch.tensor([0.5]), lam=1.0)
    assert found.flatten().tolist() == [1 + 1 + 1 - 10, 2 + 2 - 20, 4 - 30]


@given(st.integers(0, 10_000), st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_scale_is_the_deviation_of_all_discounted_sums(seed, lengths):
    draws = np.random.default_rng(seed)
    scale, sums, running = ReturnScale(2, 0.9), [], np.zeros(2)
    for length in lengths:
        rewards, ends = draws.normal(size=(length, 2)), draws.random((length, 2)) < 0.3
        for reward, end in zip(rewards, ends, strict=True):
            running = running * 0.9 + reward
            sums += running.tolist()
            running[end] = 0
        assert np.isclose(scale.update(rewards, ends), np.std(sums))


def test_scale_is_one_while_there_is_no_reward_and_goes_on_after_a_restart():
    scale, draws = ReturnScale(2, 0.9), np.random.default_rng(0)
    nothing, no_end = np.zeros((3, 2)), np.zeros((3, 2), bool)
    assert scale.update(nothing, no_end) == 1.0
    scale.update(draws.normal(size=(3, 2)), no_end)
    again = ReturnScale(2, 0.9)
    again.load_state_dict(scale.state_dict())
    rewards = draws.normal(size=(3, 2))
    assert again.update(rewards, no_end) == scale.update(rewards, no_end)
