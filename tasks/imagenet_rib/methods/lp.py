"""``lp``: linear probing."""

from __future__ import annotations

from typing import Any

from imagenet_rib.method import FineTuning, Recipe, Start


def prepare(start: Start, /, **parameters: Any) -> Recipe:
    """Train the head; the backbone stays as it is, its batch statistics included."""
    from imagenet_rib.learning.objectives import cross_entropy_loss

    return Recipe(
        start.model,
        cross_entropy_loss(start.classes),
        trainable=frozenset(start.head).__contains__,
        frozen_statistics=True,
    )


method = FineTuning(
    name="lp",
    summary="Linear probing: the head alone is trained, by cross-entropy.",
    prepare=prepare,
)
