"""``rnd``: random network distillation (Burda et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from farcuriosity.curiosity.interface import Kind
from farcuriosity.curiosity.parameters import Prediction

if TYPE_CHECKING:
    from farcuriosity.curiosity.prediction import PredictionCuriosity


class Settings(Prediction):
    """Settings of random network distillation."""

    proportion: float = Field(default=0.25, gt=0, le=1, description="share of the transitions that train")


def make(
    observation_shape: tuple[int, ...],
    actions: int,
    environments: int,
    seed: int,
    *,
    features: int,
    **options: Any,
) -> PredictionCuriosity:
    """Predict a frozen random network of the next observation."""
    from farcuriosity.curiosity.prediction import PredictionCuriosity
    from farcuriosity.curiosity.predictors import Distillation

    del actions
    return PredictionCuriosity(
        observation_shape,
        environments,
        seed,
        lambda: Distillation(observation_shape, features),
        features=features,
        **options,
    )


kind = Kind(
    name="rnd",
    summary="The error of predicting a frozen random network of the state reached (Burda et al. 2018).",
    parameters=Settings,
    make=make,
    fragmentable=True,
)
