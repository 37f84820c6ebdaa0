"""Words that grid, cells and report share: names with a meaning, and the order of methods."""

from collections.abc import Iterable, Mapping

VAL = "val"
"""Held-out pre-training data, the analogue of ImageNet's validation set: measured, but no part of RI."""

PRETRAIN = "pretrain"
"""The set that stands for the pre-training data."""

PRE = "pre"
"""The method of a model that was not fine-tuned."""

BASELINE = "ft"
"""The method all others are compared with: plain fine-tuning."""

CURVE = "wise_ft"
"""The method whose variants are points of a line, told apart by ``alpha``."""

Variant = Mapping[str, float]
"""Of a merge that is evaluated with several settings, some of them by name; see ``Merging.variants``."""

_METHODS_IN_ORDER = (
    PRE,
    "ft",
    "lp",
    "lp_ft",
    "lora",
    "visual_prompt",
    "ewc",
    "l2_sp",
    "lwf",
    "wise_ft",
    "soup",
    "model_stock",
    "flyp",
)


def methods_in_order(methods: Iterable[str]) -> list[str]:
    """Return method names without repeats: the paper's in its order, then all others by name.

    A variant whose name begins with a method's and a hyphen (``ewc-200``) follows that method.
    """
    rank = {name: index for index, name in enumerate(_METHODS_IN_ORDER)}
    return sorted(set(methods), key=lambda name: (rank.get(name.partition("-")[0], len(rank)), name))
