"""The reader ``torchvision`` prepares images nearly as timm does, and has ids of its own."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from gridcell.data.folders.decode import published_rgb
from gridcell.data.folders.readers import published_tensor
from gridcell.errors import UserError
from imagenet_rib.grid.plan import plan
from imagenet_rib.learning.models import build_model, build_pretrained, normalisation_of
from imagenet_rib.learning.offline_weights import offline_weights
from imagenet_rib.learning.predictions import Normalisation
from imagenet_rib.settings import Settings
from photographs import PHOTOGRAPHS, crops, photograph

MEAN = (0.5, 0.5, 0.5)


@pytest.fixture
def one_thread():
    """Keep torch to one thread: several spin where other work has the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def encoded(picture, quality):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def build_offline(base):
    name = f"{base}.in1k"
    try:
        weights = offline_weights(name, build_model(name, num_classes=1000, image_size=224).state_dict())
    except UserError as error:
        pytest.skip(str(error))
    return build_pretrained(name, num_classes=1000, image_size=224, weights=weights).eval()


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
        assert (difference > 1).float().mean() <= 5e-5


def test_two_levels_are_met_so_pillow_stays_the_default():
    """One level was the condition for another default; one value in a million differs by two."""
    part = photograph("rocket").crop((20, 10, 395, 310))
    one, other = both(part, size=224, crop_share=0.875)
    difference = (one - other).abs()
    assert difference.max() == 2
    assert 0 < (difference == 2).sum() < 10
    assert (difference == 1).sum() < 1000
    assert Settings.model_fields["data"].default.reader == "pil"


@pytest.mark.slow
def test_answers_are_the_same_by_either_reader(one_thread):
    """The benchmark ``image_readers`` shows this for 1,008 crops."""
    model = build_offline("tf_efficientnet_lite0")
    normalise = normalisation_of(model)
    files = [
        encoded(crop.crop((0, 50, 400, 350)), 75) for name in PHOTOGRAPHS for crop in crops(name, 4, 400)
    ]
    right = [kinds for kinds in PHOTOGRAPHS.values() for _ in range(4)]
    answers, hits = {}, {}
    for reader, read in (("pil", published_rgb), ("torchvision", published_tensor)):
        images = torch.stack([normalise.prepare(read(file, "")) for file in files])
        with torch.inference_mode():
            answers[reader] = model(normalise(images)).argmax(1).tolist()
        hits[reader] = sum(answer in kinds for answer, kinds in zip(answers[reader], right, strict=True))
    assert hits["pil"] >= 18  # of 28; weights under wrong names see nothing
    assert hits["torchvision"] == hits["pil"]
    assert sum(one != other for one, other in zip(*answers.values(), strict=True)) <= 1


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
