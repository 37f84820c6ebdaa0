"""``ft``: plain fine-tuning."""

from __future__ import annotations

from typing import Any

from imagenet_rib.method import FineTuning, Recipe, Start


def prepare(start: Start, /, **parameters: Any) -> Recipe:
    """Train all parameters by cross-entropy."""
    from imagenet_rib.learning.objectives import cross_entropy_loss

    return Recipe(start.model, cross_entropy_loss(start.classes))


method = FineTuning(
    name="ft",
    summary="Fine-tuning of all parameters by cross-entropy.",
    prepare=prepare,
)
