"""The evaluation cell alone: its answers against the model's own, and its signs of life."""

import numpy as np
import pytest
import torch

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.data.images import LabelledImages, save_npz
from imagenet_rib.cells import evaluate
from imagenet_rib.cells.packed_bits import PackedAnswers
from imagenet_rib.learning.models import architecture_name, build_model, normalisation_of, save_weights

NAME, OPTIONS = "vit_tiny_patch16_224", {"patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}
IMAGES = 300  # three batches


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    colours = rng.integers(256, size=(IMAGES, 1, 1, 3), dtype=np.uint8)  # which the model tells apart
    pixels = np.broadcast_to(colours, (IMAGES, 32, 32, 3)).copy()
    return LabelledImages("r", pixels, np.arange(IMAGES) % 3, (0, 1, 2), ("a", "b", "c"))


@torch.inference_mode()
def logits_of(model, images):
    return model.eval()(normalisation_of(model)(torch.from_numpy(images.images)))


def commit(store, folder, cell, leave):
    folder.mkdir()
    leave(folder)
    store.results.commit(cell, {}, folder, {})
    return cell.id


def test_answers_are_the_model_s_and_each_batch_is_a_sign_of_life(store, tmp_path, images):
    torch.manual_seed(0)
    model = build_model(NAME, num_classes=3, image_size=32, **OPTIONS)
    with torch.no_grad():
        model.head.bias -= logits_of(model, images).mean(0)  # so that no class is the answer to all
    identity = architecture_name(NAME, num_classes=3, image_size=32, **OPTIONS)
    data = Cell("imagenet-rib", "data", {})
    weights = Cell("imagenet-rib", "pretrain", {"architecture": {"name": NAME, "options": OPTIONS}})
    needs = {
        "data": commit(store, tmp_path / "data", data, lambda out: save_npz(out / "sets.npz", {"r": images})),
        "weights": commit(
            store,
            tmp_path / "weights",
            weights,
            lambda out: save_weights(out / "weights.safetensors", model.state_dict(), identity),
        ),
    }
    cell = Cell("imagenet-rib", "evaluate", {"merge": None, "sets": ["r"]}, needs=needs)
    folders = [tmp_path / name for name in ("out", "scratch", "cache")]
    for folder in folders:
        folder.mkdir()
    told = []
    context = Context(cell, store, *folders, reporter=lambda *report: told.append(report))
    found = evaluate.run(cell, context)
    assert told == [(0, {})] * 3
    assert context.curves.points == {}

    chosen = logits_of(model, images).argmax(1)
    right = chosen.numpy() == images.labels
    assert len(chosen.unique()) == 3
    assert found["mean_accuracy"] == pytest.approx(100 * right.mean())
    (answers,) = PackedAnswers.read(folders[0] / evaluate.CORRECT).values()
    assert answers.tolist() == right.tolist()
