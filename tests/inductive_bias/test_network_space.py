"""Networks: gradients against autograd, stacks against one-by-one training, cells and interruptions."""

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy

from gridcell.errors import Diverged, UserError
from inductive_bias.network_space.architectures import Architecture, forward, initialise, unflatten
from inductive_bias.network_space.gradients import together
from inductive_bias.network_space.module import HypothesisTraining, train_hypotheses
from inductive_bias.network_space.training import Recipe, Stack, hypothesis_generator, stack_size
from learn_problems import Folder

MLP = Architecture((6,), (), (16, 12), 3)
LINE = Architecture((6,), (), (9,), 1)
CNN = Architecture((1, 8, 8), (4, 6), (10,), 3)
RECIPE = Recipe(batch_size=10, max_epochs=60, check_every=5, fit_error=0.02, lr=5e-3)


def data(architecture, n=30, dtype=torch.float32):
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(n, *architecture.inputs, generator=generator, dtype=dtype)
    classes = (x.flatten(1)[:, 0] > 0).long() + (x.flatten(1)[:, 1] > 0).long()
    return x, torch.eye(3, dtype=dtype)[classes][:, : architecture.outputs]


def train(architecture, indices, at_once, recipe=RECIPE, seed=0, **options):
    points = data(architecture)
    return train_hypotheses(
        architecture, recipe, points, points, suite_seed=seed, indices=indices, at_once=at_once, **options
    )


@pytest.mark.parametrize("architecture", [MLP, CNN])
@pytest.mark.parametrize("count", [1, 3])
def test_gradients_are_autograds(architecture, count):
    x, y = data(architecture, 15, torch.float64)
    flat = torch.stack([initialise(architecture, hypothesis_generator(0, i)) for i in range(count)]).double()
    xs = x[: 5 * count].view(count, 5, *architecture.inputs)
    ys = y[: 5 * count].view(count, 5, 3)
    out = torch.full_like(flat, torch.nan)
    gradient = together(architecture, flat, out, 5)
    gradient(xs + 1, ys)  # nothing of an earlier batch may be left
    gradient(xs, ys)
    for row in range(count):
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
@pytest.mark.parametrize("at_once", [1, 3, 4])
def test_every_stack_trains_as_a_plain_loop_does(architecture, at_once):
    x, y = data(architecture, dtype=torch.float64)
    recipe = Recipe(batch_size=10, max_epochs=6, check_every=6, fit_error=1e-9, lr=5e-3)
    found = train_hypotheses(
        architecture, recipe, (x, y), (x, y), suite_seed=0, indices=range(4), at_once=at_once
    )
    expected = [usual_way(architecture, x, y, index, recipe) for index in range(4)]
    assert found.test_error.tolist() == pytest.approx(expected, rel=1e-6)
    assert found.train_error.tolist() == pytest.approx(found.test_error.tolist())


@pytest.mark.parametrize("architecture", [MLP, LINE, CNN])
def test_the_same_hypothesis_comes_out_to_the_bit_whatever_cell_and_stack_it_is_in(architecture):
    whole = train(architecture, range(6), 6)
    assert len(set(whole.epochs.tolist())) > 1  # stacks shrink, to one and to none
    for at_once, cut in ((2, 3), (3, 5), (64, 1)):
        parts = [train(architecture, part, at_once) for part in (range(cut), range(cut, 6))]
        for name in ("test_error", "train_error", "epochs", "fitted"):
            joined = torch.cat([getattr(part, name) for part in parts])
            assert torch.equal(joined, getattr(whole, name)), (at_once, name)
    assert len(set(whole.test_error.tolist())) == 6  # hypotheses differ
    alone = train(architecture, range(6), 1)
    assert alone.test_error.numpy() == pytest.approx(whole.test_error.numpy(), rel=2e-3)


def test_each_hypothesis_stops_at_the_training_error_and_those_that_do_not_are_counted():
    found = train(MLP, range(8), 8, seed=1)
    assert (found.train_error[found.fitted] <= RECIPE.fit_error).all()
    assert len(set(found.epochs.tolist())) > 1
    hopeless = Recipe(batch_size=10, max_epochs=2, check_every=1, fit_error=1e-12)
    none = train(MLP, range(3), 3, hopeless)
    assert not none.fitted.any()
    assert none.epochs.tolist() == [2, 2, 2]
    assert torch.isfinite(none.test_error).all()


class LostError(Exception):
    """Stands for a lost process."""


class Dying(Folder):
    """Loses the process after its ``survived``-th checkpoint."""

    def __init__(self, root, survived):
        super().__init__(root)
        self.left = survived

    def save(self, local_path, step):
        super().save(local_path, step)
        self.left -= 1
        if not self.left:
            raise LostError


@pytest.mark.parametrize("architecture", [MLP, CNN])
@pytest.mark.parametrize("survived", [1, 2, 5])
def test_an_interrupted_training_goes_on_to_the_same_bits(architecture, survived, tmp_path, monkeypatch):
    monkeypatch.setattr("inductive_bias.network_space.module.STEPS_PER_EPOCH", 1)
    whole = train(architecture, range(5), 3)
    epochs = []
    options = {"checkpoint_every_s": 0.0}
    with pytest.raises(LostError):
        train(architecture, range(5), 3, checkpoints=Dying(tmp_path, survived), **options)
    plain = Stack.epoch
    monkeypatch.setattr(Stack, "epoch", lambda self: (epochs.append(1), plain(self)))
    again = train(architecture, range(5), 3, checkpoints=Folder(tmp_path), **options)
    for name in ("test_error", "train_error", "epochs", "fitted"):
        assert torch.equal(getattr(again, name), getattr(whole, name)), name
    first, second = whole.epochs[:3].max(), whole.epochs[3:].max()
    assert len(epochs) == first + second - survived * RECIPE.check_every  # nothing is trained twice


def test_an_interrupted_training_goes_on_where_its_data_are_moved_to(tmp_path, monkeypatch):
    """Numbers of another type stand for another device: Lightning moves data after it reads a checkpoint."""
    moved = SingleDeviceStrategy.model_to_device
    monkeypatch.setattr(
        SingleDeviceStrategy, "model_to_device", lambda self: (moved(self), self.model.double())
    )
    monkeypatch.setattr("inductive_bias.network_space.module.STEPS_PER_EPOCH", 1)
    whole = train(MLP, range(5), 3)
    options = {"checkpoint_every_s": 0.0}
    with pytest.raises(LostError):
        train(MLP, range(5), 3, checkpoints=Dying(tmp_path, 2), **options)
    again = train(MLP, range(5), 3, checkpoints=Folder(tmp_path), **options)
    assert torch.equal(again.test_error, whole.test_error)


def test_what_was_read_is_saved_again_if_no_step_came_between():
    points = data(MLP)
    options = {"suite_seed": 0, "indices": range(3), "at_once": 3}
    module = HypothesisTraining(MLP, RECIPE, points, points, **options)
    module._current_stack().epoch()
    first, second = {}, {}
    module.on_save_checkpoint(first)
    again = HypothesisTraining(MLP, RECIPE, points, points, **options)
    again.on_load_checkpoint(first)
    again.on_save_checkpoint(second)
    saved, expected = (checkpoint["hypotheses"]["stack"] for checkpoint in (second, first))
    assert saved.keys() == expected.keys()
    assert all(torch.equal(saved[name], expected[name]) for name in expected)


def test_seeds_depend_on_suite_and_index_alone():
    draws = {(s, i): hypothesis_generator(s, i).initial_seed() for s in range(3) for i in range(5)}
    assert len(set(draws.values())) == 15
    assert draws[1, 2] == hypothesis_generator(1, 2).initial_seed()


def test_divergence_is_said():
    x, y = data(MLP)
    with pytest.raises(Diverged, match="not finite after 5 epochs"):
        train_hypotheses(
            MLP, RECIPE, (x * float("inf"), y), (x, y), suite_seed=0, indices=range(2), at_once=2
        )


def test_a_convolution_needs_images_that_are_large_enough():
    with pytest.raises(UserError, match="needs images"):
        Architecture((64,), (4,), (), 10)
    with pytest.raises(UserError, match="too many for images of 8 x 8"):
        Architecture((1, 8, 8), (4, 4, 4, 4), (), 10)


def test_wide_networks_train_one_by_one_on_a_cpu_and_small_ones_together():
    assert stack_size(Architecture((784,), (), (100, 100), 10), "cpu", 50) == 1
    assert stack_size(MLP, "cpu", 50) == 64
    big = Architecture((3, 32, 32), (32, 64), (100,), 10)
    assert stack_size(big, "cpu", 50) == 1
    assert 1 <= stack_size(big, "cuda", 500) < stack_size(big, "cuda", 50) < stack_size(MLP, "cuda", 50)


def test_a_stack_has_the_rows_that_are_kept():
    x, y = data(MLP)
    stack = Stack(MLP, [hypothesis_generator(0, i) for i in range(4)], x, y, RECIPE)
    stack.epoch()
    before = stack.weights.clone()
    stack.keep(torch.tensor([1, 3]))
    assert torch.equal(stack.weights, before[[1, 3]])
    assert len(stack) == 2
