"""Gradient checkpointing: the same numbers with less memory, for every way in which a model is trained."""

import copy

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.learning.adapters import adapted
from imagenet_rib.learning.checkpointing import checkpoint_gradients
from imagenet_rib.learning.contrastive import DualEncoder, TextTower
from imagenet_rib.learning.models import build_model
from imagenet_rib.learning.prompting import Prompted

DEPTH = 6


def network():
    torch.manual_seed(0)
    options = {"patch_size": 4, "embed_dim": 16, "depth": DEPTH, "num_heads": 2}
    return build_model("vit_tiny_patch16_224", num_classes=3, image_size=32, **options)


def two_towers():
    text = nn.Sequential(nn.Embedding(9, 8), nn.Flatten(), nn.Linear(32, 8))
    return DualEncoder(
        network(), TextTower(text, torch.arange(12).reshape(3, 1, 4) % 9, torch.randn(8, 16), 1.0)
    )


MODELS = {
    "all": network,
    "adapters": lambda: adapted(network(), rank=2, alpha=4.0),
    "adapters of queries": lambda: adapted(network(), rank=2, alpha=4.0, query_value=True),
    "visual prompt": lambda: Prompted(network(), image_size=32, width=4),
    "two towers": two_towers,
}


def stepped(model):
    """Return a loss, its gradients, and how many numbers are kept from forward to backward."""
    torch.manual_seed(1)
    images, kept = torch.randn(4, 3, 32, 32), []
    with saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor):
        answer = model(images, torch.arange(4) % 3) if isinstance(model, DualEncoder) else model(images)
        loss = answer.square().mean()
    loss.backward()
    return loss.detach(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}, sum(kept)


@pytest.mark.parametrize("made", MODELS)
def test_gradients_are_the_same_with_less_kept(made):
    plain = MODELS[made]()
    sparing = copy.deepcopy(plain)
    checkpoint_gradients(sparing)
    (loss, gradients, kept), (same, others, few) = stepped(plain), stepped(sparing)
    assert torch.equal(loss, same)
    assert gradients.keys() == others.keys()
    assert all(torch.equal(gradients[name], others[name]) for name in gradients)
    assert few < kept / 3


def plan(*overrides):
    return load_suite(find_task("imagenet-rib"), "mini", overrides).grid()


OPTIONS = "{patch_size: 8, embed_dim: 64, depth: 4, num_heads: 4}"
VIT = f"architectures={{vit: {{name: vit_tiny_patch16_224, options: {OPTIONS}}}}}"


@pytest.mark.parametrize(
    "where", ["training", "methods.ewc.training", "pretrainings.rich"], ids=["suite", "method", "pretraining"]
)
def test_models_that_cannot_be_trained_so_are_refused_at_planning(where):
    with pytest.raises(UserError, match="can't be used with ResNet: its batch normalisation would count"):
        plan(f"{where}.gradient_checkpointing=true")
    vgg = "architectures={vgg: {name: vgg11}}"
    with pytest.raises(UserError, match="can't be used with VGG: it is not divided into blocks"):
        plan(vgg, f"{where}.gradient_checkpointing=true")
    assert plan(VIT, f"{where}.gradient_checkpointing=true").cells.keys() != plan(VIT).cells.keys()


def test_without_it_ids_stay():
    assert plan(VIT, "training.gradient_checkpointing=false").cells.keys() == plan(VIT).cells.keys()
