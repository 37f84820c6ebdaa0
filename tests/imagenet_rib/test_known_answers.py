"""What a frozen model answers is computed once, and training on it is training on images, up to rounding."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from fine_tuned import MODELS, SIDE, SIZE, built, in_memory, trained
from gridcell.cell import Cell, Resources
from gridcell.context import Context
from gridcell.data.sharded import read_stored
from gridcell.data.shards.samples import open_samples
from imagenet_rib.cells import fine_tuning, known_answers
from imagenet_rib.learning.models import build_model, head_parameters, normalisation_of
from imagenet_rib.learning.probing import probe_of
from published_sets import SETS


@pytest.fixture
def shown(monkeypatch):
    """Count the images that models are shown in evaluation mode, where nothing trains."""
    counted = []
    answers = known_answers.known_answers

    def counting(context, model, *arguments, **options):
        model.register_forward_pre_hook(lambda module, given: counted.append(len(given[0])))
        return answers(context, model, *arguments, **options)

    monkeypatch.setattr(fine_tuning, "known_answers", counting)
    return counted


def assert_alike(one, other, before, share=1e-4):
    """Assert that what training did is the same within a share of it."""
    assert one[1] == pytest.approx(other[1], rel=share)
    moved = max(float((other[0][name] - value).abs().max()) for name, value in before.items())
    apart = max(float((one[0][name] - value).abs().max()) for name, value in other[0].items())
    assert moved > 1e-3
    assert apart <= share * moved


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("method", ["lp", "lwf"])
def test_training_on_known_answers_is_training_on_images(tmp_path, store, shown, method, model):
    images = in_memory()
    how = {"method": method, "model": model}
    once = trained(tmp_path / "once", store, images, **how)
    assert sum(shown) == 1 + SIZE  # one shows what the answers are like
    direct = trained(tmp_path / "direct", store, images, **how, once=False)
    assert sum(shown) == 1 + SIZE
    assert_alike(once, direct, built(model).state_dict())


@pytest.mark.parametrize("method", ["ft", "lp", "l2_sp", "lwf", "lora", "visual_prompt"])
def test_gradient_checkpointing_changes_no_method(tmp_path, store, method):
    plain = trained(tmp_path / "plain", store, in_memory(), method=method)
    sparing = trained(tmp_path / "sparing", store, in_memory(), method=method, gradient_checkpointing=True)
    assert plain[1] == sparing[1]
    assert plain[0].keys() == sparing[0].keys()
    assert all(torch.equal(plain[0][name], sparing[0][name]) for name in plain[0])


@pytest.mark.parametrize("method", ["lp", pytest.param("lwf", marks=pytest.mark.slow)])
def test_answers_in_half_precision_stay_those_of_training(tmp_path, store, shown, method):
    once = trained(tmp_path / "once", store, in_memory(), method=method, precision="bf16")
    direct = trained(tmp_path / "direct", store, in_memory(), method=method, precision="bf16", once=False)
    assert sum(shown) > SIZE
    assert_alike(once, direct, built().state_dict(), share=0.02)  # bfloat16 has 8 bits


@pytest.mark.parametrize("method", ["lp", pytest.param("lwf", marks=pytest.mark.slow)])
def test_answers_that_memory_does_not_hold_lie_in_a_file(tmp_path, store, shown, monkeypatch, method):
    held = trained(tmp_path / "held", store, in_memory(), method=method)
    monkeypatch.setattr(known_answers, "IN_MEMORY", 0)
    filed = trained(tmp_path / "filed", store, in_memory(), method=method)
    assert (tmp_path / "filed" / "scratch" / "answers").stat().st_size >= 4 * SIZE * 3
    assert not (tmp_path / "held" / "scratch" / "answers").exists()
    assert all(torch.equal(held[0][name], filed[0][name]) for name in held[0])
    monkeypatch.setattr(known_answers, "_OF_THE_DISK", 0.0)  # nor the disk
    shown.clear()
    direct = trained(tmp_path / "direct", store, in_memory(), method=method)
    assert sum(shown) == 1
    assert_alike(held, direct, built().state_dict())


@pytest.mark.parametrize("how", [{"epochs": 1}, {"fast": True}])
def test_images_that_are_shown_once_are_not_shown_before(tmp_path, store, shown, how):
    trained(tmp_path / "x", store, in_memory(), **how)
    assert shown == []


@pytest.mark.parametrize("method", ["lp", pytest.param("lwf", marks=pytest.mark.slow)])
def test_stored_images_come_in_the_same_order_with_their_answers(tmp_path, store, shown, method):
    published = SETS["objectnet"](tmp_path)
    uri = str(published.root)
    images = read_stored("objectnet", uri, open_samples("objectnet", uri).content)
    images = images.select(np.arange(1, len(images), 2))  # places differ from numbers
    first, other = images.classes[:2]
    table = np.arange(1000)
    table[first] = other
    labels = table[images.labels]
    asked = replace(images, labels=labels, classes=tuple(np.unique(labels).tolist()), alternatives={})
    how = {"method": method, "table": table, "batch_size": 8, "lr": 1.0}
    once = trained(tmp_path / "once", store, asked, **how)
    assert sum(shown) == 1 + len(images)
    direct = trained(tmp_path / "direct", store, asked, **how, once=False)
    assert_alike(once, direct, built(classes=1000).state_dict(), share=1e-3)


def test_workers_compute_a_share_each(tmp_path, store, monkeypatch):
    """Each of three says what it found; together it is what one finds."""
    images, model = in_memory(), built("resnet")
    found = []
    monkeypatch.setattr(known_answers, "images_at_once", lambda device, side: 16)

    def answers(rank, workers):
        cell = Cell("t", "train", {}, resources=Resources(workers=workers))
        context = Context(cell, store, tmp_path, tmp_path, tmp_path, rank=rank)
        body = probe_of(model, head_parameters(model)).body
        how = {"side": SIDE, "precision": "bf16-mixed"}
        return known_answers.known_answers(context, body, images, normalisation_of(model), **how)

    alone = answers(0, 1)
    monkeypatch.setattr("gridcell.learn.gather", lambda own, workers: found.append(own) or own.numpy())
    parts = [answers(rank, 3) for rank in range(3)]
    assert [len(part) for part in parts] == [16, 32, 27]
    assert all(part.dtype == alone.dtype == torch.bfloat16 for part in parts)
    assert torch.equal(torch.cat(parts), alone)
    monkeypatch.setattr(known_answers, "IN_MEMORY", 0)
    assert [answers(rank, 3) for rank in range(3)] == [None] * 3  # all of them, or some would wait


class Capped(nn.Module):
    """Answers otherwise than by its last layer on its features."""

    def __init__(self):
        super().__init__()
        inner = built()
        self.head = inner.head  # first, so that the layer's parameters go by this name
        self.inner = inner
        self.default_cfg = {"classifier": "head"}

    forward_features = property(lambda self: self.inner.forward_features)
    forward_head = property(lambda self: self.inner.forward_head)

    def get_classifier(self):
        return self.head

    def forward(self, images):
        return torch.tanh(self.inner(images))


def test_a_model_that_does_more_than_its_last_layer_is_not_divided():
    images, normalise = in_memory(), normalisation_of(built())
    model = built()
    assert known_answers.answers_alike(model, probe_of(model, head_parameters(model)), images, normalise)
    capped = Capped()
    probe = probe_of(capped, head_parameters(capped))
    assert not known_answers.answers_alike(capped, probe, images, normalise)


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("resnet18", True),
        ("vit_tiny_patch16_224", True),
        ("convnext_atto", True),
        ("vgg11", True),
        ("mobilenetv3_small_050", True),
        ("deit_tiny_distilled_patch16_224", False),  # two heads
    ],
)
def test_models_are_cut_before_one_linear_layer_or_not_at_all(name, cut):
    with torch.device("meta"):
        model = build_model(name, num_classes=7, image_size=224)
    probe = probe_of(model, head_parameters(model))
    assert (probe is not None) == cut
    if probe is not None:
        assert {
            name for name, p in model.named_parameters() if any(p is q for q in probe.head.parameters())
        } == {*head_parameters(model)}


def test_one_process_gathers_nothing_from_others(tmp_path, store, monkeypatch):
    asked = []
    monkeypatch.setattr("gridcell.learn.gather", lambda *given: asked.append(given))
    trained(tmp_path, store, in_memory())
    assert not asked


@pytest.mark.parametrize(
    ("in_memory", "free", "workers", "where"),
    [
        (240, 0, 1, "memory"),  # ten answers of six floats: 240 bytes
        (240, 0, 2, "memory"),
        (239, 480, 1, "file"),  # half of the disk
        (239, 479, 1, None),
        (239, 10**9, 2, None),  # several processes could not read each other's file
    ],
)
def test_answers_lie_where_they_fit_to_the_byte(tmp_path, monkeypatch, in_memory, free, workers, where):
    monkeypatch.setattr(known_answers, "IN_MEMORY", in_memory)
    monkeypatch.setattr(known_answers, "_OF_THE_DISK", 0.5)
    monkeypatch.setattr(known_answers.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    context = SimpleNamespace(workers=workers, scratch=tmp_path)
    kept = known_answers._room(context, 10, 4, torch.zeros(1, 2, 3))
    if where is None:
        assert kept is None
        return
    assert (kept.shape, kept.dtype) == ((4, 2, 3), torch.float32)
    assert (tmp_path / "answers").exists() == (where == "file")
