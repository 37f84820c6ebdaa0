"""``wise_ft``: the straight line from the pre-trained to the fine-tuned weights (Wortsman et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from imagenet_rib.method import Merging, Parameters

if TYPE_CHECKING:
    from imagenet_rib.method import StateDict

Share = Annotated[float, Field(ge=0, le=1)]


class Settings(Parameters):
    """Settings of WiSE-FT."""

    alpha: Share = Field(default=0.5, description="share of the fine-tuned weights in the headline result")
    curve: tuple[Share, ...] = Field(
        default=tuple(tenth / 10 for tenth in range(11)), description="shares evaluated beside it"
    )


def variants(settings: Settings) -> tuple[Mapping[str, float], ...]:
    """Return the headline's share, then those of the curve that differ from it by more than rounding."""
    shares: dict[float, float] = {}
    for share in (settings.alpha, *settings.curve):
        shares.setdefault(round(share, 6), share)
    return tuple({"alpha": share} for share in shares.values())


def merge(weights: Mapping[str, StateDict], /, *, alpha: float = 0.5) -> StateDict:
    """Return ``(1 - alpha) theta_pre + alpha theta_ft``."""
    from imagenet_rib.learning.merging import interpolate

    return interpolate(weights["pre"], weights["ft"], alpha)


def alone(variant: Mapping[str, float], /) -> str | None:
    """Return the end of the line that a share stands for."""
    return {0.0: "pre", 1.0: "ft"}.get(variant["alpha"])


method = Merging(
    name="wise_ft",
    summary="Interpolation between pre-trained and fine-tuned weights (Wortsman et al. 2022).",
    parameters=Settings,
    ingredients=lambda settings: ("pre", "ft"),
    variants=variants,
    merge=merge,
    alone=alone,
)
