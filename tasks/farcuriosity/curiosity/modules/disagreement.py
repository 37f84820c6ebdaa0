"""``disagreement``: variance among forward models (Pathak et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from farcuriosity.curiosity.interface import Kind
from farcuriosity.curiosity.parameters import Prediction

if TYPE_CHECKING:
    from farcuriosity.curiosity.prediction import PredictionCuriosity


class Settings(Prediction):
    """Settings of disagreement."""

    models: int = Field(default=5, ge=2, description="forward models")


def make(
    observation_shape: tuple[int, ...],
    actions: int,
    environments: int,
    seed: int,
    *,
    features: int,
    models: int,
    **options: Any,
) -> PredictionCuriosity:
    """Predict frozen random features of the next observation several times over."""
    from farcuriosity.curiosity.prediction import PredictionCuriosity
    from farcuriosity.curiosity.predictors import Disagreement

    return PredictionCuriosity(
        observation_shape,
        environments,
        seed,
        lambda: Disagreement(features, actions, models),
        features=features,
        **options,
    )


kind = Kind(
    name="disagreement",
    summary="The variance among forward models of frozen random features (Pathak et al. 2019).",
    parameters=Settings,
    make=make,
    fragmentable=True,
)
