"""``lwf``: learning without forgetting (Li and Hoiem 2017)."""

from __future__ import annotations

from pydantic import Field

from imagenet_rib.method import FineTuning, Parameters, Recipe, Start, Teacher


class Settings(Parameters):
    """Settings of LwF."""

    alpha: float = Field(default=1.0, ge=0, description="weight of the distillation term")
    temperature: float = Field(default=2.0, gt=0, description="T, by which both softmaxes are softened")


def prepare(start: Start, /, *, alpha: float = 1.0, temperature: float = 2.0) -> Recipe:
    """Add ``alpha * KL(softmax(z_pre / T) || softmax(z / T))`` to the loss."""
    from imagenet_rib.learning.objectives import Restricted, distilled_loss, taught_loss

    teacher = start.teacher()
    how = {"alpha": alpha, "temperature": temperature}
    return Recipe(
        start.model,
        distilled_loss(start.classes, teacher, **how),
        teacher=Teacher(Restricted(teacher, start.classes), taught_loss(start.classes, **how)),
    )


method = FineTuning(
    name="lwf",
    summary="Learning without forgetting: the pre-trained model's soft answers to the new images are "
    "kept by distillation (Li and Hoiem 2017).",
    parameters=Settings,
    prepare=prepare,
)
