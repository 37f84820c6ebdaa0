"""New last layers: the linear probe against its optimality conditions, the zero-shot one against CLIP's."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch
from torch import nn

from gridcell.errors import UserError
from imagenet_rib.learning import heads
from imagenet_rib.learning.contrastive import DualEncoder, TextTower
from imagenet_rib.learning.heads import (
    STRENGTHS,
    Head,
    balanced,
    check_linear,
    fitted_head,
    with_head,
)
from imagenet_rib.learning.models import build_model
from imagenet_rib.methods import flyp

CLIP = "vit_base_patch16_clip_224.laion2b_ft_in1k"
OPTIONS = {"patch_size": 16, "embed_dim": 16, "depth": 1, "num_heads": 2}


def blobs(classes=4, each=30, spread=1.5, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    centres = rng.standard_normal((classes, 6))
    points = 50 + 7 * (centres[labels] + spread * rng.standard_normal((len(labels), 6)))
    return points.astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 4])
def test_the_fitted_head_is_the_optimum_of_the_penalised_likelihood(classes):
    """The gradient, computed by hand on the standardised features, vanishes there."""
    points, labels = blobs(classes)
    head = fitted_head(points, labels, classes)
    scale = np.sqrt(((points - points.mean(0, dtype=np.float64)) ** 2).mean())
    weight = head.weight.double().numpy() * scale
    logits = points @ head.weight.double().numpy().T + head.bias.double().numpy()
    chance = np.exp(logits - logits.max(1, keepdims=True))
    chance /= chance.sum(1, keepdims=True)
    error = chance - np.eye(classes)[labels]
    standard = (points - points.mean(0, dtype=np.float64)) / scale
    # Two classes are penalised as one difference of rows: by half as much for each.
    penalty = weight if classes > 2 else 2 * weight
    gradient = penalty + head.strength * error.T @ standard
    assert np.abs(gradient).max() < 2e-3 * np.abs(head.strength * np.abs(error).T @ np.abs(standard)).max()
    assert np.abs(error.sum(0)).max() < 1e-2  # the bias is not penalised
    assert head.accuracy == pytest.approx((logits.argmax(1) == labels).mean())


@pytest.mark.parametrize(("steps", "converged"), [(1000, True), (2, False)])
def test_a_fit_that_ends_before_its_optimum_says_so(monkeypatch, steps, converged):
    monkeypatch.setattr(heads, "STEPS", steps)
    assert fitted_head(*blobs(), 4).converged is converged


def test_the_strength_is_chosen_by_held_out_likelihood():
    noisy, labels = blobs(spread=40.0)
    clear, _ = blobs(spread=0.05)
    assert fitted_head(noisy, labels, 4).strength < fitted_head(clear, labels, 4).strength
    assert fitted_head(clear, labels, 4).strength in STRENGTHS


def test_two_images_a_class_are_enough_to_choose_the_strength_and_one_is_not():
    chosen, not_chosen = (fitted_head(*blobs(each=each, spread=0.05), 4).strength for each in (2, 1))
    assert chosen == max(STRENGTHS)
    assert not_chosen == 1


def test_one_image_a_class_is_enough_and_none_is_refused():
    points, labels = blobs(each=1, spread=0.1)
    assert fitted_head(points, labels, 4).accuracy == 1.0
    with pytest.raises(UserError, match="1 classes have no image"):
        fitted_head(points, labels, 5)
    points[0, 0] = np.nan
    with pytest.raises(UserError, match="aren't finite"):
        fitted_head(points, labels, 4)


def test_a_draw_has_equally_many_of_each_class():
    labels = np.repeat(np.arange(3), [100, 10, 4])
    drawn = balanced(labels, 14)
    assert np.bincount(labels[drawn]).tolist() == [5, 5, 4]
    assert np.array_equal(drawn, np.unique(drawn))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vit_tiny_patch16_224", OPTIONS),
        ("deit_tiny_distilled_patch16_224", OPTIONS),  # two heads, whose mean answers
        ("mobilenetv3_small_050", {}),  # layers between the pooled features and the head
        ("resnetv2_50", {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8]}),  # a head that is a convolution
    ],
)
def test_a_model_answers_by_its_new_head(name, options):
    torch.manual_seed(0)
    old = build_model(name, num_classes=7, image_size=96, **options).eval()
    new = build_model(name, num_classes=3, image_size=96, **options)
    images = torch.randn(4, 3, 96, 96)
    with torch.no_grad():
        features = old.forward_head(old.forward_features(images), pre_logits=True).flatten(1).numpy()
    head = Head(torch.randn(3, features.shape[1]), torch.randn(3))
    new.load_state_dict(with_head(new, old.state_dict(), head))
    with torch.no_grad():
        logits = new.eval()(images)
    check_linear(logits, features, head)
    assert torch.allclose(logits, torch.from_numpy(features) @ head.weight.T + head.bias, atol=1e-3)
    with pytest.raises(UserError, match="isn't linear"):
        check_linear(logits + 1, features, head)


class BagOfTokens(nn.Module):
    """A text tower of one embedding table."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(30, 6)

    def forward(self, tokens):
        return self.table(tokens).mean(1)


def tiny_tower(architecture, class_names):
    assert architecture == CLIP
    tokens = torch.randint(0, 30, (len(class_names), 2, 4))
    return TextTower(BagOfTokens(), tokens, torch.randn(6, 16), 2.0)


def test_the_zero_shot_head_ranks_as_the_two_towers_do(monkeypatch):
    point = EntryPoint("tiny", "nowhere:tower", flyp.ENTRY_POINTS)
    monkeypatch.setattr(EntryPoint, "load", lambda self: tiny_tower)
    monkeypatch.setattr(flyp, "entry_points", lambda group: [point])
    torch.manual_seed(0)
    backbone = build_model(CLIP, num_classes=0, image_size=32, **OPTIONS).eval()
    names = ("tench", "lamp", "chair")
    towers = DualEncoder(backbone, flyp.tower_for("", CLIP, names)).eval()
    model = build_model(CLIP, num_classes=3, image_size=32, **OPTIONS)
    model.load_state_dict(
        with_head(model, backbone.state_dict(), Head(towers.class_weights(), torch.zeros(3)))
    )
    images = torch.randn(6, 3, 32, 32)
    with torch.no_grad():
        embedded = torch.nn.functional.normalize(towers.embed_images(images), dim=1)
        each = torch.nn.functional.normalize(towers.text(towers.tokens.flatten(0, 1)), dim=1)
        texts = torch.nn.functional.normalize(each.view(3, 2, -1).mean(1), dim=1)
        assert torch.equal(model.eval()(images).argsort(1), (embedded @ texts.T).argsort(1))


def test_the_strengths_are_decades_around_one():
    assert np.log10(STRENGTHS).tolist() == pytest.approx(range(-4, 3))
