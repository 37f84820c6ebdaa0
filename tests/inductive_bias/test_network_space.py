"""Networks: gradients against autograd, stacks against one-by-one training, cells against the whole."""

import pytest
import torch

from gridcell.errors import Diverged, UserError
from inductive_bias.network_space.architectures import Architecture, forward, initialise, unflatten
from inductive_bias.network_space.gradients import loop_gradient, stacked_gradient
from inductive_bias.network_space.strategy import Strategy, candidates, measure, train_hypotheses
from inductive_bias.network_space.training import Recipe, Stack, hypothesis_generator

MLP = Architecture((6,), (), (16, 12), 3)
CNN = Architecture((1, 8, 8), (4, 6), (10,), 3)
RECIPE = Recipe(batch_size=10, max_epochs=40, check_every=5, fit_error=0.02, lr=5e-3)


def data(architecture, n=30, dtype=torch.float32):
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(n, *architecture.inputs, generator=generator, dtype=dtype)
    classes = (x.flatten(1)[:, 0] > 0).long() + (x.flatten(1)[:, 1] > 0).long()
    return x, torch.eye(3, dtype=dtype)[classes]


@pytest.mark.parametrize("architecture", [MLP, CNN])
@pytest.mark.parametrize("make", [loop_gradient, stacked_gradient])
def test_gradients_are_autograds(architecture, make):
    x, y = data(architecture, 15, torch.float64)
    flat = torch.stack([initialise(architecture, hypothesis_generator(0, i)) for i in range(3)]).double()
    xs, ys = x.view(3, 5, *architecture.inputs), y.view(3, 5, 3)
    out = torch.full_like(flat, torch.nan)
    make(architecture)(flat, xs, ys, out)
    for row in range(3):
        leaf = flat[row].clone().requires_grad_()
        (forward(unflatten(leaf, architecture), xs[row]) - ys[row]).square().mean().backward()
        assert torch.allclose(out[row], leaf.grad, atol=1e-12)


def usual_way(architecture, x, y, index, recipe):
    """A torch module, ``torch.optim.Adam`` and nothing else."""
    generator = hypothesis_generator(0, index)
    flat = initialise(architecture, generator).to(x.dtype)
    leaves = [part.clone().requires_grad_() for layer in unflatten(flat, architecture) for part in layer]
    optimiser = torch.optim.Adam(leaves, lr=recipe.lr, foreach=False)
    layers = list(zip(leaves[::2], leaves[1::2], strict=True))
    for _ in range(recipe.max_epochs):
        order = torch.randperm(len(x), generator=generator)
        for start in range(0, len(x) - recipe.batch_size + 1, recipe.batch_size):
            rows = order[start : start + recipe.batch_size]
            optimiser.zero_grad()
            (forward(layers, x[rows]) - y[rows]).square().mean().backward()
            optimiser.step()
    return (forward(layers, x) - y).square().mean().item()


@pytest.mark.parametrize("architecture", [MLP, CNN])
@pytest.mark.parametrize("strategy", [Strategy(1, False), Strategy(3, True), Strategy(4, True)])
def test_every_strategy_trains_as_a_plain_loop_does(architecture, strategy):
    x, y = data(architecture, dtype=torch.float64)
    recipe = Recipe(batch_size=10, max_epochs=6, check_every=6, fit_error=1e-9, lr=5e-3)
    found = train_hypotheses(
        architecture, recipe, (x, y), (x, y), suite_seed=0, indices=range(4), strategy=strategy
    )
    expected = [usual_way(architecture, x, y, index, recipe) for index in range(4)]
    assert found.test_error.tolist() == pytest.approx(expected, rel=1e-6)
    assert found.train_error.tolist() == pytest.approx(found.test_error.tolist())


@pytest.mark.parametrize("architecture", [MLP, CNN])
def test_strategies_and_cells_agree_in_float32(architecture):
    train = data(architecture)
    whole = train_hypotheses(
        architecture, RECIPE, train, train, suite_seed=0, indices=range(6), strategy=Strategy(1, False)
    )
    stacked = train_hypotheses(
        architecture, RECIPE, train, train, suite_seed=0, indices=range(6), strategy=Strategy(6, True)
    )
    assert stacked.test_error.numpy() == pytest.approx(whole.test_error.numpy(), rel=2e-3)
    parts = [
        train_hypotheses(
            architecture, RECIPE, train, train, suite_seed=0, indices=part, strategy=Strategy(1, False)
        )
        for part in (range(2), range(2, 6))
    ]
    assert torch.equal(torch.cat([part.test_error for part in parts]), whole.test_error)
    assert torch.equal(torch.cat([part.epochs for part in parts]), whole.epochs)
    assert len(set(whole.test_error.tolist())) == 6  # hypotheses differ


def test_each_hypothesis_stops_at_the_training_error_and_those_that_do_not_are_counted():
    train = data(MLP)
    found = train_hypotheses(
        MLP, RECIPE, train, train, suite_seed=1, indices=range(8), strategy=Strategy(8, True)
    )
    assert (found.train_error[found.fitted] <= RECIPE.fit_error).all()
    assert len(set(found.epochs.tolist())) > 1
    hopeless = Recipe(batch_size=10, max_epochs=2, check_every=1, fit_error=1e-12)
    none = train_hypotheses(
        MLP, hopeless, train, train, suite_seed=1, indices=range(3), strategy=Strategy(3, True)
    )
    assert not none.fitted.any()
    assert none.epochs.tolist() == [2, 2, 2]
    assert torch.isfinite(none.test_error).all()


def test_seeds_depend_on_suite_and_index_alone():
    draws = {(s, i): hypothesis_generator(s, i).initial_seed() for s in range(3) for i in range(5)}
    assert len(set(draws.values())) == 15
    assert draws[1, 2] == hypothesis_generator(1, 2).initial_seed()


def test_divergence_is_said():
    x, y = data(MLP)
    with pytest.raises(Diverged, match="not finite after"):
        train_hypotheses(
            MLP,
            RECIPE,
            (x * float("inf"), y),
            (x, y),
            suite_seed=0,
            indices=range(2),
            strategy=Strategy(2, True),
        )


def test_a_convolution_needs_images_that_are_large_enough():
    with pytest.raises(UserError, match="needs images"):
        Architecture((64,), (4,), (), 10)
    with pytest.raises(UserError, match="too many for images of 8 x 8"):
        Architecture((1, 8, 8), (4, 4, 4, 4), (), 10)


def test_what_is_measured_is_what_could_be_chosen():
    x, y = data(MLP)
    choices = candidates("cpu", 5)
    assert choices == [Strategy(1, False), Strategy(4, True), Strategy(5, True)]
    rates = measure(choices, MLP, x, y, RECIPE, seconds=0.001)
    assert set(rates) == set(choices)
    assert min(rates.values()) > 0
    assert candidates("cuda", 500) == [Strategy(64, True), Strategy(256, True)]


def test_a_stack_has_the_rows_that_are_kept():
    x, y = data(MLP)
    stack = Stack(MLP, [hypothesis_generator(0, i) for i in range(4)], x, y, RECIPE, together=True)
    stack.epoch()
    before = stack.weights.clone()
    stack.keep(torch.tensor([1, 3]))
    assert torch.equal(stack.weights, before[[1, 3]])
    assert len(stack) == 2
