"""``rnd``: random network distillation (Burda et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from farcuriosity.curiosity.parameters import Prediction, predicting

if TYPE_CHECKING:
    from farcuriosity.curiosity.predictors import Distillation


class Settings(Prediction):
    """Settings of random network distillation."""

    proportion: float = Field(default=0.25, gt=0, le=1, description="share of the transitions that train")


def predictor(observation_shape: tuple[int, ...], actions: int, features: int) -> Distillation:
    """Predict a frozen random network of the next observation."""
    from farcuriosity.curiosity.predictors import Distillation

    del actions
    return Distillation(observation_shape, features)


kind = predicting(
    "rnd",
    "The error of predicting a frozen random network of the state reached (Burda et al. 2018).",
    Settings,
    predictor,
)
