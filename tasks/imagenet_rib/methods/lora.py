"""``lora``: low-rank adapters on the attention projections (Hu et al. 2022)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gridcell import added_later
from imagenet_rib.method import FineTuning, Parameters, Recipe, Start

if TYPE_CHECKING:
    from torch import Tensor, nn

WITH_ATTENTION = ("vit", "deit", "swin", "cait", "flexivit", "samvit", "naflexvit")
"""Beginnings of timm's names of the families whose blocks have the projections ``attn.qkv`` or ``attn.q``."""

PAST_ADAPTERS = re.compile(r"beit|eva|swinv2_(?!cr_)|vit_.*(_rope_reg|_dinov3_qkvb|_lingbot|_sapiens2)")
"""Names of those that compute ``F.linear(x, attn.qkv.weight, bias)``: a layer's adapter isn't called."""


class Settings(Parameters):
    """Settings of the adapters."""

    rank: int = Field(default=8, ge=1, description="r, the rank of each adapter")
    alpha: float = Field(default=16.0, gt=0, description="adapters are scaled by alpha / r")
    targets: Literal["all", "query_value"] = added_later(
        "all",
        description="attention projections that get an adapter; as released: those of queries and values",
    )
    outside_blocks: bool = added_later(
        False,
        description="whether final norm, class token and positions train, too (as released)",
    )


def skip(architecture: str) -> str | None:
    """Skip what is not known to have attention projections that adapters can be put beside."""
    if PAST_ADAPTERS.match(architecture):
        return "lora can't adapt attention that uses its projection's weight past any adapter"
    if architecture.startswith(WITH_ATTENTION):
        return None
    return "lora adapts attention projections, which this architecture does not have"


def prepare(
    start: Start, /, *, rank: int = 8, alpha: float = 16.0, targets: str = "all", outside_blocks: bool = False
) -> Recipe:
    """Train adapters ``W + alpha / r B A`` on the attention projections.

    Raises:
        UserError: If the model has no attention projections, or none that an adapter would be called for.
    """
    from imagenet_rib.learning.adapters import adapted, bare_name, is_adapter, merged
    from imagenet_rib.learning.objectives import cross_entropy_loss
    from imagenet_rib.learning.parts import outside_of_blocks

    trained: frozenset[str] = frozenset()
    if outside_blocks:
        trained = outside_of_blocks(name for name, _ in start.model.named_parameters()).difference(start.head)

    def export(model: nn.Module) -> Mapping[str, Tensor]:
        return merged(model).state_dict()

    return Recipe(
        adapted(start.model, rank=rank, alpha=alpha, query_value=targets == "query_value"),
        cross_entropy_loss(start.classes),
        trainable=lambda name: is_adapter(name) or bare_name(name) in trained,
        frozen_statistics=True,
        export=export,
    )


method = FineTuning(
    name="lora",
    summary="Low-rank adapters on the attention projections; patch embedding and head stay as they are "
    "(Hu et al. 2022).",
    parameters=Settings,
    prepare=prepare,
    skip=skip,
)
