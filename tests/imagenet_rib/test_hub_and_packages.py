"""Weights from hubs that don't answer, from their caches, and from packages."""

import urllib.error
import urllib.request
from importlib.metadata import PackageNotFoundError, distribution

import huggingface_hub
import numpy as np
import pytest
import timm
import torch

from gridcell.errors import UserError
from gridcell.settings import parse_settings
from imagenet_rib.grid.offline_models import OFFLINE
from imagenet_rib.grid.published import published
from imagenet_rib.learning import hub
from imagenet_rib.learning.models import build_model, build_pretrained, normalisation_of
from imagenet_rib.learning.offline_weights import offline_weights
from imagenet_rib.settings import Architecture, Pretrained
from photographs import PHOTOGRAPHS, photograph

NAME = "resnet18.a1_in1k"


@pytest.fixture
def looks(monkeypatch):
    """Count looks at servers, none of which answers."""
    asked = []

    def unreachable(request, timeout):
        asked.append((request.full_url, timeout))
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr(hub, "_failed", {})
    return asked


def test_a_hub_is_looked_at_once_for_all_models(looks, monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in (NAME, "resnet50.a1_in1k"):
        with pytest.raises(UserError, match=r"can't be downloaded .*no route to host") as caught:
            hub.cached_or_reachable(name)
        assert str(huggingface_hub.constants.HF_HUB_CACHE) in str(caught.value)
        assert f"models--timm--{name}" in str(caught.value)
    assert looks == [(huggingface_hub.constants.ENDPOINT, hub.LOOK_S)]
    for name in ("resnet18", "resnet34"):
        with pytest.raises(UserError, match=f"put .*pth into {tmp_path}/hub/checkpoints"):
            hub.torchvision_weights(name, "IMAGENET1K_V1")
    assert len(looks) == 2
    monkeypatch.setattr(hub.time, "monotonic", lambda: 1e9)  # long after
    with pytest.raises(UserError):
        hub.cached_or_reachable(NAME)
    assert len(looks) == 3


def test_what_the_cache_has_is_used_without_a_look(looks, monkeypatch, tmp_path):
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = timm.create_model("resnet18", num_classes=1000)
    file = tmp_path / "model.safetensors"
    save_file(model.state_dict(), str(file))
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: str(file))
    found = hub.cached_or_reachable(NAME)
    assert (found, looks) == (file, [])
    loaded = build_pretrained(NAME, num_classes=1000, image_size=224, weights=found)
    assert all(torch.equal(tensor, model.state_dict()[key]) for key, tensor in loaded.state_dict().items())


def test_an_answer_is_an_answer_whatever_it_is(monkeypatch):
    def refuses(request, timeout):
        raise urllib.error.HTTPError(request.full_url, 403, "Forbidden", None, None)

    monkeypatch.setattr(urllib.request, "urlopen", refuses)
    monkeypatch.setattr(hub, "_failed", {})
    hub.look("https://example.org")


def offline(base):
    """Return a model with a package's weights, as a suite would build it."""
    try:
        distribution(OFFLINE[base].package)
    except PackageNotFoundError:
        pytest.skip(f"needs a package: {OFFLINE[base].command}")
    cell = published("m", Architecture(name=base), parse_settings(Pretrained, {"source": "offline"}))
    name, how = cell.name, cell.config["architecture"].get("preparation")
    own = build_model(name, num_classes=1000, image_size=224, preparation=how)
    weights = offline_weights(name, own.state_dict())
    return build_pretrained(name, num_classes=1000, image_size=224, preparation=how, weights=weights).eval()


@pytest.mark.slow
@pytest.mark.parametrize("base", [name for name in OFFLINE if name != "tf_efficientnet_lite0"])
def test_a_packages_weights_see_what_is_in_photographs(base):
    model = offline(base)
    normalise = normalisation_of(model)
    seen = 0
    for name, plausible in PHOTOGRAPHS.items():
        with torch.no_grad():
            logits = model(normalise(torch.from_numpy(np.array(photograph(name)))[None]))
        seen += bool(plausible & set(logits[0].topk(5).indices.tolist()))
    assert seen >= len(PHOTOGRAPHS) - 1  # weights under wrong names see none; small models miss one


@pytest.mark.slow
def test_mobilenets_weights_answer_as_torchvisions_own_model_does():
    from torchvision import models

    from imagenet_rib.learning.offline_weights import weights_file

    ours = offline("mobilenetv2_100")
    theirs = models.mobilenet_v2()
    state = torch.load(weights_file(OFFLINE["mobilenetv2_100"].package, ""), weights_only=True)
    theirs.load_state_dict(state)
    prepare = models.MobileNet_V2_Weights.IMAGENET1K_V1.transforms()
    image = photograph("chelsea")
    with torch.no_grad():
        x = prepare(image)[None]
        assert torch.allclose(ours(x), theirs.eval()(x), atol=1e-3)
        prepared = normalisation_of(ours)(torch.from_numpy(np.array(image))[None])
    assert (prepared - x).abs().max() < 2.1 / 255 / 0.22  # Pillow rounds between two directions
