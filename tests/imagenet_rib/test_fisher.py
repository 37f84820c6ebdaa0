"""Fisher information against one-sample backward passes, and against logistic regression's closed form."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from imagenet_rib.learning.fisher import diagonal_fisher
from imagenet_rib.learning.models import build_model


def network():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 5)
    )
    model[1].running_mean.normal_()
    model[1].running_var.uniform_(0.5, 2)
    return model


def one_by_one(model, images, labels):
    model.eval()
    total = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for image, label in zip(images, labels, strict=True):
        model.zero_grad()
        F.cross_entropy(model(image[None]), label[None]).backward()
        for name, p in model.named_parameters():
            total[name] += p.grad**2
    return {name: value / len(images) for name, value in total.items()}


def assert_close(first, second, **tolerance: float):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.allclose(first[name], second[name], **tolerance), name


@pytest.mark.parametrize("chunk", [1, 4, 64])
def test_the_empirical_one_is_the_mean_of_squared_one_sample_gradients(chunk):
    model, images, labels = network(), torch.randn(11, 3, 6, 6), torch.arange(11) % 5
    ours = diagonal_fisher(model, images, labels=labels, empirical=True, chunk=chunk)
    assert_close(ours, one_by_one(network(), images, labels), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("vit_tiny_patch16_224", {"patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}),
        ("resnet18", {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8]}),
    ],
)
def test_it_holds_for_transformers_and_residual_networks(name, settings):
    torch.manual_seed(0)
    model = build_model(name, num_classes=5, image_size=32, **settings)
    images, labels = torch.randn(6, 3, 32, 32), torch.arange(6) % 5
    ours = diagonal_fisher(model, images, labels=labels, empirical=True, chunk=4)
    assert_close(ours, one_by_one(model, images, labels), rtol=1e-3, atol=1e-6)


def test_the_true_one_of_logistic_regression_has_a_closed_form():
    torch.manual_seed(1)
    model = nn.Linear(2, 3)
    images = torch.randn(40_000, 2)
    with torch.no_grad():
        p = model(images).softmax(1)
    # E_y (p_c - [y = c])^2 = p_c (1 - p_c); the gradient of the weight is that times x.
    variance = p * (1 - p)
    expected = {"weight": variance.T @ images**2 / len(images), "bias": variance.mean(0)}
    assert_close(diagonal_fisher(model, images, chunk=8192), expected, rtol=0.04)


def test_the_true_one_ignores_the_datas_labels_and_repeats_with_its_seed():
    model, images = network(), torch.randn(12, 3, 6, 6)
    first = diagonal_fisher(model, images, seed=3)
    assert_close(first, diagonal_fisher(model, images, labels=torch.zeros(12).long(), seed=3), rtol=0, atol=0)
    other = diagonal_fisher(model, images, seed=4)
    assert not torch.equal(first["5.bias"], other["5.bias"])


def test_batch_size_does_not_matter_as_it_would_for_squared_batch_means():
    model, images, labels = network(), torch.randn(16, 3, 6, 6), torch.arange(16) % 5
    one, all_at_once = (
        diagonal_fisher(model, images, labels=labels, empirical=True, chunk=chunk) for chunk in (1, 16)
    )
    assert_close(one, all_at_once, rtol=1e-4, atol=1e-7)


def test_the_model_is_left_as_it_was():
    model = network()
    model.train()
    model[1].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    diagonal_fisher(model, torch.randn(8, 3, 6, 6))
    assert [part.training for part in model] == [True, False, True, True, True, True]
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_a_number_of_samples_draws_that_many_distinct_images():
    seen = []
    images = torch.arange(30.0)[:, None].repeat(1, 2)

    def remember(batch):
        seen.extend(batch[:, 0].tolist())
        return batch

    diagonal_fisher(nn.Linear(2, 3), images, samples=9, seed=1, transform=remember)
    assert len(seen) == len(set(seen)) == 9


def test_a_number_of_samples_gives_the_mean_over_them_and_not_over_all():
    images, labels = torch.randn(50, 3, 6, 6), torch.arange(50) % 5
    seen = []

    def remember(batch):
        seen.extend(batch)
        return batch

    ours = diagonal_fisher(
        network(), images, labels=labels, empirical=True, samples=7, seed=2, transform=remember
    )
    chosen = [int((images == image).flatten(1).all(1).nonzero()) for image in seen]
    assert_close(ours, one_by_one(network(), images[chosen], labels[chosen]), rtol=1e-4, atol=1e-7)


def test_the_samples_are_drawn_from_all_images_anew_for_each_seed():
    images, labels = torch.arange(40.0)[:, None].repeat(1, 2), torch.zeros(40).long()

    def drawn(seed):
        seen = []
        diagonal_fisher(
            nn.Linear(2, 3), images, labels=labels, empirical=True, samples=5, seed=seed,
            transform=lambda batch: seen.extend(batch[:, 0].int().tolist()) or batch,
        )  # fmt: skip
        return frozenset(seen)

    draws = {drawn(seed) for seed in range(20)}
    assert len(draws) == 20
    assert max(max(draw) for draw in draws) >= 35  # by chance below 10^-20


def test_empirical_without_labels_and_no_images_are_refused():
    with pytest.raises(ValueError, match="needs labels"):
        diagonal_fisher(nn.Linear(2, 2), torch.zeros(1, 2), empirical=True)
    with pytest.raises(ValueError, match="at least one image"):
        diagonal_fisher(nn.Linear(2, 2), torch.zeros(0, 2))
