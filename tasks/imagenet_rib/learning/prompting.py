"""Visual prompts: a learnable frame around the image, in front of a model that stays as it is."""

import torch
from torch import Tensor, nn

REFERENCE_SIDE = 224


def frame_width(image_size: int, width: int = 30) -> int:
    """Return the frame's width for images of a given side.

    Args:
        image_size: Side of the images, pixels.
        width: Width at a side of 224 pixels.

    Returns:
        The width in the same proportion, pixels: at least 1, at most half the side.
    """
    return max(1, min(image_size // 2, round(width * image_size / REFERENCE_SIDE)))


class Prompted(nn.Module):
    """A model that sees its images with a learnable frame added.

    Bahng et al. 2022 (Exploring Visual Prompts for Adapting Large-Scale Models), section 3.2, the padding
    template: ``2 C p (H + W - 2p)`` parameters, 69,840 for p = 30 and three channels of 224 x 224 pixels.
    The frame is added to the normalised image. It starts at zero, where the model is the pre-trained one, or
    from a standard normal draw of torch's global generator. Its gradients are small: the source trains it
    with a learning rate of 40.

    Args:
        model: Maps images ``(N, C, image_size, image_size)`` to logits.
        image_size: Side of the images, pixels.
        width: Width of the frame, pixels of these images.
        channels: C.
        normal_start: Whether the frame starts from a normal draw.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        image_size: int,
        width: int,
        channels: int = 3,
        normal_start: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        inner = image_size - 2 * width
        self.top = nn.Parameter(torch.zeros(channels, width, image_size))
        self.bottom = nn.Parameter(torch.zeros(channels, width, image_size))
        self.left = nn.Parameter(torch.zeros(channels, inner, width))
        self.right = nn.Parameter(torch.zeros(channels, inner, width))
        if normal_start:
            for side in (self.top, self.bottom, self.left, self.right):
                nn.init.normal_(side)
        self.register_buffer("middle", torch.zeros(channels, inner, inner), persistent=False)

    def prompt(self) -> Tensor:
        """Return what is added to each image, shape ``(C, image_size, image_size)``, zero inside."""
        middle: Tensor = self.middle  # type: ignore[assignment]
        rows = torch.cat([self.left, middle, self.right], dim=2)
        return torch.cat([self.top, rows, self.bottom], dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images ``(N, C, image_size, image_size)``."""
        logits: Tensor = self.model(images + self.prompt())
        return logits
