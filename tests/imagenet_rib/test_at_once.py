"""How many images a model answers at once: few large ones on CPUs, and the answers stay."""

import pytest
import torch
from hypothesis import given, strategies as st

from imagenet_rib.cells.at_once import LEAST, MOST, images_at_once
from imagenet_rib.learning.models import build_model, normalisation_of
from imagenet_rib.learning.predictions import predict


@given(st.integers(16, 2048))
def test_a_batch_on_a_cpu_holds_a_million_pixels_at_most_or_the_least_batch(side):
    size = images_at_once("cpu", side)
    assert LEAST <= size <= MOST
    assert size % 16 == 0
    assert size == LEAST or size * side * side <= 1 << 20
    assert size == MOST or (size + 16) * side * side > 1 << 20  # and no fewer than that
    assert images_at_once("cuda", side) == 256


@pytest.mark.parametrize(
    ("name", "side", "options"),
    [("tf_efficientnet_lite0", 64, {}), ("vit_tiny_patch16_224", 224, {"depth": 1})],
)
def test_the_answers_of_small_batches_are_those_of_large_ones(name, side, options):
    torch.manual_seed(0)
    model = build_model(name, num_classes=50, image_size=side, **options).eval()
    normalise = normalisation_of(model)
    images = torch.randint(0, 256, (40, side, side, 3), dtype=torch.uint8)
    with torch.inference_mode():
        whole = model(normalise(images))
        parts = torch.cat([model(normalise(part)) for part in images.split(LEAST)])
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5 * float(whole.abs().max()))
    classes = torch.arange(50)
    told = [predict(model, [(part,) for part in images.split(size)], normalise, classes) for size in (16, 40)]
    close = whole.topk(2).values.diff().abs()[:, 0] < 1e-4 * whole.abs().max()  # either answer is right
    assert ((told[0] == told[1]) | close).all()
    assert not close.all()
