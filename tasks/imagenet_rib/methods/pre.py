"""``pre``: the pre-trained model as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imagenet_rib.method import Merging

if TYPE_CHECKING:
    from imagenet_rib.method import StateDict


def merge(weights: Mapping[str, StateDict], /, **variant: Any) -> StateDict:
    """Return the pre-trained weights."""
    return weights["pre"]


method = Merging(
    name="pre",
    summary="The pre-trained model, not fine-tuned: the reference of every robustness improvement.",
    ingredients=lambda parameters: ("pre",),
    merge=merge,
)
