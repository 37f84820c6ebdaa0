"""``ewc``: elastic weight consolidation (Kirkpatrick et al. 2017)."""

from __future__ import annotations

from pydantic import Field

from gridcell import UserError
from imagenet_rib.method import FineTuning, Parameters, Recipe, Start


class Settings(Parameters):
    """Settings of EWC."""

    strength: float = Field(default=1.0, ge=0, description="lambda, the weight of the penalty")


def prepare(start: Start, /, *, strength: float = 1.0) -> Recipe:
    """Add ``strength * sum_k F_k (theta_k - theta_k^pre)^2`` to the loss.

    Raises:
        UserError: If the start carries no Fisher information.
    """
    from imagenet_rib.learning.objectives import penalised_loss

    if start.fisher is None:
        raise UserError("Method 'ewc' needs the Fisher information of the pre-trained model.")
    return Recipe(start.model, penalised_loss(start.classes, start.reference, start.fisher, strength))


method = FineTuning(
    name="ewc",
    summary="Elastic weight consolidation: distance from the pre-trained weights costs as much as the "
    "diagonal Fisher information says they matter (Kirkpatrick et al. 2017).",
    parameters=Settings,
    prepare=prepare,
    statistics=("fisher",),
)
