"""``soup``: the uniform average of several methods' weights (Wortsman et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from imagenet_rib.method import Merging, Parameters

if TYPE_CHECKING:
    from imagenet_rib.method import StateDict


class Settings(Parameters):
    """Settings of the soup."""

    ingredients: tuple[str, ...] = Field(
        default=("pre", "ft", "ewc", "lwf"),
        min_length=1,
        description="methods whose weights are averaged; the default is the benchmark's MS",
    )

    @field_validator("ingredients")
    @classmethod
    def _distinct(cls, ingredients: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(ingredients)) != len(ingredients):
            raise ValueError("an ingredient is named twice")
        if "soup" in ingredients:
            raise ValueError("a soup can't be its own ingredient")
        return ingredients


def merge(weights: Mapping[str, StateDict], /, **variant: Any) -> StateDict:
    """Return the mean of all the weights given."""
    from imagenet_rib.learning.merging import average

    return average(list(weights.values()))


method = Merging(
    name="soup",
    summary="Uniform average of the weights of several methods (Wortsman et al. 2022).",
    parameters=Settings,
    ingredients=lambda settings: settings.ingredients,
    merge=merge,
)
