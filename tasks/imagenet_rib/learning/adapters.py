"""Low-rank adapters around the attention projections of timm's transformers, by way of ``peft``."""

import copy
import re
from typing import Any

from torch import nn

from gridcell.errors import UserError

_PROJECTION = re.compile(r"(^|\.)attn\.(qkv|q|k|v|proj|q_proj|k_proj|v_proj)$")


def attention_projections(model: nn.Module) -> tuple[str, ...]:
    """Return the names of the linear layers that make queries, keys and values and the attention's output."""
    named = model.named_modules()
    return tuple(name for name, part in named if isinstance(part, nn.Linear) and _PROJECTION.search(name))


def adapted(model: nn.Module, *, rank: int, alpha: float) -> nn.Module:
    """Put an adapter beside each attention projection of a model, which is changed in place.

    Hu et al. 2022 (LoRA), equation 3: ``h = W x + alpha / rank * B A x``. B starts at zero, so that the
    result at first answers as the model does; A is drawn from torch's global generator.

    Args:
        model: A timm transformer.
        rank: Rank of B A, at least 1.
        alpha: Scale.

    Raises:
        UserError: If the model has no attention projections, or computes with their weights past any adapter.
    """
    from peft import LoraConfig, get_peft_model

    names = attention_projections(model)
    if not names:
        raise UserError(f"lora adapts attention projections, which {type(model).__name__} does not have.")
    # timm adds such a bias in F.linear(x, self.qkv.weight, bias): its adapter is not called.
    if any(getattr(part, "q_bias", None) is not None for part in model.modules()):
        raise UserError(
            f"lora can't adapt {type(model).__name__}, whose attention uses its projection's weight past any "
            "adapter."
        )
    settings: dict[str, Any] = {"r": rank, "lora_alpha": alpha, "lora_dropout": 0.0, "bias": "none"}
    config: Any = LoraConfig(target_modules=list(names), **settings)
    wrapped: nn.Module = get_peft_model(model, config)
    return wrapped


def is_adapter(name: str) -> bool:
    """Tell by its name whether a parameter belongs to an adapter."""
    return ".lora_" in name


def merged(model: nn.Module) -> nn.Module:
    """Return what :func:`adapted` returned as a bare model, its weights ``W + alpha / rank * B A``."""
    unadapted: Any = copy.deepcopy(model)
    bare: nn.Module = unadapted.merge_and_unload()
    return bare
