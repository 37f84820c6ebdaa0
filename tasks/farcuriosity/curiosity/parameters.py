"""What the curiosities that reward errors of prediction share: their settings, and how one is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from farcuriosity.curiosity.interface import Kind, Parameters

if TYPE_CHECKING:
    from farcuriosity.curiosity.prediction import PredictionCuriosity
    from farcuriosity.curiosity.predictors import Predictor


class Prediction(Parameters):
    """Settings of every curiosity that rewards errors of prediction."""

    features: int = Field(default=512, ge=1, description="numbers that an observation is encoded in")
    lr: float = Field(default=1e-4, gt=0, description="step size of Adam")
    proportion: float = Field(default=1.0, gt=0, le=1, description="share of the transitions that train")
    gradient_norm: float = Field(default=1.0, gt=0, description="largest norm of a module's gradient")
    gamma: float = Field(default=0.99, ge=0, lt=1, description="discount of the sum that scales rewards")
    clip: float = Field(default=5.0, gt=0, description="largest magnitude of a normalised observation")
    burn_in: int = Field(
        default=1,
        ge=0,
        description="segments whose errors enter no statistics of fragments at an environment's start, while "
        "normalisers and module are new; after a fragmentation likewise",
    )
    burn_in_rewards: Literal["given", "zero"] = Field(
        default="given", description="whether segments of burn-in are rewarded"
    )


def predicting(
    name: str, summary: str, parameters: type[Prediction], predictor: Callable[..., Predictor]
) -> Kind:
    """Return the curiosity that rewards what a network predicts badly.

    Args:
        name: in suites and reports.
        summary: one sentence, with its source.
        parameters: settings.
        predictor: makes it, called as ``predictor(observation_shape, actions, features)`` and with those
            settings that it names as keyword-only arguments.
    """
    arguments = inspect.signature(predictor).parameters.values()
    own = [argument.name for argument in arguments if argument.kind is argument.KEYWORD_ONLY]

    def make(
        observation_shape: tuple[int, ...],
        actions: int,
        environments: int,
        seed: int,
        *,
        features: int,
        burn_in_rewards: str,
        **options: Any,
    ) -> PredictionCuriosity:
        from farcuriosity.curiosity.prediction import PredictionCuriosity

        settings = {name: options.pop(name) for name in own}
        return PredictionCuriosity(
            observation_shape,
            environments,
            seed,
            lambda: predictor(observation_shape, actions, features, **settings),
            features=features,
            burn_in_rewards=burn_in_rewards == "given",
            **options,
        )

    return Kind(name=name, summary=summary, make=make, parameters=parameters, fragmentable=True)
