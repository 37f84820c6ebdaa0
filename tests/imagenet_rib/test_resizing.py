"""torch resizes as Pillow does where ``as_pillow`` says so: each size against Pillow itself."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image
from torchvision.transforms.v2 import InterpolationMode, functional

from imagenet_rib.learning.predictions import Normalisation
from imagenet_rib.learning.resizing import as_pillow, resize
from photographs import photograph

BOTH = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
MEAN = (0.5, 0.5, 0.5)


def noise(height, width):
    """Return an image whose neighbours differ by up to 255: every weight counts."""
    rng = np.random.default_rng((height, width))
    return rng.integers(256, size=(height, width, 3), dtype=np.uint8)


def by_torch(pixels, height, width, interpolation):
    image = torch.from_numpy(pixels).permute(2, 0, 1)
    return resize(image, height, width, interpolation).permute(1, 2, 0).numpy()


def middles(length, resized, kept, interpolation):
    """Return the middle of noise resized along its rows, by Pillow and by torch."""
    pixels, first = noise(16, length), round((resized - kept) / 2)
    pillow = np.asarray(Image.fromarray(pixels).resize((resized, 16), BOTH[interpolation]))
    return (one[:, first : first + kept] for one in (pillow, by_torch(pixels, 16, resized, interpolation)))


@pytest.mark.parametrize("interpolation", BOTH)
@pytest.mark.parametrize(("resized", "kept"), [(256, 224), (248, 224), (224, 224), (320, 288)])
def test_no_pixel_differs_where_none_should(resized, kept, interpolation):
    lengths = [length for length in range(30, 1100) if as_pillow(length, resized, kept, interpolation)]
    for length in lengths:
        assert np.array_equal(*middles(length, resized, kept, interpolation)), length
    assert resized in lengths  # left as it is
    if (resized, kept) == (256, 224):
        assert {128, 192, 224, 512} <= set(lengths)  # ImageNet-C has 224
        assert not {300, 375, 500} & set(lengths)
        assert (112 in lengths) == (interpolation == "bilinear")  # bicubic weights need 3 times the bits


@given(st.integers(8, 700), st.integers(8, 400), st.floats(0.5, 1), st.sampled_from(sorted(BOTH)))
@settings(max_examples=200, deadline=None)
def test_whatever_the_sizes(length, resized, share, interpolation):
    kept = max(1, int(resized * share))
    if as_pillow(length, resized, kept, interpolation):
        assert np.array_equal(*middles(length, resized, kept, interpolation))


@pytest.mark.parametrize("interpolation", BOTH)
@pytest.mark.parametrize("size", [(224, 224), (448, 224), (96, 192), (375, 500), (256, 300), (61, 97)])
def test_an_image_is_prepared_to_the_bit_as_timm_does(size, interpolation, monkeypatch):
    normalise = Normalisation(MEAN, MEAN, size=224, crop_share=0.875, interpolation=interpolation)
    for picture in (photograph("coffee").resize(size), Image.fromarray(noise(*size[::-1]))):
        expected = normalise._fit(picture).permute(1, 2, 0)
        if size in ((224, 224), (448, 224), (96, 192)):
            with monkeypatch.context() as patched:  # so that timm's can't have made it
                patched.setattr(Normalisation, "_fit", None)
                assert torch.equal(normalise.prepare(picture), expected)
        assert torch.equal(normalise.prepare(picture), expected)


def test_grey_images_and_other_ways_to_crop_are_left_to_timm():
    assert Normalisation(MEAN, MEAN, size=224, crop_share=0.875).prepare(
        Image.fromarray(noise(224, 224)).convert("L")
    ).shape == (224, 224, 1)
    squash = Normalisation(MEAN, MEAN, size=224, crop_share=0.875, crop_mode="squash")
    assert not squash._as_pillow((224, 224))


@pytest.mark.parametrize("interpolation", BOTH)
@pytest.mark.parametrize(("height", "width"), [(256, 341), (300, 400), (75, 100), (90, 33)])
def test_torchvisions_own_function_gives_the_same_on_a_usual_processor(height, width, interpolation):
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        pytest.skip("without AVX2 torchvision's function takes floats for bilinear")
    image = torch.from_numpy(noise(75, 100)).permute(2, 0, 1)
    expected = functional.resize(image, [height, width], InterpolationMode(interpolation), antialias=True)
    assert torch.equal(resize(image, height, width, interpolation), expected)
