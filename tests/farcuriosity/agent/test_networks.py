"""The agent's networks against plain ones: the LSTM step by step, normalisation, precision, distributions."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, Normal

from farcuriosity.agent import distributions
from farcuriosity.agent.networks import (
    ActorCritic,
    Architecture,
    load_policy,
    policy_from,
    policy_state,
    save_policy,
)


def _segment(net, steps, count, share, seed=0):
    draws = torch.Generator().manual_seed(seed)
    shape = net.architecture.shape
    observations = torch.randint(256, (steps, count, *shape), generator=draws, dtype=torch.uint8)
    if net.continuous:
        actions = torch.randn(steps, count, net.architecture.actions, generator=draws)
    else:
        actions = torch.randint(net.architecture.actions, (steps, count), generator=draws)
    starts = torch.rand(steps, count, generator=draws) < share
    return observations, actions, starts, torch.randn(count, net.state_size, generator=draws)


def _by_cells(net, observations, actions, starts, state):
    """The same network as a loop over cells, one step after the other."""
    cell = nn.LSTMCell(net.lstm.input_size, net.lstm.hidden_size)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in net.lstm.state_dict().items()})
    hidden, memory = state.chunk(2, dim=-1)
    outputs, values = [], []
    for seen, action, start in zip(observations, actions, starts, strict=True):
        goes_on = (~start).float()[:, None]
        known = action if net.continuous else nn.functional.one_hot(action, net.architecture.actions).float()
        inputs = torch.cat([net.encoder(seen), known * goes_on], dim=-1)
        hidden, memory = cell(inputs, (hidden * goes_on, memory * goes_on))
        outputs.append(net.policy(hidden))
        values.append(net.value(hidden))
    return torch.stack(outputs), torch.stack(values), torch.cat([hidden, memory], dim=-1)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("continuous", [False, True])
def test_the_lstm_over_stretches_is_that_of_a_loop_of_cells_with_its_gradients(share, continuous):
    torch.manual_seed(0)
    net = ActorCritic(Architecture((3, 9, 9), 4, continuous, scale=255, features=8, lstm=6))
    segment = _segment(net, 20, 5, share)
    outputs, values, state = net(*segment)
    found = (outputs[..., :4], values, state)
    gradients = torch.autograd.grad(
        sum(each.square().sum() for each in found), list(net.encoder.parameters())
    )
    expected = _by_cells(net, *segment)
    wanted = torch.autograd.grad(
        sum(each.square().sum() for each in expected), list(net.encoder.parameters())
    )
    for mine, theirs in zip((*found, *gradients), (*expected, *wanted), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_one_step_at_a_time_is_the_same_as_all_at_once():
    torch.manual_seed(0)
    net = ActorCritic(Architecture((3, 9, 9), 4, scale=255, features=8, lstm=6))
    observations, actions, starts, state = _segment(net, 12, 4, 0.2)
    with torch.no_grad():
        whole = net(observations, actions, starts, state)
        for t in range(12):
            outputs, values, state = net(observations[t], actions[t], starts[t], state)
            torch.testing.assert_close(outputs, whole[0][t], rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(values, whole[1][t], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(state, whole[2], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("inputs", ["start", "running"])
def test_inputs_are_normalised_by_all_that_was_observed(inputs):
    random = np.random.default_rng(0)
    net = ActorCritic(Architecture((5,), 2, features=4, lstm=0, inputs=inputs))
    seen = [random.normal(3, [1, 2, 1e-3, 4, 5], (rows, 5)).astype(np.float32) for rows in (7, 1500, 40)]
    for part in seen:
        net.observe(torch.from_numpy(part))
    every = np.concatenate(seen).astype(np.float64)
    expected = ((seen[2] - every.mean(0)) / np.sqrt(every.var(0) + 1e-8)).clip(-5, 5)
    np.testing.assert_allclose(net.encoder[0](torch.from_numpy(seen[2])), expected, atol=2e-3)
    untouched = ActorCritic(Architecture((5,), 2, features=4, lstm=0))
    untouched.observe(torch.from_numpy(every).float())
    assert untouched.encoder[0](torch.from_numpy(seen[2])).equal(torch.from_numpy(seen[2]))


def test_released_convolutions_are_sixteen_and_thirty_two():
    net = ActorCritic(Architecture((4, 84, 84), 6, scale=255, lstm=0, convolutions="released"))
    found = [layer for layer in net.encoder if isinstance(layer, nn.Conv2d)]
    assert [(each.out_channels, each.kernel_size[0], each.stride[0]) for each in found] == [
        (16, 8, 4),
        (32, 4, 2),
    ]


def test_bfloat16_gives_float32_near_the_exact_result():
    torch.manual_seed(0)
    exact = ActorCritic(Architecture((4, 84, 84), 6, scale=255, features=64, lstm=32))
    rough = ActorCritic(Architecture((4, 84, 84), 6, scale=255, features=64, lstm=32, bfloat16=True))
    rough.load_state_dict(exact.state_dict())
    segment = _segment(exact, 4, 3, 0.1)
    with torch.no_grad():
        for one, other in zip(exact(*segment), rough(*segment), strict=True):
            assert other.dtype == torch.float32
            assert (one - other).abs().max() < 0.05 * one.std() + 0.02


@pytest.mark.parametrize("continuous", [False, True])
def test_a_saved_policy_is_the_same(tmp_path, continuous):
    net = ActorCritic(Architecture((5,), 3, continuous, features=4, lstm=3, inputs="running"))
    net.observe(torch.randn(10, 5))
    save_policy(net, tmp_path / "net.pt")
    for other in (load_policy(tmp_path / "net.pt"), policy_from(policy_state(net))):
        assert other.architecture == net.architecture
        assert all(value.equal(other.state_dict()[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("continuous", [False, True])
def test_distributions_are_those_of_torch(continuous):
    draws = torch.Generator().manual_seed(0)
    outputs = torch.randn(7, 5, 6, generator=draws)
    mean, log_deviation = outputs.chunk(2, dim=-1)
    theirs = Independent(Normal(mean, log_deviation.exp()), 1) if continuous else Categorical(logits=outputs)
    actions = distributions.draw(outputs.flatten(0, 1), continuous=continuous, generator=draws).unflatten(
        0, (7, 5)
    )
    assert actions.shape == theirs.sample().shape
    torch.testing.assert_close(
        distributions.log_probability(outputs, actions, continuous=continuous), theirs.log_prob(actions)
    )
    torch.testing.assert_close(distributions.entropy(outputs, continuous=continuous), theirs.entropy())
    likeliest = distributions.likeliest(outputs, continuous=continuous)
    assert (theirs.log_prob(likeliest) >= theirs.log_prob(actions)).all()


@pytest.mark.parametrize("continuous", [False, True])
def test_draws_have_the_probabilities_of_the_policy(continuous):
    draws = torch.Generator().manual_seed(0)
    outputs = torch.tensor([0.5, -1.0, 1.0, -0.5]).expand(40_000, 4)
    drawn = distributions.draw(outputs, continuous=continuous, generator=draws)
    uniform = distributions.uniform(outputs, continuous=continuous, generator=draws)
    if continuous:
        torch.testing.assert_close(drawn.mean(0), torch.tensor([0.5, -1.0]), atol=0.05, rtol=0)
        torch.testing.assert_close(drawn.std(0), torch.tensor([1.0, -0.5]).exp(), atol=0.05, rtol=0)
        assert uniform.min() >= -1
        assert uniform.max() <= 1
        torch.testing.assert_close(uniform.std(0), torch.full((2,), 3**-0.5), atol=0.02, rtol=0)
    else:
        torch.testing.assert_close(
            drawn.bincount(minlength=4) / len(drawn), outputs[0].softmax(0), atol=0.01, rtol=0
        )
        assert (uniform.bincount(minlength=4) / len(drawn) - 0.25).abs().max() < 0.01
