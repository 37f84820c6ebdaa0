"""Trainings judged on images held out: what is held out, what is kept, and that it is off by default."""

import numpy as np
import pytest
import torch

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.data.images import LabelledImages
from gridcell.errors import UserError
from gridcell.settings.parse import parse_settings
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.cells import train
from imagenet_rib.cells.inputs import WEIGHTS, Inputs, ModelBuilder
from imagenet_rib.cells.validation import hold_out
from imagenet_rib.grid.training_settings import Optimiser
from imagenet_rib.learning.models import load_weights
from imagenet_rib.learning.predictions import Normalisation

OPTIONS = {"patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}
ARCHITECTURE = {"name": "vit_tiny_patch16_224", "options": OPTIONS}
NORMALISE = Normalisation((0.5,) * 3, (0.5,) * 3)  # as timm says of this model


def coloured(count=90):
    """Return images of three classes, told by the brightest channel."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 3
    images = rng.integers(0, 200, (count, 16, 16, 3))
    images[np.arange(count), :, :, labels] += 50
    return LabelledImages("x", images.astype(np.uint8), labels, (0, 1, 2), ("a", "b", "c"))


def trained(store, tmp_path, monkeypatch, method="ft", **training):
    images = coloured()
    inputs = Inputs(None, {"x": images}, ModelBuilder(ARCHITECTURE, {"x": images}))
    torch.manual_seed(0)
    start = inputs.models.build().state_dict()
    monkeypatch.setattr(inputs, "weights", lambda role: start)
    monkeypatch.setattr(Inputs, "of", lambda context, role: inputs)
    given = parse_settings(Optimiser, {"lr": 0.3, "batch_size": 8, "epochs": 6, **training})
    config = {"method": method, "downstream": "x", "parameters": {}, "training": given.identity()}
    cell = Cell("t", "train", config)
    outputs = tmp_path / "out"
    outputs.mkdir()
    context = Context(cell, store, outputs, tmp_path, tmp_path)
    inputs._context = context
    answer = train.run(cell, context)
    model = inputs.wrapped_by(config, inputs.models.build())
    model.load_state_dict(load_weights(outputs / WEIGHTS, inputs.models.identity))
    return images, answer, model, context.curves.points


def right(model, images):
    """Return the accuracy in percent by a bare forward pass."""
    with torch.inference_mode():
        logits = model.eval()(NORMALISE(torch.from_numpy(images.images)))
    return 100 * float((logits.argmax(1).numpy() == images.labels).mean())


@pytest.mark.parametrize("method", ["ft", "lp", "lora", "visual_prompt"])
def test_the_kept_weights_have_the_accuracy_that_is_told(store, tmp_path, monkeypatch, method):
    how = {"validation_share": 0.3, "checkpoint": "best", "patience": 2}
    images, answer, model, curves = trained(store, tmp_path, monkeypatch, method, **how)
    _, held = hold_out(images, how)
    assert answer["images"] == 63
    assert answer["validation_images"] == len(held) == 27
    judged = [value for _, value in curves["validation_accuracy"]]
    assert len(judged) == answer["epochs"] <= 6
    assert answer["kept_epoch"] == judged.index(max(judged)) + 1
    assert answer["validation_accuracy"] == max(judged)
    assert right(model, held) == pytest.approx(answer["validation_accuracy"])


def test_the_last_weights_are_kept_where_the_best_are_not_asked_for(store, tmp_path, monkeypatch):
    images, answer, model, curves = trained(store, tmp_path, monkeypatch, validation_share=0.3)
    assert answer["kept_epoch"] == answer["epochs"] == 6
    assert answer["validation_accuracy"] == curves["validation_accuracy"][-1][1]
    held = hold_out(images, {"validation_share": 0.3})[1]
    assert right(model, held) == pytest.approx(answer["validation_accuracy"])


def test_nothing_is_held_out_by_default(store, tmp_path, monkeypatch):
    images, answer, _, curves = trained(store, tmp_path, monkeypatch, epochs=1)
    assert answer.keys() == {"images", "final_loss"}
    assert answer["images"] == len(images)
    assert curves.keys() == {"loss", "lr"}
    for key in ("validation_share", "checkpoint", "patience"):
        assert key not in Optimiser().identity()


def test_each_class_gives_its_share_and_nothing_is_in_both_parts():
    images = coloured()
    marked = LabelledImages("x", images.images.copy(), images.labels, (0, 1, 2), ("a", "b", "c"))
    marked.images[:, 0, 0, 0] = np.arange(90)
    kept, held = hold_out(marked, {"validation_share": 0.2})
    assert np.bincount(held.labels).tolist() == [6, 6, 6]
    names = [set(part.images[:, 0, 0, 0].tolist()) for part in (kept, held)]
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 90


def test_a_share_that_holds_nothing_out_is_refused():
    with pytest.raises(UserError, match=r"validation_share=0\.01 holds out no image of set 'x'"):
        hold_out(coloured(), {"validation_share": 0.01})


def plan(*sets):
    return load_suite(find_task("imagenet-rib"), "mini", sets).grid()


@pytest.mark.parametrize(
    ("sets", "sentence"),
    [
        (["training.checkpoint=best"], "'training' is wrong: 'checkpoint: best' needs images to judge by"),
        (["training.patience=3"], "'training' is wrong: 'patience' needs images"),
        (["methods.ewc.training.patience=3"], "'methods.ewc.training' is wrong: 'patience' needs images"),
        (["pretrainings.plain.patience=3"], "'pretrainings.plain' is wrong: 'patience' needs images"),
        (["training.validation_share=1"], "training.validation_share"),
        (["training.validation_share=0.2", "training.patience=0"], "training.patience"),
        (["training.validation_share=0.2", "training.checkpoint=first"], "training.checkpoint"),
    ],
)
def test_what_has_nothing_to_judge_by_is_refused(sets, sentence):
    with pytest.raises(UserError) as refused:
        plan(*sets)
    assert sentence in str(refused.value)
