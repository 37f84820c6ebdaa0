"""Models by name, their weights as files, and predictions."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms

from gridcell.data.batches import Batches
from gridcell.errors import UserError
from imagenet_rib.learning.models import (
    architecture_name,
    build_model,
    head_parameters,
    load_weights,
    normalisation_of,
    save_weights,
)
from imagenet_rib.learning.predictions import Normalisation, fit_centre, predict

VIT = {"name": "vit_tiny_patch16_224", "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2}
RESNET = {"name": "resnet18", "layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]}
MODELS = pytest.mark.parametrize("settings", [VIT, RESNET], ids=["vit", "resnet"])


def build(settings, num_classes=7):
    torch.manual_seed(0)
    return build_model(num_classes=num_classes, image_size=32, **settings)


@MODELS
def test_models_take_images_of_their_size(settings):
    assert build(settings).eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


def test_small_images_keep_some_extent_in_a_residual_network():
    model = build(RESNET).eval()
    assert model.forward_features(torch.zeros(1, 3, 32, 32)).shape == (1, 16, 2, 2)


@MODELS
def test_the_head_is_the_layer_whose_width_is_the_number_of_classes(settings):
    seven, nine = build(settings).state_dict(), build(settings, num_classes=9).state_dict()
    differing = tuple(name for name in seven if seven[name].shape != nine[name].shape)
    assert head_parameters(build(settings)) == differing


def test_a_model_without_a_known_head_is_refused():
    with pytest.raises(UserError, match="Linear"):
        head_parameters(nn.Linear(2, 2))


def test_unknown_models_and_settings_are_named():
    with pytest.raises(UserError, match="did you mean 'resnet18'"):
        build_model("resnet18x", num_classes=2, image_size=32)
    with pytest.raises(UserError, match="Unknown model 'qqqqqqqq'"):
        build_model("qqqqqqqq", num_classes=2, image_size=32)
    with pytest.raises(UserError, match="embed_dimm"):
        build({**VIT, "embed_dimm": 3})


def test_architecture_names_tell_architectures_apart_and_nothing_else():
    base = {"num_classes": 10, "image_size": 32}
    name = architecture_name("resnet18", **base, layers=[1, 1], channels=(8, 8))
    assert name == architecture_name("resnet18.a1_in1k", **base, channels=[8, 8], layers=(1, 1))
    others = {
        architecture_name("resnet34", **base, layers=[1, 1], channels=(8, 8)),
        architecture_name("resnet18", **base, layers=[1, 2], channels=(8, 8)),
        architecture_name("resnet18", num_classes=11, image_size=32, layers=[1, 1], channels=(8, 8)),
    }
    assert name not in others
    assert len(others) == 3


@MODELS
def test_weights_come_back_from_a_file_bit_for_bit(settings, tmp_path):
    model = build(settings)
    save_weights(tmp_path / "weights", model.state_dict(), "this")
    (tmp_path / "other").touch()
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "other").stat().st_mode
    loaded = load_weights(tmp_path / "weights", "this")
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in model.state_dict().items())
    build(settings).load_state_dict(loaded)
    with pytest.raises(UserError, match="holds weights of this, but that"):
        load_weights(tmp_path / "weights", "that")


def test_normalisation_follows_its_formula():
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    expected = ((images / 255 - np.array(mean)) / np.array(std)).transpose(0, 3, 1, 2)
    ours = Normalisation(mean, std)(torch.from_numpy(images))
    assert ours.shape == (3, 3, 5, 7)
    assert np.allclose(ours.numpy(), expected, atol=1e-6)
    assert ours.is_contiguous(memory_format=torch.channels_last)


@MODELS
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_predictions_are_those_of_a_plain_loop(settings, batch_size):
    model = build(settings)
    normalisation = normalisation_of(model)
    images = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
    classes = torch.tensor([1, 4, 6])
    model.train()
    ours = predict(model, Batches(images, batch_size=batch_size, shuffle=False), normalisation, classes)
    assert model.training
    model.eval()
    expected = []
    with torch.no_grad():
        for image in images:
            scores = model(normalisation(torch.from_numpy(image[None])))[0]
            expected.append(max(classes.tolist(), key=lambda c, scores=scores: scores[c].item()))
    assert ours.dtype == torch.int64
    assert ours.tolist() == expected


def test_no_images_give_no_predictions():
    model = build(VIT)
    assert predict(model, [], normalisation_of(model), torch.arange(7)).shape == (0,)


@pytest.mark.parametrize(("side", "crop_share"), [(224, 0.965), (176, 0.875), (160, 0.875)])
def test_the_crop_is_that_of_timms_record_for_the_size_used(side, crop_share):
    """``resnet50.tv2_in1k`` was trained at 176 pixels, and is tested at 224 with another crop."""
    with torch.device("meta"):
        model = build_model("resnet50.tv2_in1k", num_classes=1000, image_size=side)
    assert model.default_cfg["test_input_size"] == (3, 224, 224)
    assert normalisation_of(model).crop_share == crop_share


def test_models_answer_in_the_precision_of_their_device(monkeypatch):
    """The model alone runs in it: what is compared afterwards is float32. Features are, too."""
    from imagenet_rib.distance import features
    from imagenet_rib.learning import predictions

    entered = []

    def in_bfloat16(device):
        entered.append(device)
        return torch.autocast("cpu", dtype=torch.bfloat16)

    model, images = build(VIT), torch.randint(0, 256, (5, 32, 32, 3), dtype=torch.uint8)
    normalisation, seen = normalisation_of(model), []
    model.blocks[0].register_forward_hook(lambda *_: seen.append(torch.is_autocast_enabled("cpu")))
    plain = features.penultimate_features(model, [(images,)], normalisation)
    monkeypatch.setattr(predictions, "mixed_precision", in_bfloat16)
    predict(model, [(images,)], normalisation, torch.arange(7))
    again = features.penultimate_features(model, [(images,)], normalisation)
    assert entered == [torch.device("cpu")]
    assert seen == [False, True, False]
    assert plain.dtype == np.float32
    assert np.array_equal(again, plain)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize(("height", "width"), [(21, 34), (40, 25), (7, 9), (13, 13)])
def test_images_of_another_size_are_resized_and_cropped_as_torchvision_does(height, width, interpolation):
    rows, columns = np.linspace(20, 220, height), np.linspace(-20, 20, width)
    pixels = (rows[:, None, None] + columns[None, :, None] * np.array([1, -1, 0.5])).round().astype(np.uint8)
    mode = transforms.InterpolationMode(interpolation)
    reference = transforms.Compose([transforms.Resize(12, mode), transforms.CenterCrop(10)])
    expected = np.asarray(reference(Image.fromarray(pixels))).astype(int)
    ours = fit_centre(torch.from_numpy(pixels)[None], 10, 10 / 12, interpolation)
    assert ours.shape == (1, 10, 10, 3)
    assert np.abs(ours[0].numpy().astype(int) - expected).max() <= 1  # Pillow rounds between its two passes


def test_images_of_the_models_size_are_taken_as_they_are_and_others_are_not():
    images = torch.randint(0, 256, (2, 6, 6, 3), dtype=torch.uint8)
    mean, std = (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)
    ours = Normalisation(mean, std, size=6, crop_share=0.5)(images)
    assert torch.allclose(ours, images.permute(0, 3, 1, 2).float())
    smaller = Normalisation(mean, std, size=3, crop_share=0.5)(images)
    assert torch.allclose(smaller, images[:, 2:5, 2:5].permute(0, 3, 1, 2).float())
