"""Augmentations of pre-training: none, and a rich mixture of geometry, colour, noise and occlusion.

They stand for poor and rich pre-training data: what the paper varies by IN-1K, IN-21K and LAION-2B.
All random numbers come from torch's global generator, whose state checkpoints hold.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Augmentation = Callable[[Tensor], Tensor]


def plain(images: Tensor) -> Tensor:
    """Return the images as they are."""
    return images


def rich(images: Tensor) -> Tensor:
    """Vary pose, colours, sharpness, noise and occlusion, each image by its own random amounts.

    Args:
        images: uint8, shape (N, H, W, 3).

    Returns:
        float32 in 0..255, same shape, laid out in memory as the input.
    """
    x = images.permute(0, 3, 1, 2).to(torch.float32) / 255
    x = _move(x)
    x = _recolour(x)
    x = _soften(x)
    x = x + torch.randn_like(x) * (_uniform(x, 0.0, 0.25) * _chance(x, 0.5))
    x = _occlude(x)
    return (x.clamp(0, 1) * 255).permute(0, 2, 3, 1)


def _uniform(x: Tensor, low: float, high: float) -> Tensor:
    """Draw one number per image, shape (N, 1, 1, 1)."""
    return torch.empty(len(x), 1, 1, 1, device=x.device).uniform_(low, high)


def _chance(x: Tensor, probability: float) -> Tensor:
    """Draw 1 with a probability and else 0, per image, shape (N, 1, 1, 1)."""
    return (_uniform(x, 0.0, 1.0) < probability).to(x.dtype)


def _move(x: Tensor) -> Tensor:
    """Rotate by up to 30 degrees, scale by 0.7 to 1.3, shear and shift a little."""
    n = len(x)
    angle = _uniform(x, -math.pi / 6, math.pi / 6).view(n)
    scale = _uniform(x, 0.7, 1.3).view(n)
    shear = _uniform(x, -0.2, 0.2).view(n)
    shift = torch.empty(n, 2, device=x.device).uniform_(-0.15, 0.15)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    rows = (torch.stack([cos, shear - sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1))
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _recolour(x: Tensor) -> Tensor:
    """Invert some images; give each a background and a foreground colour of its own."""
    inverted = _chance(x, 0.4)
    x = x * (1 - inverted) + (1 - x) * inverted
    low = torch.empty(len(x), 3, 1, 1, device=x.device).uniform_(0, 0.4)
    high = torch.empty(len(x), 3, 1, 1, device=x.device).uniform_(0.6, 1)
    tinted = low + x * (high - low)
    use = _chance(x, 0.6)
    x = tinted * use + x * (1 - use)
    return (x - 0.5) * _uniform(x, 0.4, 1.2) + 0.5 + _uniform(x, -0.2, 0.2)


def _soften(x: Tensor) -> Tensor:
    """Blur some images with a 3 x 3 or 5 x 5 mean."""
    for width, probability in ((3, 0.3), (5, 0.15)):
        # Of the chosen alone: on CPUs to blur all would cost more than all else that is done to them.
        chosen = _chance(x, probability).flatten().nonzero()[:, 0]
        blurred = F.avg_pool2d(x[chosen], width, stride=1, padding=width // 2, count_include_pad=False)
        x = x.index_copy(0, chosen, blurred)
    return x


def _occlude(x: Tensor) -> Tensor:
    """Cover a square of up to a third of the side, in some images, with one grey."""
    height, width = x.shape[-2:]
    side = _uniform(x, 0.1, 0.33) * height
    top, left = _uniform(x, 0, height), _uniform(x, 0, width)
    rows = torch.arange(height, device=x.device).view(1, 1, -1, 1)
    columns = torch.arange(width, device=x.device).view(1, 1, 1, -1)
    inside = ((rows - top).abs() < side / 2) & ((columns - left).abs() < side / 2)
    use = inside.to(x.dtype) * _chance(x, 0.3)
    return x * (1 - use) + _uniform(x, 0, 1) * use


def published(policy: str) -> Augmentation:
    """Return an augmentation as torchvision has it with its defaults, drawn anew for each image.

    Args:
        policy: ``auto_augment``, ``rand_augment``, ``trivial_augment`` or ``aug_mix``.
    """
    from torchvision.transforms import v2

    kinds = {
        "auto_augment": v2.AutoAugment,
        "rand_augment": v2.RandAugment,
        "trivial_augment": v2.TrivialAugmentWide,
        "aug_mix": v2.AugMix,
    }
    transform = kinds[policy]()

    def augment(images: Tensor) -> Tensor:
        """Return uint8 images (N, H, W, 3), each changed by the policy."""
        changed = [transform(image) for image in images.permute(0, 3, 1, 2)]
        return torch.stack(changed).permute(0, 2, 3, 1)

    return augment


def augmentation_of(pretraining: Mapping[str, Any]) -> Augmentation:
    """Return the augmentation that the settings of a pre-training name."""
    if pretraining["augmentation"] == "plain":
        return plain
    policy = pretraining.get("policy", "own")
    return rich if policy == "own" else published(policy)
