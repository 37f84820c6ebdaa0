"""Penultimate features: those that the model's own last layer turns into its logits."""

import numpy as np
import pytest
import torch
from torch import nn

from gridcell.data.batches import Batches
from gridcell.errors import UserError
from imagenet_rib.distance.features import penultimate_features
from imagenet_rib.learning.models import build_model, normalisation_of

MODELS = {
    "vit_tiny_patch16_224": {"patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2},
    "resnet18": {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 16]},
}


@pytest.mark.parametrize("name", MODELS)
def test_the_last_layer_makes_logits_of_them(name):
    torch.manual_seed(0)
    model = build_model(name, num_classes=5, image_size=32, **MODELS[name]).train()
    images = np.random.default_rng(0).integers(256, size=(7, 32, 32, 3), dtype=np.uint8)
    normalise = normalisation_of(model)
    features = penultimate_features(model, Batches(images, batch_size=3, shuffle=False), normalise)
    assert features.shape == (7, 16)
    assert features.dtype == np.float32
    assert all(module.training for module in model.modules())
    model.eval()
    with torch.inference_mode():
        expected = model(normalise(torch.from_numpy(images)))
        logits = model.get_classifier()(torch.from_numpy(features))
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


def test_a_model_without_a_known_last_layer_is_refused():
    with pytest.raises(UserError, match="Sequential is no timm model"):
        penultimate_features(nn.Sequential(nn.Flatten()), [], None)
