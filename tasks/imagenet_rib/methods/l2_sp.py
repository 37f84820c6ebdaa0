"""``l2_sp``: a spring to the starting point (Li, Grandvalet and Davoine 2018)."""

from __future__ import annotations

from pydantic import Field

from imagenet_rib.method import FineTuning, Parameters, Recipe, Start


class Settings(Parameters):
    """Settings of L2-SP."""

    strength: float = Field(default=1.0, ge=0, description="lambda, the weight of the penalty")


def prepare(start: Start, /, *, strength: float = 1.0) -> Recipe:
    """Add ``strength * sum_k (theta_k - theta_k^pre)^2`` to the loss."""
    from imagenet_rib.learning.objectives import penalised_loss

    return Recipe(start.model, penalised_loss(start.classes, start.reference, None, strength))


method = FineTuning(
    name="l2_sp",
    summary="Squared distance from the pre-trained weights as a penalty (Li et al. 2018); the benchmark's "
    "released code calls it EWC.",
    parameters=Settings,
    prepare=prepare,
)
