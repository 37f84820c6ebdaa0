"""Which parts train, in which mode, and at what rate."""

import math
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, strategies as st
from torch import nn

from gridcell.learn.classifier import Classifier, set_training_mode
from gridcell.learn.fitting import fit
from gridcell.learn.optimisers import Optimisation, build_optimiser, build_schedule, cosine_with_warmup
from learn_problems import batches, classifier, cross_entropy, network


def modes(model):
    return {name: module.training for name, module in model.named_modules()}


def test_everything_trains_in_training_mode():
    module = classifier()
    module.train()
    assert all(modes(module.model).values())


def test_frozen_parts_and_the_dropout_among_them_run_in_evaluation_mode():
    module = classifier(trainable=lambda name: name.startswith("4."))
    module.train()
    assert [name for name, training in modes(module.model).items() if training] == ["4"]


def test_frozen_statistics_hold_batch_normalisation_alone():
    module = classifier(frozen_statistics=True)
    module.train()
    assert [name for name, training in modes(module.model).items() if not training] == ["1"]


def test_dropout_inside_a_part_that_trains_is_active():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(), nn.Linear(2, 2)))
    model[0].requires_grad_(False)
    set_training_mode(model)
    assert modes(model) == {"": False, "0": False, "1": True, "1.0": True, "1.1": True}


def test_a_head_alone_changes_nothing_else_not_even_statistics():
    module, before = classifier(trainable=lambda name: name.startswith("4.")), network().state_dict()
    fit(module, batches(), epochs=2, seed=0)
    changed = [k for k, tensor in module.model.state_dict().items() if not torch.equal(tensor, before[k])]
    assert changed == ["4.weight", "4.bias"]


def test_images_are_transformed_before_the_loss():
    seen = []

    def loss(model, images, labels):
        seen.append(images)
        return cross_entropy(model, images, labels)

    plain = Classifier(network(), loss)
    plain.training_step((torch.ones(4, 6), torch.zeros(4, dtype=torch.long)), 0)
    doubled = Classifier(network(), loss, transform=lambda images: images * 2)
    doubled.training_step((torch.ones(4, 6), torch.zeros(4, dtype=torch.long)), 0)
    assert torch.equal(seen[1], 2 * seen[0])


@given(total=st.integers(1, 300), warmup=st.integers(0, 100))
def test_the_rate_rises_linearly_then_follows_a_cosine(total, warmup):
    warmup = min(warmup, total)
    rates = [cosine_with_warmup(step, total=total, warmup=warmup) for step in range(total + 1)]
    assert all(0 <= rate <= 1 for rate in rates)
    steps = [b - a for a, b in pairwise(rates[:warmup])]
    assert steps == pytest.approx([1 / (warmup + 1)] * len(steps))
    if warmup < total:
        assert rates[warmup] == 1
        assert rates[-1] == pytest.approx(0, abs=1e-12)
        assert all(a >= b for a, b in pairwise(rates[warmup:]))


def test_without_warm_up_the_schedule_is_torchs_cosine():
    parameter = nn.Parameter(torch.zeros(1))
    ours = build_optimiser([parameter], Optimisation(lr=0.3))
    schedule = build_schedule(ours, Optimisation(lr=0.3), 20)
    theirs = torch.optim.SGD([parameter], lr=0.3)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=20)
    for _ in range(20):
        assert schedule.get_last_lr() == pytest.approx(reference.get_last_lr(), abs=1e-12)
        for optimiser, rate in ((ours, schedule), (theirs, reference)):
            optimiser.step()
            rate.step()


def test_warm_up_as_a_share_or_as_steps():
    assert Optimisation(warmup_share=0.1).warmup(200) == 20
    assert Optimisation(warmup_share=0.1, warmup_steps=5).warmup(200) == 5
    assert Optimisation(warmup_steps=500).warmup(200) == 200


def test_sgd_with_momentum_and_decay_follows_its_formula():
    settings = Optimisation(lr=0.1, momentum=0.8, weight_decay=0.05)
    weight = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimiser = build_optimiser([weight], settings)
    value, velocity = weight.detach().clone(), torch.zeros(2, dtype=torch.float64)
    for step in range(4):
        optimiser.zero_grad()
        (weight**3).sum().backward()
        optimiser.step()
        velocity = 0.8 * velocity + 3 * value**2 + 0.05 * value
        value = value - 0.1 * velocity
        assert torch.allclose(weight, value, rtol=1e-12), step
    assert not math.isnan(weight.sum().item())


@pytest.mark.parametrize(("frozen", "moving", "refused"), [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 1)])
def test_statistics_are_frozen_or_moving_and_not_both(frozen, moving, refused):
    made = partial(classifier, frozen_statistics=bool(frozen), moving_statistics=bool(moving))
    if refused:
        with pytest.raises(ValueError, match="either frozen or moving"):
            made()
    else:
        assert made().frozen_statistics == bool(frozen)


def test_an_optimiser_that_is_not_there_is_refused():
    settings = SimpleNamespace(optimiser="adm")
    with pytest.raises(ValueError, match="Unknown optimiser 'adm': choose sgd or adamw"):
        build_optimiser([torch.nn.Parameter(torch.zeros(1))], settings)
