"""A tiny model fine-tuned by any method, on images in memory, in the way of a training cell."""

from dataclasses import replace

import numpy as np
import torch

from gridcell.cell import Cell, Resources
from gridcell.context import Context
from gridcell.data.images import LabelledImages
from imagenet_rib.cells.fine_tuning import Remembered, TrainingSet, fine_tune
from imagenet_rib.learning.models import build_model, head_parameters, normalisation_of
from imagenet_rib.method import Start
from imagenet_rib.methods import get

MODELS = {
    "vit": {"name": "vit_tiny_patch16_224", "patch_size": 16, "embed_dim": 16, "depth": 2, "num_heads": 2},
    "resnet": {"name": "resnet18", "layers": [1, 1, 1, 1], "channels": [16, 16, 16, 16]},
}
SIDE, SIZE, EPOCHS = 32, 75, 3  # the last batch is smaller
SETTINGS = {"lr": 0.05, "momentum": 0.9, "warmup_share": 0.1, "batch_size": 32, "epochs": EPOCHS}


def built(model="vit", classes=5):
    torch.manual_seed(1)
    return build_model(num_classes=classes, image_size=SIDE, **MODELS[model])


def in_memory(classes=(0, 2, 3), known=5):
    pixels = np.random.default_rng(0).integers(256, size=(SIZE, SIDE, SIDE, 3), dtype=np.uint8)
    labels = np.array(classes)[np.arange(SIZE) % len(classes)]
    return LabelledImages("r", pixels, labels, classes, tuple(map(str, range(known))))


def trained(
    folder,
    store,
    images,
    *,
    method="lp",
    model="vit",
    once=True,
    table=None,
    fast=False,
    rank=0,
    resources=None,
    callbacks=(),
    **changes,
):
    """Return a method's weights and last loss; the Fisher information, where it takes it, is made up."""
    for name in ("out", "scratch", "cache"):
        (folder / name).mkdir(parents=True)
    before = built(model, len(images.class_names))
    given = Start(
        model=built(model, len(images.class_names)),
        reference=before.state_dict(),
        fisher={name: 100 * weight.detach() ** 2 for name, weight in before.named_parameters()},
        classes=torch.tensor(images.classes),
        head=head_parameters(before),
        teacher=lambda: before.eval().requires_grad_(False),
        image_size=SIDE,
    )
    recipe = replace(get(method).prepare(given), callbacks=callbacks)
    if not once:
        recipe = replace(recipe, probe=None, teacher=None)
    cell = Cell("t", "train", {"training": {**SETTINGS, **changes}}, resources=resources or Resources())
    where = (folder / "out", folder / "scratch", folder / "cache")
    context = Context(cell, store, *where, fast=fast, rank=rank)
    loss = fine_tune(
        context,
        recipe,
        TrainingSet(images, normalisation_of(before), SIDE, table),
        f"tiny {model}",
        Remembered(),
    )
    return recipe.export(recipe.model), loss
