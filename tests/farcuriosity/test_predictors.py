"""Errors and losses by hand, from the weights."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from farcuriosity.curiosity.interface import Batch
from farcuriosity.curiosity.networks import encoder, fresh
from farcuriosity.curiosity.predictors import Disagreement, Distillation, InverseAndForward, Rows

FEATURES, ACTIONS, N = 6, 3, 5


def _generator(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def batch():
    draws = _generator(0)
    frames, after = torch.randn(2, N, 4, generator=draws)
    return Batch(
        frames, after, torch.randint(ACTIONS, (N,), generator=draws), torch.zeros(N, dtype=torch.int64)
    )


@pytest.fixture
def frozen():
    return fresh(lambda: encoder((4,), FEATURES), _generator(1), "cpu")


def _dense(x, layer):
    return x @ layer.weight.detach().numpy().T.astype(np.float64) + layer.bias.detach().numpy()


def _leaky(x):
    return np.where(x > 0, x, 0.01 * x)


def _mlp(x, layers):
    return _dense(_leaky(_dense(_leaky(_dense(x, layers[0])), layers[2])), layers[4])


def test_distillation(batch, frozen):
    module = fresh(lambda: Distillation((4,), FEATURES), _generator(2), "cpu")
    rows = Rows(batch, lambda x: x * 2, frozen)
    after = 2 * batch.next_observations.numpy().astype(np.float64)
    deep = module.predict
    hidden = np.maximum(_dense(np.maximum(_mlp(after, deep[0]), 0), deep[2]), 0)
    expected = ((_dense(hidden, deep[4]) - _mlp(after, frozen)) ** 2).mean(1)
    np.testing.assert_allclose(module.errors(rows).detach(), expected, rtol=1e-4)
    assert module.losses(rows).equal(module.errors(rows))


def test_published_shape_over_atari_frames():
    shapes = [tuple(parameter.shape) for parameter in Distillation((1, 84, 84), 512).parameters()][::2]
    conv = [(32, 1, 8, 8), (64, 32, 4, 4), (64, 64, 3, 3), (512, 3136)]
    assert shapes == [*conv, (512, 512), (512, 512)]


def test_inverse_and_forward(batch, frozen):
    module = fresh(lambda: InverseAndForward((4,), FEATURES, ACTIONS, 0.2), _generator(3), "cpu")
    rows = Rows(batch, lambda x: x, frozen)
    before, after = module.encode(batch.observations), module.encode(batch.next_observations)
    chosen = torch.eye(ACTIONS)[batch.actions]
    error = 0.5 * ((module.predict(torch.cat([before, chosen], 1)) - after) ** 2).sum(1)
    torch.testing.assert_close(module.errors(rows), error)
    chances = module.invert(torch.cat([before, after], 1)).softmax(1)
    inverse = -chances[torch.arange(N), batch.actions].log()
    torch.testing.assert_close(module.losses(rows), 0.8 * inverse + 0.2 * error)


def test_disagreement(batch, frozen):
    module = fresh(lambda: Disagreement(FEATURES, ACTIONS, 3), _generator(4), "cpu")
    rows = Rows(batch, lambda x: x, frozen)
    known = torch.cat([frozen(batch.observations), F.one_hot(batch.actions, ACTIONS)], 1)
    guesses = np.stack([model(known).detach().numpy() for model in module.models]).astype(np.float64)
    np.testing.assert_allclose(module.errors(rows).detach(), guesses.var(0).mean(1), rtol=1e-4)
    target = frozen(batch.next_observations).detach().numpy()
    alone = [((guess - target) ** 2).mean(1) for guess in guesses]
    np.testing.assert_allclose(module.losses(rows).detach(), np.sum(alone, 0), rtol=1e-4)


def test_fresh_weights_are_orthogonal_and_leave_the_global_random_state_alone():
    before = torch.random.get_rng_state()
    module = fresh(lambda: encoder((1, 84, 84), 512), _generator(5), "cpu")
    assert torch.random.get_rng_state().equal(before)
    for parameter in module.parameters():
        if parameter.dim() == 1:
            assert not parameter.any()
            continue
        matrix = parameter.detach().flatten(1)
        gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
        torch.testing.assert_close(gram, 2 * torch.eye(len(gram)), atol=1e-4, rtol=0)


def test_observations_that_are_neither_images_nor_vectors_are_refused():
    with pytest.raises(ValueError, match=r"must be \(C, H, W\) or \(D,\), not \(84, 84\)"):
        encoder((84, 84), 8)
