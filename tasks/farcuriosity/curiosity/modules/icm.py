"""``icm``: the intrinsic curiosity module (Pathak et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from farcuriosity.curiosity.parameters import Prediction, predicting

if TYPE_CHECKING:
    from farcuriosity.curiosity.predictors import InverseAndForward


class Settings(Prediction):
    """Settings of the intrinsic curiosity module."""

    forward_weight: float = Field(default=0.2, ge=0, le=1, description="beta, the forward model's share")


def predictor(
    observation_shape: tuple[int, ...], actions: int, features: int, *, forward_weight: float
) -> InverseAndForward:
    """Predict the next observation's code, in which actions can be told apart."""
    from farcuriosity.curiosity.predictors import InverseAndForward

    return InverseAndForward(observation_shape, features, actions, forward_weight)


kind = predicting(
    "icm",
    "The forward model's error on a code learnt by telling actions apart (Pathak et al. 2017).",
    Settings,
    predictor,
)
