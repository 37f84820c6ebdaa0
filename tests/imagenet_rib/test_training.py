"""Training cells that ran out of memory: smaller batches, the same steps."""

from functools import partial

import numpy as np
import pytest
import torch

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.data.imagenet import imagenet_wnids
from gridcell.data.images import LabelledImages
from gridcell.errors import UserError
from imagenet_rib.cells import train
from imagenet_rib.cells.inputs import Inputs, ModelBuilder
from imagenet_rib.cells.training import train_classifier
from imagenet_rib.learning.models import build_model, normalisation_of
from imagenet_rib.learning.objectives import cross_entropy_loss
from imagenet_rib.method import FineTuning

SETTINGS = {
    "optimiser": "sgd",
    "lr": 0.05,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "warmup_share": 0.1,
    "batch_size": 8,
    "epochs": 2,
}


def trained(store, tmp_path, oom_halvings=0, **settings):
    """Train a tiny model on 24 images; return its weights and the sizes of the batches."""
    images = LabelledImages(
        name="x",
        images=np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), dtype=np.uint8),
        labels=np.arange(24) % 3,
        classes=(0, 1, 2),
        class_names=("a", "b", "c"),
    )
    torch.manual_seed(0)
    options = {"patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}
    model = build_model("vit_tiny_patch16_224", num_classes=3, image_size=16, **options)
    cell = Cell("t", "train", {"halvings": oom_halvings, **settings})
    context = Context(cell, store, tmp_path, tmp_path, tmp_path, oom_halvings=oom_halvings)
    likelihood = cross_entropy_loss(torch.arange(3))
    sizes = []

    def loss(module, batch, labels):
        sizes.append(len(batch))
        return likelihood(module, batch, labels)

    transform = normalisation_of(model)
    batches = partial(images.training_batches, prepare=transform.prepare)
    train_classifier(context, model, loss, images, batches, SETTINGS | settings, "tiny", transform=transform)
    return model.state_dict(), sizes


def furthest(weights, others):
    assert weights.keys() == others.keys()
    return max((weights[name] - others[name]).abs().max().item() for name in weights)


@pytest.mark.parametrize("halvings", [1, 2, 3])
def test_halved_batches_take_the_same_steps(store, tmp_path, halvings):
    (whole, _), (halved, sizes) = trained(store, tmp_path), trained(store, tmp_path, halvings)
    assert sizes == [8 >> halvings] * (6 << halvings)
    assert furthest(whole, halved) < 1e-5


def test_a_compiled_model_takes_the_same_steps(store, tmp_path, monkeypatch):
    compiled = []

    def compile_by_a_graph_alone(model):  # not by a compiler for this machine, which takes its time
        compiled.append(model)
        model.forward = torch.compile(model.forward, backend="eager")

    monkeypatch.setattr(torch.nn.Module, "compile", compile_by_a_graph_alone)
    (plain, _), (graph, _) = trained(store, tmp_path), trained(store, tmp_path, compile=True)
    assert len(compiled) == 1
    assert furthest(plain, graph) < 1e-5


def test_a_training_with_gradient_checkpointing_ends_at_the_same_weights(store, tmp_path):
    (plain, _), (sparing, _) = trained(store, tmp_path), trained(store, tmp_path, gradient_checkpointing=True)
    assert furthest(plain, sparing) == 0


@pytest.mark.parametrize(("steps", "fits"), [(5, True), (6, False), (196, False)])
def test_a_warm_up_that_would_be_cut_short_is_refused(store, tmp_path, steps, fits):
    """24 images in batches of 8, twice, are six steps."""
    given = {"warmup_share": None, "warmup_steps": steps}
    if fits:
        trained(store, tmp_path, **given)
        return
    with pytest.raises(UserError, match=f"is {steps}, but the 24 images of set 'x' make 6 steps"):
        trained(store, tmp_path, **given)


@pytest.mark.parametrize("precision", ["fp16", "tf32"])
def test_a_precision_of_gpus_is_refused_on_a_processor(store, tmp_path, precision):
    with pytest.raises(UserError, match=f"precision {precision} needs a GPU; use bf16 or float32"):
        trained(store, tmp_path, precision=precision)


class HeardError(Exception):
    """Ends a training cell once the method was told the names."""


@pytest.mark.parametrize(
    ("given", "first"), [(imagenet_wnids(), "tench, Tinca tinca"), (tuple("abc"), "a")], ids=["ids", "names"]
)
def test_methods_are_told_names_to_write_prompts_with(store, tmp_path, monkeypatch, given, first):
    pixels = np.zeros((4, 16, 16, 3), dtype=np.uint8)
    images = LabelledImages("x", pixels, np.array([0, 1, 0, 1]), (0, 1), given)
    options = {"patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}
    told = []

    def prepare(start):
        told.extend(start.class_names)
        raise HeardError

    listener = FineTuning(name="listener", summary="", parameters=None, prepare=prepare)
    monkeypatch.setattr(train, "get", lambda name: listener)
    architecture = {"name": "vit_tiny_patch16_224", "options": options}
    given_inputs = Inputs(None, {"x": images}, ModelBuilder(architecture, {"x": images}))
    monkeypatch.setattr(given_inputs, "weights", lambda role: None)
    monkeypatch.setattr(Inputs, "of", lambda context, role: given_inputs)
    cell = Cell("t", "train", {"method": "listener", "downstream": "x", "parameters": {}, "training": {}})
    with pytest.raises(HeardError):
        train.run(cell, Context(cell, store, tmp_path, tmp_path, tmp_path))
    assert len(told) == len(given)
    assert told[0] == first
