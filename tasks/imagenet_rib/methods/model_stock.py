"""``model_stock``: between the pre-trained weights and the mean of few fine-tuned ones (Jang et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from imagenet_rib.method import Merging, Parameters
from imagenet_rib.vocabulary import PRE

if TYPE_CHECKING:
    from imagenet_rib.method import StateDict


class Settings(Parameters):
    """Settings of the model stock."""

    ingredients: tuple[str, ...] = Field(
        default=("ft", "lwf"),
        min_length=2,
        description="entries whose weights are merged; the source takes several runs of one method",
    )

    @field_validator("ingredients")
    @classmethod
    def _distinct(cls, ingredients: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(ingredients)) != len(ingredients):
            raise ValueError("an ingredient is named twice")
        if PRE in ingredients or "model_stock" in ingredients:
            raise ValueError("the ingredients are fine-tuned weights; the pre-trained ones are there anyway")
        return ingredients


def merge(weights: Mapping[str, StateDict], /, **variant: Any) -> StateDict:
    """Return the merge of all the weights given but ``pre``, anchored at ``pre``."""
    from imagenet_rib.learning.merging import model_stock

    return model_stock(weights[PRE], [given for role, given in weights.items() if role != PRE])


method = Merging(
    name="model_stock",
    summary="Layer by layer between the pre-trained weights and the mean of fine-tuned ones, the nearer to "
    "the mean the more these agree (Jang et al. 2024).",
    parameters=Settings,
    ingredients=lambda settings: (PRE, *settings.ingredients),
    merge=merge,
)
