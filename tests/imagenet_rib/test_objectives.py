"""Each term of the losses against its formula in plain Python or a foreign library."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy.special import log_softmax, softmax
from scipy.stats import entropy
from torch import nn

from imagenet_rib.learning.objectives import (
    cross_entropy_loss,
    distillation,
    distilled_loss,
    penalised_loss,
    quadratic_penalty,
    subset_cross_entropy,
)


def tensors(shapes, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]


SHAPES = [(3, 4), (5,), (), (2, 3, 2, 2)]


@given(st.integers(0, 500), st.floats(0, 100))
def test_the_penalty_and_its_gradient_follow_the_sum_written_out(seed, strength):
    theta, anchor, weights = (tensors(SHAPES, seed + k) for k in range(3))
    weights = [w.abs() for w in weights]
    theta = [t.requires_grad_() for t in theta]
    value = quadratic_penalty(theta, anchor, weights, strength)
    expected = 0.0
    for t, a, w in zip(theta, anchor, weights, strict=True):
        for x, y, f in zip(t.flatten().tolist(), a.flatten().tolist(), w.flatten().tolist(), strict=True):
            expected += strength * f * (x - y) ** 2
    assert value.item() == pytest.approx(expected, rel=1e-12)
    (value * 3).backward()
    for t, a, w in zip(theta, anchor, weights, strict=True):
        assert torch.allclose(t.grad, 3 * 2 * strength * w * (t.detach() - a), rtol=1e-12, atol=1e-250)


@pytest.mark.parametrize("weighted", [True, False])
def test_the_penaltys_gradient_matches_finite_differences(weighted):
    theta = [t.requires_grad_() for t in tensors(SHAPES, 1)]
    anchor, weights = tensors(SHAPES, 2), [w.abs() for w in tensors(SHAPES, 3)] if weighted else None
    assert torch.autograd.gradcheck(lambda *t: quadratic_penalty(t, anchor, weights, 0.7), theta)


def test_any_mix_of_memory_layouts_gives_the_same_penalty():
    (theta,), (anchor,), (weight,) = (tensors([(4, 3, 3, 3)], k) for k in range(3))
    weight = weight.abs()
    expected = (weight * (theta - anchor) ** 2).sum().item()
    last = torch.channels_last
    for t in (
        theta,
        theta.contiguous(memory_format=last),
        theta.transpose(2, 3).contiguous().transpose(2, 3),
    ):
        for a in (anchor, anchor.contiguous(memory_format=last)):
            for w in (weight, weight.contiguous(memory_format=last)):
                assert quadratic_penalty([t], [a], [w], 1.0).item() == pytest.approx(expected, rel=1e-12)


def test_unit_weights_are_no_weights():
    theta, anchor = tensors(SHAPES, 1), tensors(SHAPES, 2)
    ones = [torch.ones_like(t) for t in theta]
    with_ones = quadratic_penalty(theta, anchor, ones, 0.3)
    assert torch.equal(quadratic_penalty(theta, anchor, None, 0.3), with_ones)


def test_single_precision_is_good_to_six_digits():
    shapes = [(400, 300), (300,)]
    theta, anchor, weights = (tensors(shapes, k) for k in range(3))
    weights = [w.abs() for w in weights]
    exact = quadratic_penalty(theta, anchor, weights, 1.0).item()
    single = [[t.float() for t in group] for group in (theta, anchor, weights)]
    assert quadratic_penalty(*single, 1.0).item() == pytest.approx(exact, rel=1e-6)


def test_lists_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="one anchor"):
        quadratic_penalty(tensors(SHAPES, 1), tensors(SHAPES[:2], 2), None, 1.0)


@given(st.integers(0, 300), st.floats(0.2, 8), st.floats(0, 5))
def test_distillation_is_scipys_relative_entropy(seed, temperature, alpha):
    z, z_pre = tensors([(6, 5), (6, 5)], seed)
    p = softmax(z_pre.numpy() / temperature, axis=1)
    q = softmax(z.numpy() / temperature, axis=1)
    expected = alpha * np.mean([entropy(a, b) for a, b in zip(p, q, strict=True)])
    value = distillation(z, z_pre, alpha=alpha, temperature=temperature)
    assert value.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(st.integers(0, 300))
def test_cross_entropy_normalises_over_the_subset_alone(seed):
    (logits,) = tensors([(5, 8)], seed)
    subset, labels = [1, 2, 5, 7], [5, 1, 7, 7, 2]
    scores = log_softmax(logits.numpy()[:, subset], axis=1)
    expected = -np.mean([scores[row, subset.index(label)] for row, label in enumerate(labels)])
    value = subset_cross_entropy(logits, torch.tensor(labels), torch.tensor(subset))
    assert value.item() == pytest.approx(expected, rel=1e-12)


def linear(seed):
    torch.manual_seed(seed)
    return nn.Linear(3, 6).double()


def test_whole_losses_are_the_sums_of_their_terms():
    model, before = linear(0), linear(1)
    images, labels = torch.randn(4, 3, dtype=torch.float64), torch.tensor([0, 3, 5, 3])
    classes = torch.tensor([0, 3, 5])
    reference = before.state_dict()
    fisher = {name: torch.rand_like(p) for name, p in reference.items()}
    plain = cross_entropy_loss(classes)(model, images, labels)
    z, z_pre = model(images)[:, [0, 3, 5]], before(images)[:, [0, 3, 5]]

    penalty = sum((fisher[k] * (p - reference[k]) ** 2).sum() for k, p in model.named_parameters())
    ewc = penalised_loss(classes, reference, fisher, 0.5)
    assert ewc(model, images, labels).item() == pytest.approx((plain + 0.5 * penalty).item())
    assert ewc(model, images, labels).item() == pytest.approx((plain + 0.5 * penalty).item())  # again

    distance = sum(((p - reference[k]) ** 2).sum() for k, p in model.named_parameters())
    l2_sp = penalised_loss(classes, reference, None, 0.5)
    assert l2_sp(model, images, labels).item() == pytest.approx((plain + 0.5 * distance).item())

    kept = distillation(z, z_pre, alpha=0.7, temperature=3)
    lwf = distilled_loss(classes, before, alpha=0.7, temperature=3)
    assert lwf(model, images, labels).item() == pytest.approx((plain + kept).item())


def test_the_teacher_gets_no_gradient_and_runs_in_evaluation_mode():
    teacher = nn.Sequential(nn.Dropout(0.9), linear(1))
    teacher.train()
    loss = distilled_loss(torch.arange(6), teacher)
    model, images = linear(0), torch.randn(4, 3, dtype=torch.float64)
    first, second = (loss(model, images, torch.tensor([1, 2, 3, 4])) for _ in range(2))
    first.backward()
    assert first.item() == second.item()
    assert all(p.grad is None for p in teacher.parameters())


def test_the_penalty_counts_only_what_trains():
    model, before = linear(0), linear(1)
    model.bias.requires_grad_(False)
    images, labels = torch.randn(2, 3, dtype=torch.float64), torch.tensor([0, 1])
    plain = cross_entropy_loss(torch.arange(6))(model, images, labels)
    whole = penalised_loss(torch.arange(6), before.state_dict(), None, 1.0)(model, images, labels)
    assert (whole - plain).item() == pytest.approx(((model.weight - before.weight) ** 2).sum().item())
