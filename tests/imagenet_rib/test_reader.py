"""The reader ``torchvision`` prepares images nearly as timm does, and has ids of its own."""

import numpy as np
import pytest
import torch
from PIL import Image

from gridcell.errors import UserError
from imagenet_rib.grid.plan import plan
from imagenet_rib.learning.predictions import Normalisation
from imagenet_rib.settings import Settings
from photographs import crops, photograph

MEAN = (0.5, 0.5, 0.5)


def both(picture, **how):
    """Return what timm's transform and ours make of a picture."""
    normalise = Normalisation(MEAN, MEAN, **how)
    tensor = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    return normalise.prepare(picture).int(), normalise.prepare(tensor).int()


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize(("size", "share"), [(224, 0.875), (224, 0.9), (97, 1.0), (64, 0.95)])
@pytest.mark.parametrize("name", ["china", "chelsea", "coffee"])
def test_pixels_differ_by_a_level_or_two_and_hardly_any_do(name, size, share, interpolation):
    for picture in (photograph(name), crops(name, 1, 150)[0].crop((0, 0, 150, 111))):  # smaller, and larger
        one, other = both(picture, size=size, crop_share=share, interpolation=interpolation)
        assert one.shape == other.shape == (size, size, 3)
        difference = (one - other).abs()
        assert difference.max() <= 2
        assert difference.float().mean() < 0.02


@pytest.mark.parametrize("mode", ["squash", "border"])
def test_other_ways_to_crop_are_timms_own(mode):
    one, other = both(photograph("coffee"), size=96, crop_share=0.9, crop_mode=mode)
    assert torch.equal(one, other)


def test_images_of_a_model_that_names_no_size_are_left_as_they_are():
    picture = Image.fromarray(np.arange(60, dtype=np.uint8).reshape(4, 5, 3))
    one, other = both(picture)
    assert torch.equal(one, other)


def planned(**data):
    given = {
        "data": {"source": "published"} | data,
        "architectures": {"a": {"name": "resnet50"}},
        "pretrainings": {"p": {"source": "torchvision"}},
        "methods": {"ft": None, "ewc": None},
        "downstream": ["v2", "a"],
        "distance": {"enabled": True},
    }
    return plan(Settings.model_validate(given))


def test_every_cell_that_reads_images_has_an_id_of_its_own_and_the_default_keeps_them():
    usual = planned().cells
    assert planned(reader="pil").cells.keys() == usual.keys()
    fast = planned(reader="torchvision").cells
    same = {cell.kind for cell_id, cell in fast.items() if cell_id in usual}
    assert same == {"pretrained"}  # the weights alone
    assert {cell.config.get("reader") for cell in fast.values() if cell.kind == "data"} == {"torchvision"}


def test_images_in_memory_have_no_such_choice():
    with pytest.raises(UserError, match=r"'data\.reader' goes with data\.source=published and shards"):
        plan(
            Settings.model_validate(
                {
                    "data": {"source": "digits", "reader": "torchvision"},
                    "architectures": {"a": {"name": "resnet18"}},
                    "pretrainings": {"p": {"epochs": 1}},
                    "methods": {"ft": None},
                }
            )
        )
