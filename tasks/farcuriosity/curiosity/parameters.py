"""Settings that the curiosities share."""

from pydantic import Field

from farcuriosity.curiosity.interface import Parameters


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
        description="segments without reward at an environment's start, while normalisers and module are "
        "new; after a fragmentation likewise",
    )
