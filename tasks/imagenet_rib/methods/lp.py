"""``lp``: linear probing."""

from __future__ import annotations

from typing import Literal

from gridcell import added_later
from imagenet_rib.method import FineTuning, Parameters, Recipe, Start


class Settings(Parameters):
    """Settings of linear probing."""

    outside_blocks: bool = added_later(
        False,
        description="whether all of a vision transformer but its blocks and patch embedding trains with the "
        "head: final norm, class token, positions (as released)",
    )
    statistics: Literal["frozen", "moving"] = added_later(
        "frozen", description="whether batch normalisation updates its statistics (as released: moving)"
    )


def head_alone(chosen: Settings) -> bool:
    """Whether nothing but the head changes, so that its features stay the same."""
    return not chosen.outside_blocks and chosen.statistics == "frozen"


def prepare(start: Start, /, *, outside_blocks: bool = False, statistics: str = "frozen") -> Recipe:
    """Train the head; the backbone stays as it is, its batch statistics included."""
    from imagenet_rib.learning.objectives import cross_entropy_loss
    from imagenet_rib.learning.parts import outside_of_blocks
    from imagenet_rib.learning.probing import probe_of

    trained = frozenset(start.head)
    if outside_blocks:
        trained |= outside_of_blocks(name for name, _ in start.model.named_parameters())
    return Recipe(
        start.model,
        cross_entropy_loss(start.classes),
        trainable=trained.__contains__,
        frozen_statistics=statistics == "frozen",
        moving_statistics=statistics == "moving",
        probe=None if outside_blocks or statistics == "moving" else probe_of(start.model, start.head),
    )


method = FineTuning(
    name="lp",
    summary="Linear probing: the head alone is trained, by cross-entropy.",
    parameters=Settings,
    prepare=prepare,
    on_features=head_alone,
)
