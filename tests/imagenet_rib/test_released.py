"""The switches between our rules and the released code's: what trains, how strongly, in which precision."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Resize

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.data.batches import Batches
from gridcell.data.imagenet import imagenet_names
from gridcell.data.images import LabelledImages
from gridcell.data.sharded import StoredImages
from gridcell.errors import UserError
from gridcell.learn.classifier import Classifier
from gridcell.learn.fitting import fit
from gridcell.learn.optimisers import Optimisation
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.cells import training
from imagenet_rib.cells.objectnet import RELEASED_CLASSES, one_answer, with_one_answer
from imagenet_rib.learning import predictions
from imagenet_rib.learning.models import build_model, head_parameters, normalisation_of
from imagenet_rib.learning.objectives import cross_entropy_loss
from imagenet_rib.method import Start
from imagenet_rib.methods import get

VIT = {"name": "vit_tiny_patch16_224", "patch_size": 16, "embed_dim": 16, "depth": 2, "num_heads": 2}
RESNET = {"name": "resnet18", "layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8]}
IMAGES = torch.randn(24, 3, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(24) % 4
OUTSIDE = {"cls_token", "pos_embed", "norm.weight", "norm.bias"}
HEAD = {"head.weight", "head.bias"}


def tuned(name, architecture, *, lr=0.05, epochs=2, **settings):
    """Return the weights before and after, and the recipe."""
    torch.manual_seed(1)
    before = build_model(num_classes=4, image_size=32, **architecture)
    given = Start(
        model=copy.deepcopy(before),
        reference=before.state_dict(),
        fisher=None,
        classes=torch.arange(4),
        head=head_parameters(before),
        teacher=lambda: copy.deepcopy(before),
        image_size=32,
    )
    method = get(name)
    recipe = method.prepare(given, **method.parameters(**settings).model_dump())
    module = Classifier(
        recipe.model,
        recipe.loss,
        optimisation=Optimisation(lr=lr),
        trainable=recipe.trainable,
        frozen_statistics=recipe.frozen_statistics,
        moving_statistics=recipe.moving_statistics,
    )
    fit(module, Batches(IMAGES, LABELS, batch_size=8), epochs=epochs, seed=0)
    return before, recipe.export(recipe.model), recipe


def changed(before, after):
    return {name for name, value in before.state_dict().items() if not torch.equal(value, after[name])}


def test_lp_trains_the_head_alone_or_all_outside_of_the_blocks():
    before, after, _ = tuned("lp", VIT)
    assert changed(before, after) == HEAD
    before, after, _ = tuned("lp", VIT, outside_blocks=True)
    assert changed(before, after) == HEAD | OUTSIDE


def test_lp_freezes_or_moves_the_statistics_of_a_resnet():
    before, after, _ = tuned("lp", RESNET, outside_blocks=True)
    assert changed(before, after) == {"fc.weight", "fc.bias"}
    before, after, _ = tuned("lp", RESNET, outside_blocks=True, statistics="moving")
    names = changed(before, after)
    assert {"fc.weight", "fc.bias"} == {name for name in names if name in dict(before.named_parameters())}
    statistics = {name for name in before.state_dict() if "running_" in name or "num_batches" in name}
    assert names - {"fc.weight", "fc.bias"} == statistics


def test_lora_adapts_all_projections_or_queries_and_values():
    before, after, _ = tuned("lora", VIT)
    blocks = [f"blocks.{block}.attn" for block in (0, 1)]
    assert changed(before, after) == {f"{b}.{part}.weight" for b in blocks for part in ("qkv", "proj")}
    before, after, _ = tuned("lora", VIT, targets="query_value")
    assert changed(before, after) == {f"{b}.qkv.weight" for b in blocks}
    for block in blocks:
        moved = after[f"{block}.qkv.weight"] - before.state_dict()[f"{block}.qkv.weight"]
        query, key, value = moved.chunk(3)
        assert torch.equal(key, torch.zeros_like(key))
        assert query.abs().max() > 0
        assert value.abs().max() > 0
        assert torch.linalg.matrix_rank(value, rtol=1e-4) <= 8


@pytest.mark.parametrize("targets", ["all", "query_value"])
def test_lora_trains_norm_and_tokens_as_released(targets):
    before, after, recipe = tuned("lora", VIT, targets=targets, outside_blocks=True)
    names = changed(before, after)
    assert names >= OUTSIDE
    assert not names & HEAD
    assert not any(name.startswith("patch_embed") for name in names)
    trained = {name for name, p in recipe.model.named_parameters() if p.requires_grad}
    assert all(".lora_" in name or name.removeprefix("base_model.model.") in OUTSIDE for name in trained)


def test_a_merged_adapter_of_queries_and_values_answers_as_the_adapted_model():
    before, after, recipe = tuned("lora", VIT, targets="query_value", rank=4, alpha=1.0)
    with torch.no_grad():
        adapted = recipe.model.eval()(IMAGES)
        before.load_state_dict(after)
        torch.testing.assert_close(before.eval()(IMAGES), adapted, rtol=1e-5, atol=1e-5)
    part = recipe.model.blocks[0].attn.qkv
    assert part.scale == 1 / 4  # alpha / rank
    assert [tuple(matrix.shape) for matrix in (*part.lora_A, *part.lora_B)] == [(4, 16)] * 2 + [(16, 4)] * 2


def test_the_visual_prompt_starts_from_zeros_or_a_normal_draw():
    _, after, _ = tuned("visual_prompt", VIT, lr=0.0, epochs=1)
    assert all(float(after[side].abs().max()) == 0 for side in ("top", "bottom", "left", "right"))
    _, after, _ = tuned("visual_prompt", VIT, lr=0.0, epochs=1, start="normal")
    drawn = torch.cat([after[side].ravel() for side in ("top", "bottom", "left", "right")])
    assert abs(float(drawn.mean())) < 4 / len(drawn) ** 0.5
    assert float(drawn.std()) == pytest.approx(1, abs=4 / (2 * len(drawn)) ** 0.5)


def test_the_visual_prompt_moves_at_its_sources_rate_and_not_at_the_common_one():
    _, still, _ = tuned("visual_prompt", VIT, lr=1e-3)
    _, moved, _ = tuned("visual_prompt", VIT, lr=40.0)
    assert float(still["top"].abs().max()) < 1e-5
    assert float(moved["top"].abs().max()) > 1e-2


# Weights, sizes, precisions


def test_torchvisions_second_weights_are_resized_as_timm_says_or_as_released(photo):
    for resize, side in ((None, 232), (256, 256)):
        model = build_model("resnet50.tv2_in1k", num_classes=1000, image_size=224, resize=resize)
        prepared = normalisation_of(model).prepare(photo)
        expected = CenterCrop(224)(Resize(side)(photo))
        assert np.array_equal(prepared.numpy(), np.asarray(expected))


@pytest.fixture
def photo():
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image("china.jpg"))


SETTINGS = {
    "optimiser": "sgd",
    "lr": 0.05,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "batch_size": 8,
    "epochs": 3,
}


def train_cell(store, tmp_path, monkeypatch, settings, device="cpu"):
    """Train a tiny model by a cell's settings; return what the fit was told and the rate after each epoch."""
    told, rates = {}, []

    def recorded(module, batches, **arguments):
        told.update(arguments)
        report = arguments.pop("report")
        if device != "cpu":
            return {"loss": 0.0}
        return fit(
            module, batches, report=lambda **now: (rates.append(now["lr"]), report(**now)), **arguments
        )

    monkeypatch.setattr("gridcell.learn.fit", recorded)
    images = LabelledImages(
        "x",
        np.zeros((24, 16, 16, 3), np.uint8),
        np.arange(24, dtype=np.int64) % 3,
        (0, 1, 2),
        ("a", "b", "c"),
    )
    model = build_model(num_classes=3, image_size=16, **{**VIT, "patch_size": 8, "depth": 1})
    transform = normalisation_of(model)
    cell = Cell("t", "train", {"settings": settings})
    training.train_classifier(
        Context(cell, store, tmp_path, tmp_path, tmp_path, device=device),
        model,
        cross_entropy_loss(torch.arange(3)),
        images,
        partial(images.training_batches, prepare=transform.prepare),
        settings,
        "tiny",
        transform=transform,
    )
    return told, rates


def test_the_warm_up_may_be_given_in_steps(store, tmp_path, monkeypatch):
    settings = {**SETTINGS, "warmup_steps": 6}  # three steps an epoch
    _, rates = train_cell(store, tmp_path, monkeypatch, settings)
    assert rates[0] == pytest.approx(0.05 * 4 / 7)
    assert rates[1] == pytest.approx(0.05)
    assert rates[2] == pytest.approx(0, abs=1e-9)


def test_a_constant_schedule_stays(store, tmp_path, monkeypatch):
    settings = {**SETTINGS, "warmup_steps": 0, "schedule": "constant"}
    assert train_cell(store, tmp_path, monkeypatch, settings)[1] == [0.05] * 3


@pytest.mark.parametrize(
    ("precision", "lightnings"), [(None, None), ("float32", "32-true"), ("bf16", "bf16-mixed")]
)
def test_a_method_trains_in_the_precision_asked_for(store, tmp_path, monkeypatch, precision, lightnings):
    settings = {**SETTINGS, **({} if precision is None else {"precision": precision})}
    assert train_cell(store, tmp_path, monkeypatch, settings)[0]["precision"] == lightnings


def test_fp16_scales_the_loss_on_a_gpu_and_is_refused_on_a_processor(store, tmp_path, monkeypatch):
    settings = {**SETTINGS, "precision": "fp16"}
    assert train_cell(store, tmp_path, monkeypatch, settings, "cuda")[0]["precision"] == "16-mixed"
    with pytest.raises(UserError, match="fp16 needs a GPU"):
        train_cell(store, tmp_path, monkeypatch, settings)


def test_answers_in_float32_are_not_asked_for_in_mixed_precision(monkeypatch):
    asked = []
    original = predictions.mixed_precision
    monkeypatch.setattr(
        predictions, "mixed_precision", lambda device: asked.append(device) or original(device)
    )
    model = build_model(num_classes=4, image_size=32, **VIT)
    batches = [(torch.zeros(2, 32, 32, 3, dtype=torch.uint8),)]
    normalise = normalisation_of(model)
    predictions.predict(model, batches, normalise, torch.arange(4), mixed=False)
    assert asked == []
    predictions.predict(model, batches, normalise, torch.arange(4))
    assert len(asked) == 1


# ObjectNet


def test_the_released_code_has_105_of_objectnets_classes():
    assert len(RELEASED_CLASSES) == 105
    assert (sum(RELEASED_CLASSES), sum(label**2 for label in RELEASED_CLASSES)) == (72_968, 53_144_148)
    assert list(RELEASED_CLASSES) == sorted(set(RELEASED_CLASSES))


def test_each_image_has_one_right_answer_of_the_105():
    # Of the 105: 409 analog clock, 550 espresso maker. Not of them: 530 digital clock, 505 coffeepot.
    table = one_answer((409, 505), {409: (530,), 505: (550,)})
    assert (table[409], table[505], table[3]) == (409, 550, 3)
    images = StoredImages(
        "objectnet",
        None,
        "x",
        np.array([409, 505, 505]),
        (409, 505),
        ("",) * 1000,
        (),
        None,
        {409: (530,), 505: (550,)},
    )
    one, looked_up = with_one_answer(images)
    assert one.labels.tolist() == [409, 550, 550]
    assert one.classes == (409, 550)
    assert one.alternatives == {}
    assert looked_up[[409, 505]].tolist() == [409, 550]
    with pytest.raises(UserError, match="class 505"):
        one_answer((505,), {})


# The suite


def test_the_released_suite_asks_for_all_of_it():
    suite = load_suite(find_task("imagenet-rib"), "paper-released")
    one = {"vit_b16": {"name": "vit_base_patch16_224", "pretrainings": ["augreg_in1k"]}}
    one |= {"resnet50": {"name": "resnet50", "pretrainings": ["in1k_v2"]}}
    settings = type(suite.settings).model_validate({**_given(suite), "architectures": one, "seeds": [0]})
    grid = find_task("imagenet-rib").plan(settings)
    trained = [cell for cell in grid.cells.values() if cell.kind == "train"]
    by_method = {cell.config["method"]: cell.config for cell in trained}
    assert by_method.keys() == {"ft", "lp", "lp_ft", "lora", "visual_prompt", "l2_sp", "lwf"}
    for cell in trained:
        assert cell.config["training"]["warmup_steps"] == 196
        assert "warmup_share" not in cell.config["training"]
        assert cell.config["training"]["precision"] == "fp16"
        assert ("objectnet" in cell.config) == (cell.config["downstream"] == "objectnet")
    assert by_method["lora"]["parameters"] == {
        "rank": 8,
        "alpha": 1.0,
        "targets": "query_value",
        "outside_blocks": True,
    }
    tested = [cell for cell in grid.cells.values() if cell.kind == "evaluate"]
    assert all(cell.config["precision"] == "float32" for cell in tested)
    soups = [cell for cell in tested if (cell.config["merge"] or {}).get("method") == "soup"]
    assert {frozenset(role for role in cell.needs if not role.startswith("data")) for cell in soups} == {
        frozenset({"pre", "ft", "l2_sp", "lwf"})
    }
    weights = {
        c.config["architecture"]["name"]: c.config for c in grid.cells.values() if c.kind == "pretrained"
    }
    assert weights["resnet50.tv2_in1k"]["architecture"]["resize"] == 256
    assert weights["resnet50.tv2_in1k"]["weights"]["tag"] == "IMAGENET1K_V2"


def _given(suite):
    return suite.settings.model_dump(mode="json", exclude_unset=True)


RELEASED_NAMES = """
clock|backpack|ballpoint|Band Aid|towel|beer|bottlecap|bow tie|broom|bucket|candle|can opener|cellular
cleaver|coffee mug|combination lock|keyboard|digital watch|dishrag|doormat|dumbbell|electric fan|envelope
espresso|football helmet|frying pan|gown|hammer|hamper|hair dryer|T-shirt|ladle|lampshade|laptop
letter opener|lighter|lipstick|Loafer|speaker|match|measuring cup|microwave|mitten|mixing bowl|monitor
mountain bike|computer mouse|nail|necklace|paddlewheel|padlock|paintbrush|paper towel|bench|pill bottle
pillow|pitcher|plastic bag|plate rack|plunger|Polaroid|soda bottle|drill|printer|racket|remote|ruler
running shoe|safety pin|salt|sandal|screw|basket|shovel|sleeping|soap|sock|soup|heater|spatula|strainer
suit|sunglasses|sweatshirt|table lamp|teapot|teddy|television|toaster|tray|umbrella|vacuum|vase|wallet
water bottle|whistle|wine bottle|wok|plate|French loaf|orange|lemon|banana|cup|toilet paper
"""


def test_the_105_classes_are_of_things_in_a_house_by_their_names():
    words = RELEASED_NAMES.strip().replace("\n", "|").split("|")
    names = imagenet_names()
    wrong = [
        (word, names[label])
        for word, label in zip(words, RELEASED_CLASSES, strict=True)
        if word.lower() not in names[label].lower()
    ]
    assert wrong == []
    assert sorted({*RELEASED_CLASSES}) == list(RELEASED_CLASSES)
