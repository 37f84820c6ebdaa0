"""``half``: half of L2-SP's spring."""

from __future__ import annotations

from imagenet_rib.method import FineTuning, Recipe, Start


def prepare(start: Start, /) -> Recipe:
    """Pull towards the pre-trained weights, half as strong as ``l2_sp``."""
    from imagenet_rib.learning.objectives import penalised_loss

    return Recipe(start.model, penalised_loss(start.classes, start.reference, None, 0.5))


method = FineTuning(name="half", summary="Half of L2-SP's spring, as an example.", prepare=prepare)
