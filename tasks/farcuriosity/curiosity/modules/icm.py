"""``icm``: the intrinsic curiosity module (Pathak et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from farcuriosity.curiosity.interface import Kind
from farcuriosity.curiosity.parameters import Prediction

if TYPE_CHECKING:
    from farcuriosity.curiosity.prediction import PredictionCuriosity


class Settings(Prediction):
    """Settings of the intrinsic curiosity module."""

    forward_weight: float = Field(default=0.2, ge=0, le=1, description="beta, the forward model's share")


def make(
    observation_shape: tuple[int, ...],
    actions: int,
    environments: int,
    seed: int,
    *,
    features: int,
    forward_weight: float,
    **options: Any,
) -> PredictionCuriosity:
    """Predict the next observation's code, in which actions can be told apart."""
    from farcuriosity.curiosity.prediction import PredictionCuriosity
    from farcuriosity.curiosity.predictors import InverseAndForward

    return PredictionCuriosity(
        observation_shape,
        environments,
        seed,
        lambda: InverseAndForward(observation_shape, features, actions, forward_weight),
        features=features,
        **options,
    )


kind = Kind(
    name="icm",
    summary="The forward model's error on a code learnt by telling actions apart (Pathak et al. 2017).",
    parameters=Settings,
    make=make,
    fragmentable=True,
)
