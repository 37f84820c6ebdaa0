"""What a cell's configuration says of settings that affect it: nothing where they are the default."""

from collections.abc import Collection
from typing import Any

from imagenet_rib.grid.input_names import OBJECTNET
from imagenet_rib.settings import Evaluation, Pretraining, Settings


def objectnet_answers(settings: Settings, sets: Collection[str]) -> dict[str, Any]:
    """Say which of ObjectNet's answers count as right, for a cell that reads some sets."""
    how = settings.data.objectnet
    return {OBJECTNET: how} if how != "all" and OBJECTNET in sets else {}


def as_evaluated(how: Evaluation) -> dict[str, Any]:
    """Say in which precision, and on how many images, a model is evaluated."""
    precision = {"precision": how.precision} if how.precision != "mixed" else {}
    return precision | ({} if how.max_images is None else {"max_images": how.max_images})


def recomputes(settings: Settings) -> bool:
    """Whether any training computes activations again instead of keeping them."""
    scratch = (how for how in settings.pretrainings.values() if isinstance(how, Pretraining))
    own = (chosen.training for chosen in settings.methods.values())
    return any(one.gradient_checkpointing for one in (settings.training, *scratch)) or any(
        one is not None and one.gradient_checkpointing for one in own
    )
