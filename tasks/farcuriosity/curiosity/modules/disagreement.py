"""``disagreement``: variance among forward models (Pathak et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from farcuriosity.curiosity.parameters import Prediction, predicting

if TYPE_CHECKING:
    from farcuriosity.curiosity.predictors import Disagreement


class Settings(Prediction):
    """Settings of disagreement."""

    models: int = Field(default=5, ge=2, description="forward models")


def predictor(
    observation_shape: tuple[int, ...], actions: int, features: int, *, models: int
) -> Disagreement:
    """Predict frozen random features of the next observation several times over."""
    from farcuriosity.curiosity.predictors import Disagreement

    del observation_shape
    return Disagreement(features, actions, models)


kind = predicting(
    "disagreement",
    "The variance among forward models of frozen random features (Pathak et al. 2019).",
    Settings,
    predictor,
)
