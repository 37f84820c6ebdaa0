"""Low-rank adapters around the attention projections of timm's transformers.

Whole projections are adapted by way of ``peft``. It can't adapt a part of one, such as the queries and values
of timm's joint ``qkv`` layer: :class:`PartlyAdapted` does.
"""

import copy
import math
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gridcell import UserError

_PROJECTION = re.compile(r"(^|\.)attn\.(qkv|q|k|v|proj|q_proj|k_proj|v_proj)$")
_QUERY_VALUE = re.compile(r"(^|\.)attn\.(qkv|q|v|q_proj|v_proj)$")
_JOINT = re.compile(r"(^|\.)attn\.qkv$")
_PEFT_PREFIX = "base_model.model."


class PartlyAdapted(nn.Module):
    """A linear layer with a low-rank adapter for some parts p of its output.

    Part p answers ``W_p x + alpha / rank * B_p A_p x`` (Hu et al. 2022). B_p starts at zero, A_p as a linear
    layer's weight does, from torch's global generator.

    Args:
        linear: Maps ``(..., F)`` to ``(..., parts * E)``; kept, and frozen by who trains.
        parts: Equal parts of the output, e.g. 3 for queries, keys and values.
        chosen: Which of them get an adapter.
        rank: Rank of each adapter.
        alpha: Scale.
    """

    def __init__(
        self, linear: nn.Linear, *, parts: int, chosen: Sequence[int], rank: int, alpha: float
    ) -> None:
        super().__init__()
        self.linear = linear
        self.parts, self.chosen, self.scale = parts, tuple(chosen), alpha / rank
        size = linear.out_features // parts
        down = [linear.weight.new_empty(rank, linear.in_features) for _ in self.chosen]
        for matrix in down:
            nn.init.kaiming_uniform_(matrix, a=math.sqrt(5))
        self.lora_A = nn.ParameterList(nn.Parameter(matrix) for matrix in down)
        self.lora_B = nn.ParameterList(nn.Parameter(linear.weight.new_zeros(size, rank)) for _ in self.chosen)

    def delta(self) -> Tensor:
        """Return what the adapters add to the layer's weight, shaped as it is."""
        size = self.linear.out_features // self.parts
        zeros = self.linear.weight.new_zeros(size, self.linear.in_features)
        rows = [zeros] * self.parts
        for part, down, up in zip(self.chosen, self.lora_A, self.lora_B, strict=True):
            rows[part] = self.scale * (up @ down)
        return torch.cat(rows)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of inputs ``(..., F)``."""
        outputs: Tensor = self.linear(x)
        parts = list(outputs.chunk(self.parts, dim=-1))
        for part, down, up in zip(self.chosen, self.lora_A, self.lora_B, strict=True):
            parts[part] = parts[part] + self.scale * (x @ down.T @ up.T)
        return torch.cat(parts, dim=-1)

    def merged(self) -> nn.Linear:
        """Return one linear layer that answers as this one does."""
        with torch.no_grad():
            self.linear.weight += self.delta()
        return self.linear


def attention_projections(model: nn.Module) -> tuple[str, ...]:
    """Return the names of the linear layers that make queries, keys and values and the attention's output."""
    return _named(model, _PROJECTION)


def adapted(model: nn.Module, *, rank: int, alpha: float, query_value: bool = False) -> nn.Module:
    """Put an adapter beside each attention projection of a model, which is changed in place.

    Hu et al. 2022 (LoRA), equation 3: ``h = W x + alpha / rank * B A x``. B starts at zero, so that the
    result at first answers as the model does; A is drawn from torch's global generator.

    Args:
        model: A timm transformer.
        rank: Rank of B A, at least 1.
        alpha: Scale.
        query_value: Whether queries and values alone get an adapter, one each (Hu et al. 2022, section 4.2).

    Raises:
        UserError: If the model has no attention projections, or computes with their weights past any adapter.
    """
    from peft import LoraConfig, get_peft_model

    names = _named(model, _QUERY_VALUE) if query_value else attention_projections(model)
    if not names:
        raise UserError(f"lora adapts attention projections, which {type(model).__name__} does not have.")
    # timm adds such a bias in F.linear(x, self.qkv.weight, bias): its adapter is not called.
    if any(getattr(part, "q_bias", None) is not None for part in model.modules()):
        raise UserError(
            f"lora can't adapt {type(model).__name__}, whose attention uses its projection's weight past any "
            "adapter."
        )
    if query_value and all(_JOINT.search(name) for name in names):
        for name in names:
            linear: Any = model.get_submodule(name)
            _replace(model, name, PartlyAdapted(linear, parts=3, chosen=(0, 2), rank=rank, alpha=alpha))
        return model
    settings: dict[str, Any] = {"r": rank, "lora_alpha": alpha, "lora_dropout": 0.0, "bias": "none"}
    config: Any = LoraConfig(target_modules=list(names), **settings)
    wrapped: nn.Module = get_peft_model(model, config)
    return wrapped


def is_adapter(name: str) -> bool:
    """Tell by its name whether a parameter belongs to an adapter."""
    return ".lora_" in name


def bare_name(name: str) -> str:
    """Return the name that a parameter of an adapted model has in the bare model."""
    return name.removeprefix(_PEFT_PREFIX)


def merged(model: nn.Module) -> nn.Module:
    """Return what :func:`adapted` returned as a bare model, its weights ``W + alpha / rank * B A``."""
    unadapted: Any = copy.deepcopy(model)
    if hasattr(unadapted, "merge_and_unload"):
        bare: nn.Module = unadapted.merge_and_unload()
        return bare
    partly = [(name, part) for name, part in unadapted.named_modules() if isinstance(part, PartlyAdapted)]
    for name, part in partly:
        _replace(unadapted, name, part.merged())
    whole: nn.Module = unadapted
    return whole


def _named(model: nn.Module, pattern: re.Pattern[str]) -> tuple[str, ...]:
    named = model.named_modules()
    return tuple(name for name, part in named if isinstance(part, nn.Linear) and pattern.search(name))


def _replace(model: nn.Module, name: str, part: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, part)
