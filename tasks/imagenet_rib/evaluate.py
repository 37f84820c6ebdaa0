"""Predictions on data sets of uint8 images, every image exactly once."""

from collections.abc import Sequence

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from gridcell.learn.batches import Batches
from gridcell.learn.placement import Placed, device_of
from imagenet_rib.masking import predict_within


class Normalisation:
    """Turns uint8 images into normalised floats, ``(x / 255 - mean) / std``, on the images' own device.

    Images of another size than the model's are first brought to it as in the evaluation of timm's models:
    the shorter side is resized to ``size / crop_share`` (antialiased), then the centre is cut out.

    The result keeps the images' order in memory, which is that of ``torch.channels_last``: the faster one
    for convolutions, and no slower for a patch embedding.

    Args:
        mean: Mean of each channel, of images in [0, 1].
        std: Standard deviation of each channel, of images in [0, 1].
        size: Side of the model's images, pixels; None takes images as they are.
        crop_share: Share of the resized image's side that is cut out.
        interpolation: ``bicubic`` or ``bilinear``.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        size: int | None = None,
        crop_share: float = 1.0,
        interpolation: str = "bicubic",
    ) -> None:
        self.mean, self.std = tuple(mean), tuple(std)
        self.size, self.crop_share, self.interpolation = size, crop_share, interpolation
        self._rows: dict[int, Placed] = {}

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise images, uint8 of shape ``(N, H, W, C)``, to float32 of shape ``(N, C, H, W)``."""
        if self.size is not None and images.shape[1:3] != (self.size, self.size):
            images = fit_centre(images, self.size, self.crop_share, self.interpolation)
        count, height, width, channels = images.shape
        if width not in self._rows:
            self._rows[width] = self._row_constants(width)
        scale, shift = self._rows[width].on(images.device)
        # By whole rows of pixels, which the CPU computes six times as fast as triples of channels.
        rows = images.reshape(count, height, width * channels).to(torch.float32)
        return rows.mul_(scale).add_(shift).view(images.shape).permute(0, 3, 1, 2)

    def _row_constants(self, width: int) -> Placed:
        mean, std = torch.tensor(self.mean), torch.tensor(self.std)
        return Placed((1 / (255 * std)).repeat(width), (-mean / std).repeat(width))


def fit_centre(images: Tensor, size: int, crop_share: float, interpolation: str) -> Tensor:
    """Resize the shorter side to ``size / crop_share`` (rounded down) and cut out the centre.

    Args:
        images: uint8 of shape ``(N, H, W, C)``.
        size: Side of the result, pixels.
        crop_share: In (0, 1].
        interpolation: ``bicubic`` or ``bilinear``, antialiased.

    Returns:
        uint8 of shape ``(N, size, size, C)``.
    """
    height, width = images.shape[1:3]
    shorter = int(size / crop_share)
    if min(height, width) != shorter:
        scale = shorter / min(height, width)
        height, width = int(height * scale + 1e-6), int(width * scale + 1e-6)
        floats = images.permute(0, 3, 1, 2).to(torch.float32)
        resized = functional.interpolate(floats, (height, width), mode=interpolation, antialias=True)
        images = resized.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    top, left = round((height - size) / 2), round((width - size) / 2)
    return images[:, top : top + size, left : left + size].contiguous()


def predict(
    model: nn.Module,
    images: Tensor | NDArray,
    normalisation: Normalisation,
    classes: Tensor,
    batch_size: int = 128,
) -> Tensor:
    """Predict the most likely class of each image among a subset of classes.

    Args:
        model: A classifier that returns logits of shape ``(N, C)``; runs in evaluation mode on the device
            it is on, and is left in the modes it was found in.
        images: uint8 of shape ``(N, H, W, 3)``; a memory-mapped array is read batch by batch.
        normalisation: Makes the model's inputs of them.
        classes: The subset, sorted, int64 of shape ``(K,)``.
        batch_size: Images at a time.

    Returns:
        Global classes, int64 of shape ``(N,)``, on the CPU, in the images' order.
    """
    device = device_of(model)
    subset = classes.to(device)
    modes = {module: module.training for module in model.modules()}
    model.eval()
    predictions = [torch.empty(0, dtype=torch.int64, device=device)]
    try:
        with torch.inference_mode():
            for (batch,) in Batches(images, batch_size=batch_size, shuffle=False):
                logits = model(normalisation(batch.to(device, non_blocking=True)))
                predictions.append(predict_within(logits, subset))
    finally:
        for module, training in modes.items():
            module.training = training
    # One copy at the end: one a batch would make the host wait for the device each time.
    return torch.cat(predictions).cpu().clone()
