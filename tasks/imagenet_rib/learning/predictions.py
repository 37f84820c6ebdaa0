"""Predictions on uint8 images, prepared as the models' authors prepare them."""

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gridcell.learn import Placed, device_of, mixed_precision, tensor_float32
from imagenet_rib.learning.masking import predict_within
from imagenet_rib.learning.modes import evaluating
from imagenet_rib.learning.resizing import as_pillow, resize

if TYPE_CHECKING:
    from PIL.Image import Image


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
        crop_mode: How timm's own evaluation crops: ``center``, ``squash`` or ``border``.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        size: int | None = None,
        crop_share: float = 1.0,
        interpolation: str = "bicubic",
        crop_mode: str = "center",
    ) -> None:
        self.mean, self.std = tuple(mean), tuple(std)
        self.size, self.crop_share, self.interpolation = size, crop_share, interpolation
        self.crop_mode = crop_mode
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

    def prepare(self, image: "Image | Tensor") -> Tensor:
        """Bring a decoded image to the model's size by timm's own evaluation transform.

        Pixels stay uint8, a quarter of what floats would take to the device, where they are normalised.

        Args:
            image: Pillow's; or uint8 of shape ``(3, H, W)``, which is resized as torchvision does it: a few
                pixels then differ by a level or two.

        Returns:
            Shape ``(size, size, 3)``; the image's own size where the model names none.
        """
        if isinstance(image, Tensor):
            prepared = self._fit_tensor(image)
        elif image.mode == "RGB" and self._as_pillow(image.size):  # the same pixels in half the time
            prepared = self._fit_tensor(torch.from_numpy(np.array(image)).permute(2, 0, 1))
        else:
            prepared = self._fit(image)
        return prepared.permute(1, 2, 0).contiguous()

    def _fit_tensor(self, image: Tensor) -> Tensor:
        from torchvision.transforms.v2 import functional as transforms

        if self.size is None:
            return image
        if self.crop_mode != "center":
            prepared: Tensor = self._fit(transforms.to_pil_image(image))
            return prepared
        width, height = self._resized((image.shape[2], image.shape[1]))
        if (height, width) != image.shape[1:]:
            image = resize(image, height, width, self.interpolation)
        return transforms.center_crop(image, [self.size])

    def _resized(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return width and height to which an image of some width and height is brought before it is cut."""
        assert self.size is not None
        shorter = math.floor(self.size / self.crop_share)
        width, height = (int(shorter * side / min(size)) for side in size)
        return width, height

    def _as_pillow(self, size: tuple[int, int]) -> bool:
        """Tell whether torch resizes a Pillow image of this width and height as timm does, to the bit."""
        if self.size is None or self.crop_mode != "center":
            return False
        resized = self._resized(size)
        if resized == size or min(resized) < self.size:
            return False
        return all(
            as_pillow(side, after, self.size, self.interpolation)
            for side, after in zip(size, resized, strict=True)
        )

    @cached_property
    def _fit(self) -> Any:
        from timm.data.transforms import MaybePILToTensor
        from timm.data.transforms_factory import transforms_imagenet_eval

        if self.size is None:
            return MaybePILToTensor()
        return transforms_imagenet_eval(
            self.size,
            crop_pct=self.crop_share,
            crop_mode=self.crop_mode,
            interpolation=self.interpolation,
            mean=self.mean,
            normalize=False,
        )

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
    batches: Iterable[Sequence[Tensor]],
    normalisation: Normalisation,
    classes: Tensor,
    *,
    mixed: bool = True,
) -> Tensor:
    """Predict the most likely class of each image among a subset of classes.

    Args:
        model: A classifier that returns logits of shape ``(N, C)``; runs in evaluation mode on the device
            it is on, and is left in the modes it was found in.
        batches: Batches whose first tensors are images, uint8 of shape ``(B, H, W, 3)``.
        normalisation: Makes the model's inputs of them.
        classes: The subset, sorted, int64 of shape ``(K,)``.
        mixed: Whether the model answers in mixed precision on a GPU; on a CPU it answers in float32.

    Returns:
        Global classes, int64 of shape ``(N,)``, on the CPU, in the images' order.
    """
    found = Predictions(model, classes, mixed=mixed)
    with evaluating(model), torch.inference_mode():
        for images, *_ in batches:
            found.add(normalisation(images.to(found.device, non_blocking=True)))
    return found.all()


class Predictions:
    """The classes that a model predicts, batch by batch.

    Args:
        model: A classifier that returns logits of shape ``(N, C)``, in evaluation mode.
        classes: Those it may choose from, sorted, int64 of shape ``(K,)``.
        mixed: Whether it answers in mixed precision on a GPU.

    Attributes:
        device: That the model is on.
    """

    def __init__(self, model: nn.Module, classes: Tensor, *, mixed: bool = True) -> None:
        self._model, self._mixed = model, mixed
        self.device = device_of(model)
        self._subset = classes.to(self.device)
        self._found = [torch.empty(0, dtype=torch.int64, device=self.device)]

    def add(self, inputs: Tensor) -> None:
        """Predict the classes of a batch, in inference mode; float32 of shape ``(B, 3, H, W)``."""
        with mixed_precision(self.device) if self._mixed else tensor_float32(allowed=False):
            logits = self._model(inputs)
        self._found.append(predict_within(logits.float(), self._subset))

    def all(self) -> Tensor:
        """Return the predicted classes of all batches, int64 of shape ``(N,)``, on the CPU."""
        # One copy at the end: one a batch would make the host wait for the device each time.
        return torch.cat(self._found).cpu().clone()
