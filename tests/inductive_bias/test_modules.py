"""Networks given as modules: the user's own, residual, with batch normalisation, with attention."""

import os
import sys

import numpy as np
import pytest
import torch
from torch import nn

from gridcell.errors import UserError
from gridcell.suite import parse_settings
from inductive_bias import task
from inductive_bias.network_space.architectures import Architecture, from_scores, initialise
from inductive_bias.network_space.blocks import block_factory
from inductive_bias.network_space.gradients import predict, together
from inductive_bias.network_space.module import train_hypotheses
from inductive_bias.network_space.modules import BatchStatistics, ModuleArchitecture, load_factory
from inductive_bias.network_space.particles import NetworkParticles
from inductive_bias.network_space.training import Recipe


def made(kind, widths=(12, 12), inputs=(6,), outputs=3):
    return ModuleArchitecture(inputs, outputs, block_factory(kind, widths), kind)


def data(n=20, inputs=(6,), outputs=3, seed=0):
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(n, *inputs, generator=draws), torch.randn(n, outputs, generator=draws)


def plain(inputs, outputs):
    """The plain network 6-12-12-3 as a module, in the order in which ``Architecture`` draws it."""
    return nn.Sequential(
        nn.Linear(inputs[0], 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, outputs)
    )


def test_a_plain_network_given_as_a_module_is_the_plain_network():
    ours, theirs = Architecture((6,), (), (12, 12), 3), ModuleArchitecture((6,), 3, plain, "plain")
    assert ours.size == theirs.size
    weights = torch.stack([initialise(ours, torch.Generator().manual_seed(i)) for i in range(3)])
    x, y = data()
    assert torch.allclose(predict(ours, weights, x, x), predict(theirs, weights, x, x), atol=1e-6)
    gradients = [torch.zeros_like(weights) for _ in range(2)]
    for space, out in zip((ours, theirs), gradients, strict=True):
        together(space, weights, out, 20)(x.expand(3, *x.shape), y.expand(3, *y.shape))
    assert torch.allclose(*gradients, atol=1e-6)
    scores = torch.randn(4, ours.size)
    assert torch.allclose(from_scores(ours, scores), from_scores(theirs, scores))


@pytest.mark.parametrize("kind", ["residual", "batch_norm", "attention"])
def test_gradients_side_by_side_are_autograds_one_by_one(kind):
    inputs = (2, 4, 5) if kind == "attention" else (6,)
    space = made(kind, inputs=inputs)
    x, y = data(inputs=inputs)
    weights = torch.stack([space.initialise(torch.Generator().manual_seed(i)) for i in range(3)])
    out = torch.zeros_like(weights)
    together(space, weights, out, 20)(x.expand(3, *x.shape), y.expand(3, *y.shape))
    for row, found in zip(weights, out, strict=True):
        module = space._made(0)
        torch.nn.utils.vector_to_parameters(row, module.parameters())
        (module(x) - y).square().mean().backward()
        expected = torch.cat([parameter.grad.flatten() for parameter in module.parameters()])
        assert torch.allclose(found, expected, atol=1e-6)


def test_batch_statistics_are_torchs_in_training_and_the_training_points_elsewhere():
    ours, theirs = BatchStatistics(5), nn.BatchNorm1d(5)
    x = torch.randn(30, 5)
    assert torch.allclose(ours(x), theirs(x), atol=1e-6)
    space = made("batch_norm")
    weights = space.initialise(torch.Generator().manual_seed(0))[None]
    train, test = data(), data(8, seed=1)
    alone = predict(space, weights, test[0][:1], train[0])
    assert torch.allclose(predict(space, weights, test[0], train[0])[:, :1], alone, atol=1e-6)
    assert torch.allclose(
        predict(space, weights, train[0], train[0])[0], space.apply(weights[0], train[0]), atol=1e-6
    )


@pytest.mark.parametrize("kind", ["residual", "batch_norm", "attention"])
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_networks_of_every_kind_fit_and_move(kind, optimiser):
    inputs = (1, 4, 4) if kind == "attention" else (6,)
    space = made(kind, widths=(16, 16), inputs=inputs, outputs=1)
    x, _ = data(n=10, inputs=inputs, outputs=1)
    y = x.flatten(1)[:, :1].sign()
    recipe = Recipe(
        3e-3 if optimiser == "adam" else 0.03, 10, 300, 10, 0.6, optimiser=optimiser, momentum=0.9
    )
    found = train_hypotheses(space, recipe, (x, y), (x, y), suite_seed=0, indices=range(3), at_once=2)
    assert found.fitted.all()
    again = train_hypotheses(space, recipe, (x, y), (x, y), suite_seed=0, indices=range(1, 3), at_once=3)
    assert torch.allclose(again.test_error, found.test_error[1:], rtol=1e-3)
    particles = NetworkParticles(space, recipe, (x, y), (x, y), at_once=4)
    draws = np.random.default_rng(0)
    states = particles.draw(2, draws)
    moved = particles.move(states, 0.1, draws)
    assert np.isfinite(particles.errors(moved)).all()


def test_gradient_descent_is_torchs():
    space = Architecture((6,), (), (12,), 3)
    x, y = data()
    recipe = Recipe(0.1, 20, 30, 30, 1e-9, optimiser="sgd", momentum=0.8)
    found = train_hypotheses(space, recipe, (x, y), (x, y), suite_seed=3, indices=range(2), at_once=2)
    from inductive_bias.network_space.training import hypothesis_generator

    module = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))
    start = initialise(space, hypothesis_generator(3, 1))
    torch.nn.utils.vector_to_parameters(start, module.parameters())
    steps = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.8)
    for _ in range(30):
        steps.zero_grad()
        (module(x) - y).square().mean().backward()
        steps.step()
    expected = float((module(x) - y).square().mean())
    assert float(found.train_error[1]) == pytest.approx(expected, rel=1e-3)


USERS = """
import numpy as np
import torch
from torch import nn


class Small(nn.Module):
    def __init__(self, shape, outputs):
        super().__init__()
        self.layer = nn.Linear(shape[0], outputs)

    def forward(self, x):
        return self.layer(x)


def scaled(shape, outputs):
    module = Small(shape, outputs)
    nn.init.normal_(module.layer.weight, std=0.01)
    return module


def dropping(shape, outputs):
    return nn.Sequential(nn.Linear(shape[0], outputs), nn.Dropout(0.5))


def tied(shape, outputs):
    layers = nn.Sequential(nn.Linear(shape[0], shape[0]), nn.ReLU(), nn.Linear(shape[0], shape[0]))
    layers[2].weight = layers[0].weight
    return nn.Sequential(layers, nn.Linear(shape[0], outputs))


class Noisy(Small):
    def forward(self, x):
        return nn.functional.dropout(self.layer(x), 0.5, self.training)


class Counting(Small):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return self.layer(x) + self.calls


class Centred(Small):
    def forward(self, x):
        return self.layer(x - x.mean(dim=0))


class Pair(Small):
    def forward(self, x):
        return self.layer(x), x


def frozen(shape, outputs):
    module = Small(shape, outputs)
    module.layer.bias.requires_grad_(False)
    return module


def leaky(shape, outputs):
    return nn.Sequential(nn.Linear(shape[0], outputs), nn.RReLU())


def lazy(shape, outputs):
    return nn.LazyLinear(outputs)


def seeded(shape, outputs):
    torch.manual_seed(0)
    return Small(shape, outputs)


def numpys(shape, outputs):
    module = Small(shape, outputs)
    nn.init.constant_(module.layer.weight, np.random.default_rng().normal())
    return module


def zeros(shape, outputs):
    module = Small(shape, outputs)
    for weight in module.parameters():
        nn.init.zeros_(weight)
    return module


def wrong(shape, outputs):
    return nn.Linear(shape[0], outputs + 1)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(USERS)
    return path


def test_a_users_module_is_a_space(file):
    space = ModuleArchitecture((6,), 3, load_factory(str(file), "Small"), "Small")
    assert space.size == 21
    scores = torch.randn(2, 21)
    assert from_scores(space, scores).abs().max() <= 6**-0.5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dropping", "has dropout"),
        ("wrong", r"\(4, 4\) for 4 inputs.*it must give \(4, 3\)"),
        ("Pair", "outputs of shape tuple"),
        ("Noisy", "other outputs when it is asked again"),
        ("leaky", "other outputs when it is asked again"),
        ("Counting", "other outputs when it is asked again"),
        ("Centred", "the other points of its batch"),
        ("frozen", r"weights that don't train \(layer.bias\)"),
        ("lazy", "lazy layers"),
        ("seeded", "the same initial weights from every seed"),
        ("numpys", "other initial weights from the same seed"),
    ],
)
def test_modules_that_are_no_functions_of_their_weights_are_refused(file, name, message):
    with pytest.raises(UserError, match=message):
        ModuleArchitecture((6,), 3, load_factory(str(file), name), name)


@pytest.mark.parametrize("name", ["Small", "tied", "zeros", "scaled"])
def test_modules_that_are_functions_of_their_weights_are_taken(file, name):
    ModuleArchitecture((6,), 3, load_factory(str(file), name), name)


def test_a_file_that_is_edited_twice_a_second_is_run_as_it_is(tmp_path, monkeypatch):
    """Python's own loader takes the bytecode of the first edit: size and second are the same."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file, found = tmp_path / "mine.py", []
    for number in (1, 2):
        file.write_text(f"def made(inputs, outputs):\n    return {number}\n")
        os.utime(file, (1e9, 1e9))
        found.append(load_factory(str(file), "made")(6, 3))
    assert found == [1, 2]


def test_shared_weights_move_together(file):
    space = ModuleArchitecture((6,), 3, load_factory(str(file), "tied"), "tied")
    assert space.size == 36 + 6 + 6 + 21
    assert from_scores(space, torch.randn(2, space.size)).abs().max() <= 6**-0.5


def test_batch_normalisation_without_weights_gets_none():
    def normalised(inputs, outputs):
        return nn.Sequential(nn.BatchNorm1d(inputs[0], affine=False), nn.Linear(inputs[0], outputs))

    space = ModuleArchitecture((6,), 3, normalised, "normalised")
    assert space.size == 21  # those of the linear layer
    x, _ = data()
    weights = space.initialise(torch.Generator().manual_seed(0))
    expected = (
        nn.functional.batch_norm(x, None, None, training=True) @ weights[:18].view(3, 6).T + weights[18:]
    )
    assert torch.allclose(space.apply(weights, x), expected, atol=1e-5)


def test_initial_weights_of_an_unknown_kind_cannot_be_moved_and_say_so(file):
    space = ModuleArchitecture((6,), 3, load_factory(str(file), "scaled"), "scaled")
    with pytest.raises(UserError, match="set tail to 'fit'"):
        from_scores(space, torch.randn(2, 21))


def test_a_name_that_is_not_there_gets_the_nearest(file):
    with pytest.raises(UserError, match="Small"):
        load_factory(str(file), "Smal")


def suite(space):
    return {"problems": {"digits": {"source": "digits"}}, "spaces": {"mine": space}}


def test_a_users_module_counts_by_its_content(file):
    def ids():
        asked = suite({"kind": "module", "factory": f"{file}:Small"})
        return set(task.plan(parse_settings(task.settings, asked)).cells)

    before = ids()
    assert ids() == before
    file.write_text(USERS + "\n# changed\n")
    assert len(ids() & before) == 1  # the data


def test_a_users_module_counts_by_what_it_reads_beside_it_too(file):
    def ids():
        asked = suite({"kind": "module", "factory": f"{file}:Small"})
        return set(task.plan(parse_settings(task.settings, asked)).cells)

    table, unread = file.with_name("widths.json"), file.with_name("unread.json")
    table.write_text("[3]")
    alone = ids()
    file.write_text(
        USERS + "\nfrom pathlib import Path\nPath(__file__).with_name('widths.json').read_text()\n"
    )
    before = ids()
    assert len(before & alone) == 1
    unread.write_text("[4]")
    assert ids() == before
    table.write_text("[4]")
    assert len(ids() & before) == 1
    table.write_text("[3]")
    assert ids() == before


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"kind": "module", "factory": "none.py:Small"}, "There is no file 'none.py'"),
        ({"kind": "network", "blocks": "residual", "channels": [8]}, "have no convolutions ahead"),
        ({"kind": "network", "noise": 0.1}, "noise"),
        ({"kind": "network", "training": {"momentum": 0.9}}, "momentum is of optimiser: sgd"),
        (
            {"kind": "network", "training": {"fit_levels": [0.1, 0.01]}},
            "fit_levels are larger than fit_error",
        ),
        ({"kind": "module", "factory": "a.py:b", "widths": [3]}, "widths"),
    ],
)
def test_settings_that_would_be_ignored_are_refused(space, message):
    with pytest.raises(UserError, match=message):
        task.plan(parse_settings(task.settings, suite(space)))
