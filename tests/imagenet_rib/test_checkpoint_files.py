"""Checkpoints as training programs write them: each made by its own program, none executed."""

import argparse
import hashlib
import json
import pickle
import re
from pathlib import Path, PurePosixPath

import pytest
import timm
import torch
from torch import nn

from gridcell.errors import UserError
from imagenet_rib.learning.checkpoint_files import Held, choose_part, parts_of, read_weights
from imagenet_rib.learning.file_heads import body_names, look_at_file
from imagenet_rib.learning.models import build_model, build_pretrained, head_parameters
from imagenet_rib.learning.pretrained import file_weights

NAME = "vit_tiny_patch16_224"
OPTIONS = {"patch_size": 16, "embed_dim": 16, "depth": 1, "num_heads": 2}


def tiny(classes=5, seed=0):
    torch.manual_seed(seed)
    return build_model(NAME, num_classes=classes, image_size=224, **OPTIONS)


def expected(classes=5):
    model = tiny(classes)
    return body_names(model.state_dict(), head_parameters(model) if classes else ())


def loaded(path, part=None, classes=5):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return file_weights(path, digest, expected(classes), part)


def same(found, model):
    own = model.state_dict()
    return found.keys() == own.keys() and all(torch.equal(found[name], own[name]) for name in own)


def timm_checkpoint(folder, *, ema):
    """Save what timm's train.py saves, by the class that it saves with."""
    from timm.utils import CheckpointSaver, ModelEmaV3

    model = tiny()
    averaged = ModelEmaV3(model, decay=0.5) if ema else None
    if averaged is not None:
        with torch.no_grad():
            for parameter in averaged.module.parameters():
                parameter.add_(1.0)
    optimiser = torch.optim.AdamW(model.parameters())
    args = argparse.Namespace(
        model=NAME, output=PurePosixPath("out"), opt_betas=None, mean=(0.5, 0.5, 0.5), resume=""
    )
    saver = CheckpointSaver(
        model, optimiser, args=args, model_ema=averaged, checkpoint_dir=str(folder), recovery_dir=str(folder)
    )
    saver.save_checkpoint(3, metric=71.5)
    return next(iter(folder.glob("checkpoint-3.pth.tar"))), model, averaged


def test_timms_own_training_checkpoint_is_read_although_it_pickles_its_arguments(tmp_path):
    path, model, _ = timm_checkpoint(tmp_path, ema=False)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    assert same(loaded(path), model)
    found = look_at_file(path, NAME, OPTIONS, None)
    assert (found.classes, found.part) == (5, None)
    (said,) = [sentence for sentence in found.said if "argparse.Namespace" in sentence]
    assert re.search(r"are not read \([\w.]+(, [\w.]+){0,2}(, \.\.\.)?\)$", said)
    assert said.endswith(", ...)") == (said.count(",") > 2)


def test_the_moving_average_goes_first_as_in_timm_and_the_plain_weights_can_be_named(tmp_path):
    path, model, averaged = timm_checkpoint(tmp_path, ema=True)
    assert same(loaded(path), averaged.module)
    assert same(loaded(path, "state_dict"), model)
    theirs = timm.create_model(NAME, num_classes=5, **OPTIONS)
    timm.models.load_checkpoint(theirs, str(path), weights_only=False)  # use_ema is its default
    assert same(loaded(path), theirs)
    found = look_at_file(path, NAME, OPTIONS, None)
    assert found.part == "state_dict_ema"
    assert any("moving average" in sentence for sentence in found.said)


@pytest.mark.slow
def test_lightnings_checkpoint_is_read_without_its_hyper_parameters(tmp_path):
    from lightning.pytorch import LightningModule, Trainer

    class Module(LightningModule):
        def __init__(self, args, how):
            super().__init__()
            self.save_hyperparameters()
            self.model = tiny()
            self.criterion = nn.CrossEntropyLoss(weight=torch.ones(5))

        def training_step(self, batch, _number):
            return self.criterion(self.model(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    module = Module(argparse.Namespace(lr=0.1), {"path": PurePosixPath("x")})
    data = torch.utils.data.TensorDataset(torch.randn(2, 3, 224, 224), torch.tensor([0, 1]))
    trainer = Trainer(
        max_steps=1, logger=False, enable_progress_bar=False, default_root_dir=tmp_path, accelerator="cpu"
    )
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=2))
    path = tmp_path / "last.ckpt"
    trainer.save_checkpoint(path)
    assert same(loaded(path), module.model)
    found = look_at_file(path, NAME, OPTIONS, None)
    assert found.classes == 5
    assert any("1 tensors beside the model's" in sentence for sentence in found.said)  # the loss's weights


@pytest.mark.parametrize(
    "wrap", [nn.DataParallel, torch.compile, lambda m: torch.compile(nn.DataParallel(m))]
)
def test_names_of_wrapped_models_are_found(wrap, tmp_path):
    model = tiny()
    torch.save({"epoch": 1, "model": wrap(model).state_dict()}, tmp_path / "w.pth")
    assert same(loaded(tmp_path / "w.pth"), model)


def test_files_of_before_torch_1_6_are_read(tmp_path):
    model = tiny()
    state = {"state_dict": model.state_dict(), "args": argparse.Namespace(lr=0.1)}
    torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    assert same(loaded(tmp_path / "w.pth"), model)


def test_weights_without_a_head_say_so(tmp_path):
    model = tiny(0)
    torch.save(
        {"backbone." + name: tensor for name, tensor in model.state_dict().items()}, tmp_path / "w.pth"
    )
    assert look_at_file(tmp_path / "w.pth", NAME, OPTIONS, None).classes == 0
    assert same(loaded(tmp_path / "w.pth"), model)


def test_two_models_in_one_file_are_not_guessed_between(tmp_path):
    student, teacher = tiny(seed=0), tiny(seed=1)
    torch.save({"student": student.state_dict(), "teacher": teacher.state_dict()}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="say which by 'part', one of student, teacher"):
        loaded(tmp_path / "w.pth")
    assert same(loaded(tmp_path / "w.pth", "teacher"), teacher)
    with pytest.raises(UserError, match=r"no single weights called 'techer': it has student, teacher"):
        loaded(tmp_path / "w.pth", "techer")


class Attack:
    """What an unpickler would run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


class Odd(dict):
    """A dict of a program's own, which pickles with items and state."""

    def __init__(self):
        super().__init__(x=1)
        self.more = [1]


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_file_is_executed(zipped, tmp_path):
    model, touched = tiny(), tmp_path / "touched"
    state = {"state_dict": model.state_dict(), "x": Attack(touched), "y": [Odd()], "z": {1, Attack(touched)}}
    torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    assert same(loaded(tmp_path / "w.pth"), model)
    assert not touched.exists()
    torch.load(tmp_path / "w.pth", weights_only=False)
    assert touched.exists()  # the attack would have worked


def test_objects_in_place_of_tensors_are_no_weights(tmp_path):
    torch.save({"state_dict": {"x": Attack(tmp_path / "touched")}}, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"holds no weights.*more than tensors"):
        loaded(tmp_path / "w.pth")
    torch.save(tiny(), tmp_path / "whole.pth")
    with pytest.raises(UserError, match=r"save the state dict, torch.save\(model.state_dict\(\), FILE\)"):
        loaded(tmp_path / "whole.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s, "the head has 5 classes, vit_tiny_patch16_224 here 10"),
        (lambda s: {k: v for k, v in s.items() if k[:5] != "head."}, "there is no head"),
        (
            lambda s: (
                {k: v for k, v in s.items() if k not in ("cls_token", "head.weight", "head.bias")}
                | {"head.weight": torch.zeros(10, 16), "head.bias": torch.zeros(10)}
            ),
            "1 of .* tensors are missing: cls_token",
        ),
        (
            lambda s: (
                s
                | {
                    "norm.bias": torch.zeros(3),
                    "more": torch.zeros(2),
                    "head.weight": torch.zeros(10, 16),
                    "head.bias": torch.zeros(10),
                }
            ),
            r"1 are not of this model: more; 1 have other shapes: norm.bias is \(3,\), not \(16,\)",
        ),
    ],
)
def test_mismatches_name_the_first_tensors_and_shapes(change, message):
    weights = change(dict(tiny().state_dict()))
    with pytest.raises(UserError, match=message):
        build_pretrained(NAME, num_classes=10, image_size=224, weights=weights, **OPTIONS)


def test_shapes_alone_can_be_read(tmp_path):
    torch.save({"state_dict": tiny().state_dict()}, tmp_path / "w.pth")
    held = read_weights(tmp_path / "w.pth", shapes_only=True)
    part = choose_part(parts_of(held, expected()), None, tmp_path)
    assert {tensor.device.type for tensor in part.tensors.values()} == {"meta"}
    assert part.tensors["head.weight"].shape == (5, 16)


@pytest.mark.parametrize(("there", "label"), [("ab", "best"), ("a", "")])
def test_a_file_that_has_half_of_a_models_names_is_taken_for_its_weights(there, label):
    """With fewer, what training programs call the weights is; the mismatch is then told with its names."""
    held = Held({"best": {name: torch.ones(1) for name in there}, "state_dict": {"x": torch.ones(1)}})
    (part,) = parts_of(held, {"a", "b", "c", "d"})
    assert part.label == (label or "state_dict")


def test_a_record_beside_weights_is_of_their_model_or_refused(tmp_path):
    path, _, _ = timm_checkpoint(tmp_path, ema=False)
    beside = path.with_name("config.json")
    beside.write_text(json.dumps({"architecture": NAME.partition(".")[0], "pretrained_cfg": {}}))
    look_at_file(path, NAME, OPTIONS, None)
    beside.write_text(json.dumps({"architecture": "resnet18", "pretrained_cfg": {}}))
    with pytest.raises(UserError, match="weights beside it are of 'resnet18'"):
        look_at_file(path, NAME, OPTIONS, None)


def test_a_head_has_as_many_classes_as_its_matrix_has_rows(tmp_path):
    torch.save(tiny(classes=5).state_dict(), tmp_path / "w.pth")
    assert look_at_file(tmp_path / "w.pth", NAME, OPTIONS, None).classes == 5


def test_what_a_file_holds_beside_its_model_is_said(tmp_path):
    own = {f"backbone.{name}": tensor for name, tensor in tiny().state_dict().items()}
    torch.save({**own, "queue": torch.zeros(2), "pointer": torch.zeros(1)}, tmp_path / "w.pth")
    *_, said = look_at_file(tmp_path / "w.pth", NAME, OPTIONS, None).said
    assert said.endswith("w.pth: 2 tensors beside the model's are left out")
    torch.save({"model": tiny().state_dict(), "args": argparse.Namespace(lr=0.1)}, tmp_path / "v.pth")
    *_, said = look_at_file(tmp_path / "v.pth", NAME, OPTIONS, None).said
    assert said.endswith("v.pth: objects beside the tensors are not read (argparse.Namespace)")
