"""``visual_prompt``: a learnable frame around the image (Bahng et al. 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gridcell import added_later
from imagenet_rib.method import FineTuning, Parameters, Recipe, Start

if TYPE_CHECKING:
    from torch import nn


class Settings(Parameters):
    """Settings of the visual prompt."""

    width: int = Field(default=30, ge=1, le=112, description="width of the frame, pixels of 224")
    start: Literal["zeros", "normal"] = added_later(
        "zeros", description="what the frame holds at first; a standard normal draw as released"
    )


def wrap(model: nn.Module, /, *, image_size: int, width: int = 30, start: str = "zeros") -> nn.Module:
    """Put a frame in front of a model."""
    from imagenet_rib.learning.prompting import Prompted, frame_width

    frame = frame_width(image_size, width)
    return Prompted(model, image_size=image_size, width=frame, normal_start=start == "normal")


def prepare(given: Start, /, *, width: int = 30, start: str = "zeros") -> Recipe:
    """Train the frame alone; the model stays as it is, its batch statistics included."""
    from imagenet_rib.learning.objectives import cross_entropy_loss

    return Recipe(
        wrap(given.model, image_size=given.image_size, width=width, start=start),
        cross_entropy_loss(given.classes),
        trainable=frozenset({"top", "bottom", "left", "right"}).__contains__,
        frozen_statistics=True,
    )


method = FineTuning(
    name="visual_prompt",
    summary="A learnable frame, 30 pixels wide of 224, is added to the image and trained alone "
    "(Bahng et al. 2022).",
    parameters=Settings,
    prepare=prepare,
    wrap=wrap,
)
