"""Augmentation of pre-training: published policies as torchvision has them, drawn for each image."""

import pytest
import torch
from torchvision.transforms import v2

from gridcell.data.digits import load_digits_images
from gridcell.errors import UserError
from gridcell.suite import load_suite
from gridcell.task import find_task
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
