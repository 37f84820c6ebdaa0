"""What a policy's outputs say of actions: one choice among several, or numbers with a normal distribution.

Plain functions of tensors. Outputs are logits, of shape ``(..., choices)``; or, of continuous actions, means
and logarithms of standard deviations, of shape ``(..., 2 * numbers)``.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor


def log_probability(outputs: Tensor, actions: Tensor, *, continuous: bool) -> Tensor:
    """Return the logarithm of the probability (density) of actions, of shape ``(...,)``.

    Args:
        outputs: of the policy.
        actions: int64, of shape ``(...,)``; or float, of shape ``(..., numbers)``.
        continuous: whether actions are numbers.
    """
    if not continuous:
        return outputs.log_softmax(dim=-1).gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    mean, log_deviation = outputs.chunk(2, dim=-1)
    apart = (actions - mean) * (-log_deviation).exp()
    return (-0.5 * apart.square() - log_deviation - 0.5 * math.log(2 * math.pi)).sum(dim=-1)


def entropy(outputs: Tensor, *, continuous: bool) -> Tensor:
    """Return the entropy in nats, of shape ``(...,)``."""
    if not continuous:
        log_policy = outputs.log_softmax(dim=-1)
        return -(log_policy.exp() * log_policy).sum(dim=-1)
    return (outputs.chunk(2, dim=-1)[1] + 0.5 * math.log(2 * math.pi * math.e)).sum(dim=-1)


def draw(outputs: Tensor, *, continuous: bool, generator: Generator) -> Tensor:
    """Draw actions of the policy; on the generator's device."""
    if not continuous:
        return torch.multinomial(outputs.softmax(dim=-1), 1, generator=generator).squeeze(-1)
    mean, log_deviation = outputs.chunk(2, dim=-1)
    return torch.normal(mean, log_deviation.exp(), generator=generator)


def likeliest(outputs: Tensor, *, continuous: bool) -> Tensor:
    """Return the likeliest actions."""
    return outputs.chunk(2, dim=-1)[0] if continuous else outputs.argmax(dim=-1)


def uniform(outputs: Tensor, *, continuous: bool, generator: Generator) -> Tensor:
    """Draw actions uniformly: any choice, or numbers from -1 to 1, which span the range of an action."""
    if not continuous:
        return torch.randint(outputs.shape[-1], outputs.shape[:-1], generator=generator)
    return 2 * torch.rand(*outputs.shape[:-1], outputs.shape[-1] // 2, generator=generator) - 1
