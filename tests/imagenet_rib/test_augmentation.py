"""Augmentation of pre-training: published policies as torchvision has them, drawn for each image."""

import math

import pytest
import torch
from torchvision.transforms import v2

from gridcell.data.digits import load_digits_images
from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.learning import augmentation
from imagenet_rib.learning.augmentation import augmentation_of

POLICIES = {
    "auto_augment": v2.AutoAugment,
    "rand_augment": v2.RandAugment,
    "trivial_augment": v2.TrivialAugmentWide,
    "aug_mix": v2.AugMix,
}
IMAGES = torch.from_numpy(load_digits_images(16).images[:24])


@pytest.mark.parametrize("policy", POLICIES)
def test_a_published_policy_is_torchvisions_image_by_image(policy):
    augment = augmentation_of({"augmentation": "rich", "policy": policy})
    torch.manual_seed(0)
    found = augment(IMAGES)
    torch.manual_seed(0)
    expected = [POLICIES[policy]()(image.permute(2, 0, 1)).permute(1, 2, 0) for image in IMAGES]
    assert torch.equal(found, torch.stack(expected))
    assert found.dtype == torch.uint8
    same = torch.from_numpy(load_digits_images(16).images[:1]).expand(24, -1, -1, -1)
    assert len({image.numpy().tobytes() for image in augment(same)}) > 5, (
        "each image is changed in its own way"
    )


def test_the_own_policy_keeps_the_ids_and_another_changes_them():
    def pretrained(*overrides):
        cells = load_suite(find_task("imagenet-rib"), "mini", overrides).grid().cells
        return {cell.title: cell.id for cell in cells.values() if cell.kind == "pretrain"}

    before = pretrained()
    assert pretrained("pretrainings.rich.policy=own") == before
    after = pretrained("pretrainings.rich.policy=rand_augment")
    assert {title for title in before if after[title] != before[title]} == {
        "pretrain vit-rich",
        "pretrain resnet-rich",
    }
    with pytest.raises(UserError, match="'policy' goes with augmentation: rich"):
        pretrained("pretrainings.plain.policy=aug_mix")


N = 4000
GREY = torch.full((N, 3, 9, 9), 0.5)


def share(found):
    """Return the share of images that are not as they were."""
    return float(found.flatten(1).ne(0.5).any(1).double().mean())


@pytest.mark.parametrize("probability", [0.0, 0.15, 0.3, 1.0])
def test_a_step_is_taken_with_its_probability(probability):
    torch.manual_seed(0)
    drawn = augmentation._chance(GREY, probability)
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    assert float(drawn.mean()) == pytest.approx(probability, abs=4 * math.sqrt(0.25 / N))


def test_three_of_ten_images_are_covered_by_a_square_of_one_grey():
    """A square that lies beyond the border, or is thinner than a pixel, covers nothing: up to a fifth."""
    torch.manual_seed(0)
    found = augmentation._occlude(GREY)
    assert 0.2 < share(found) < 0.3
    covered = [image[image != 0.5] for image in found if bool((image != 0.5).any())]
    assert all(len(values.unique()) == 1 for values in covered)
    assert all(len(values) <= 3 * 3 * 3 for values in covered), "at most a third of the side"
    greys = torch.stack([values[0] for values in covered])
    assert 0 <= float(greys.min()) < 0.05
    assert 0.95 < float(greys.max()) <= 1
    rows, columns = (found != 0.5).any(1).any(2).sum(0), (found != 0.5).any(1).any(1).sum(0)
    for where in (rows, columns):
        assert int(where.min()) > 0.3 * int(where.max()), "anywhere in the image"


def test_blurring_keeps_the_mean_and_leaves_a_flat_image_alone():
    torch.manual_seed(0)
    assert share(augmentation._soften(GREY)) == 0
    noise = torch.rand(N, 3, 9, 9)
    softer = augmentation._soften(noise)
    changed = softer.ne(noise).flatten(1).any(1)
    assert float(changed.double().mean()) == pytest.approx(1 - 0.7 * 0.85, abs=0.03)
    assert softer.flatten(1).std(1)[changed].mean() < 0.5 * noise.flatten(1).std(1)[changed].mean()


def test_colours_change_and_poses_keep_what_is_flat():
    torch.manual_seed(0)
    assert augmentation._move(GREY).sub(0.5).abs().max() < 1e-5
    light = augmentation._recolour(torch.full((N, 3, 2, 2), 1.0))
    spread = light.flatten(2).std(2)
    assert float(spread.max()) < 1e-6, "one colour stays one"
    tinted = float((light.flatten(1).std(1) > 1e-4).double().mean())
    assert tinted == pytest.approx(0.6, abs=0.04)


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_recoloured_blacks_and_whites_lie_within_their_ranges(monkeypatch, chance):
    """Each from its own two fifths of the range; inverted, black and white change places."""
    torch.manual_seed(0)
    monkeypatch.setattr(augmentation, "_chance", lambda x, share: torch.full((len(x), 1, 1, 1), chance))
    drawn = iter([1.0, 0.0])  # contrast and brightness stay
    monkeypatch.setattr(augmentation, "_uniform", lambda x, low, high: next(drawn))
    images = torch.stack([torch.zeros(3, 2, 2), torch.ones(3, 2, 2)]).repeat(50, 1, 1, 1)
    black, white = augmentation._recolour(images).view(50, 2, -1).unbind(1)
    if not chance:
        assert (black == 0).all()
        assert (white == 1).all()
        return
    black, white = white, black
    assert 0 <= float(black.min()) < 0.05
    assert 0.35 < float(black.max()) <= 0.4
    assert 0.6 <= float(white.min()) < 0.65
    assert 0.95 < float(white.max()) <= 1


def test_rich_images_keep_their_shape_range_and_order(monkeypatch):
    """With all that is drawn left out, the images are those that were given."""
    images = torch.randint(
        0, 256, (5, 8, 12, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    found = augmentation.rich(images)
    assert found.shape == images.shape
    assert found.dtype == torch.float32
    assert 0 <= float(found.min()) <= float(found.max()) <= 255
    for step in ("_move", "_recolour", "_soften", "_occlude"):
        monkeypatch.setattr(augmentation, step, lambda x: x)
    monkeypatch.setattr(augmentation, "_chance", lambda x, probability: torch.zeros(len(x), 1, 1, 1))
    torch.testing.assert_close(augmentation.rich(images), images.float(), rtol=0, atol=1e-4)
