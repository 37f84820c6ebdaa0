"""Optimisers and the learning-rate schedule, from plain settings."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim.lr_scheduler import LambdaLR


@dataclass(frozen=True)
class Optimisation:
    """How weights are updated; the defaults are the ImageNet-RIB benchmark's settings.

    Attributes:
        optimiser: ``"sgd"`` (with momentum), or ``"adamw"`` for pre-training from scratch.
        lr: Peak learning rate, above 0.
        momentum: SGD's momentum; AdamW keeps its usual coefficients (0.9, 0.999).
        weight_decay: Decay of every trained parameter.
        warmup_share: Share of all steps over which the rate rises linearly, in [0, 1).
        warmup_steps: The same as a number of steps; wins over the share.
        schedule: After the warm-up half a ``"cosine"`` down to 0, or ``"constant"``.
    """

    optimiser: Literal["sgd", "adamw"] = "sgd"
    lr: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    warmup_share: float = 0.0
    warmup_steps: int | None = None
    schedule: Literal["cosine", "constant"] = "cosine"

    def warmup(self, total_steps: int) -> int:
        """Return the number of warm-up steps of a fit of ``total_steps`` steps."""
        if self.warmup_steps is not None:
            return min(self.warmup_steps, total_steps)
        return round(self.warmup_share * total_steps)


def cosine_with_warmup(step: int, *, total: int, warmup: int) -> float:
    """Return the factor on the peak learning rate at a step.

    Linear from ``1 / (warmup + 1)`` up to the peak at step ``warmup``, then half a cosine that would
    reach 0 at step ``total`` (Loshchilov and Hutter 2017, equation 5, one cycle).

    Args:
        step: Steps taken so far, from 0.
        total: Steps of the whole fit.
        warmup: Steps of the rise.

    Returns:
        A factor in [0, 1].
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, total - warmup)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def constant_with_warmup(step: int, *, total: int, warmup: int) -> float:
    """Return the factor on the peak learning rate at a step: it rises as in a cosine schedule and stays.

    Args:
        step: Steps taken so far, from 0.
        total: Steps of the whole fit; without effect.
        warmup: Steps of the rise.

    Returns:
        A factor in (0, 1].
    """
    del total
    return min(1.0, (step + 1) / (warmup + 1))


SCHEDULES = {"cosine": cosine_with_warmup, "constant": constant_with_warmup}


def build_optimiser(parameters: Iterable[nn.Parameter], settings: Optimisation) -> torch.optim.Optimizer:
    """Build the optimiser over the given parameters, in its fused form.

    Raises:
        ValueError: If the optimiser's name is not known, or there are no parameters.
    """
    chosen = list(parameters)
    fused = can_be_fused(chosen)
    if settings.optimiser == "sgd":
        return torch.optim.SGD(
            chosen,
            lr=settings.lr,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            fused=fused,
        )
    if settings.optimiser == "adamw":
        return torch.optim.AdamW(chosen, lr=settings.lr, weight_decay=settings.weight_decay, fused=fused)
    raise ValueError(f"Unknown optimiser {settings.optimiser!r}: choose sgd or adamw")


def can_be_fused(parameters: Sequence[Tensor]) -> bool:
    """Whether torch has optimisers that step through all of these parameters in one kernel.

    On a CPU, too, that takes a third of the time of a step in Python. Sharded parameters have none for SGD.
    """
    return all(
        p.is_floating_point() and p.device.type in ("cpu", "cuda") and not isinstance(p, DTensor)
        for p in parameters
    )


def build_schedule(optimiser: torch.optim.Optimizer, settings: Optimisation, total_steps: int) -> LambdaLR:
    """Build the schedule, to be stepped after every optimiser step; see ``SCHEDULES``."""
    warmup = settings.warmup(total_steps)
    return LambdaLR(optimiser, partial(SCHEDULES[settings.schedule], total=total_steps, warmup=warmup))
