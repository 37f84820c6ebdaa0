"""Training cells that ran out of memory: smaller batches, the same steps."""

from functools import partial

import numpy as np
import pytest
import torch

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.data.imagenet import imagenet_wnids
from gridcell.data.images import LabelledImages
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


@pytest.mark.parametrize("halvings", [1, 2, 3])
def test_halved_batches_take_the_same_steps(store, tmp_path, halvings):
    rng = np.random.default_rng(0)
    images = LabelledImages(
        name="x",
        images=rng.integers(0, 256, (24, 16, 16, 3), dtype=np.uint8),
        labels=np.arange(24) % 3,
        classes=(0, 1, 2),
        class_names=("a", "b", "c"),
    )
    sizes = []

    def trained(oom_halvings):
        torch.manual_seed(0)
        model = build_model(
            "vit_tiny_patch16_224",
            num_classes=3,
            image_size=16,
            patch_size=8,
            embed_dim=16,
            depth=1,
            num_heads=2,
        )
        cell = Cell("t", "train", {"halvings": oom_halvings})
        context = Context(cell, store, tmp_path, tmp_path, tmp_path, oom_halvings=oom_halvings)
        likelihood = cross_entropy_loss(torch.arange(3))

        def loss(module, batch, labels):
            sizes.append(len(batch))
            return likelihood(module, batch, labels)

        transform = normalisation_of(model)
        train_classifier(
            context,
            model,
            loss,
            images,
            partial(images.training_batches, prepare=transform.prepare),
            SETTINGS,
            "tiny",
            transform=transform,
        )
        return model.state_dict()

    whole, halved = trained(0), trained(halvings)
    assert sizes == [8] * 6 + [8 >> halvings] * (6 << halvings)
    assert max((whole[name] - halved[name]).abs().max().item() for name in whole) < 1e-5


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
