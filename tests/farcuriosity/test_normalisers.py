"""Running statistics of observations and rewards, against brute force over all that was seen."""

import numpy as np
import pytest
import torch

from farcuriosity.curiosity.normalisers import ObservationNormaliser, RewardNormaliser


def test_observations_are_normalised_by_all_that_were_seen_and_clipped():
    random = np.random.default_rng(0)
    seen = [random.integers(0, 256, (rows, 1, 5, 4)).astype(np.uint8) for rows in (3, 2000, 50)]
    for chunk in seen:
        chunk[:, 0, 0, 0] = 7  # a pixel that never changes
    normalise = ObservationNormaliser((1, 5, 4), 1.5, "cpu")
    for chunk in seen:
        normalise.update(torch.from_numpy(chunk))
    all_seen = np.concatenate(seen).astype(np.float64)
    expected = (seen[2] - all_seen.mean(0)) / np.sqrt(all_seen.var(0) + 1e-8)
    found = normalise(torch.from_numpy(seen[2]))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, expected.clip(-1.5, 1.5), atol=2e-5)


def test_a_small_spread_around_a_large_mean_survives():
    values = torch.from_numpy(1e4 + np.random.default_rng(0).normal(size=(5000, 3)))
    normalise = ObservationNormaliser((3,), 9, "cpu")
    for chunk in values.split(700):
        normalise.update(chunk)
    np.testing.assert_allclose(normalise(values).std(0, correction=0), 1, rtol=1e-3)


def test_rewards_are_divided_by_the_spread_of_their_discounted_sums():
    random = np.random.default_rng(0)
    normalise = RewardNormaliser(3, 0.9)
    sums, history = np.zeros(3), []
    for length in (4, 1, 7):
        rewards, counted = random.gamma(1, 1, (length, 3)), random.random((length, 3)) < 0.7
        rewards = rewards * counted
        for step in range(length):
            for environment in range(3):
                sums[environment] = 0.9 * sums[environment] + rewards[step, environment]
                if counted[step, environment]:
                    history.append(sums[environment])
        np.testing.assert_allclose(normalise(rewards, counted), rewards / np.std(history), rtol=1e-6)


def test_rewards_stay_while_nothing_is_known_of_their_spread():
    normalise = RewardNormaliser(2, 0.99)
    nobody = np.zeros((3, 2), bool)
    assert not normalise(np.zeros((3, 2)), nobody).any()


def test_statistics_of_other_shapes_are_refused():
    observations, rewards = ObservationNormaliser((3,), 5, "cpu"), RewardNormaliser(2, 0.99)
    with pytest.raises(ValueError, match=r"observations \(4,\) do not fit observations \(3,\)"):
        observations.load_state_dict(ObservationNormaliser((4,), 5, "cpu").state_dict())
    with pytest.raises(ValueError, match="3 environments do not fit 2"):
        rewards.load_state_dict(RewardNormaliser(3, 0.99).state_dict())
