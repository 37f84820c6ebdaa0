"""Networks over observations: convolutional for images, fully connected for vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Generator, nn

FRAME = 36  # pixels: the published convolutions need as much; smaller images get 3x3 convolutions
HIDDEN = 256  # units of the hidden layers over vectors

Module = TypeVar("Module", bound=nn.Module)


def encoder(observation_shape: Sequence[int], features: int) -> nn.Sequential:
    """Build the network of random network distillation (Burda et al. 2018), or a small one for small inputs.

    Frames of 84x84 pixels pass 32 8x8 convolutions of stride 4, 64 4x4 of stride 2 and 64 3x3, each with a
    leaky ReLU, and a linear layer.

    Args:
        observation_shape: ``(C, H, W)`` of images, ``(D,)`` of vectors.
        features: numbers that come out per observation.

    Raises:
        ValueError: observations are neither.
    """
    if len(observation_shape) == 1:
        body: list[nn.Module] = [nn.Linear(observation_shape[0], HIDDEN), nn.LeakyReLU()]
        return nn.Sequential(*body, nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, features))
    if len(observation_shape) != 3:
        raise ValueError(f"Observations must be (C, H, W) or (D,), not {tuple(observation_shape)}")
    convolutions = _convolutions(observation_shape)
    with torch.device("meta"):  # only to learn how much comes out
        flat = nn.Sequential(*_convolutions(observation_shape))(torch.empty(1, *observation_shape)).numel()
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(flat, features))


def _convolutions(observation_shape: Sequence[int]) -> list[nn.Module]:
    channels, height, width = observation_shape
    if min(height, width) >= FRAME:
        convolutions = [
            nn.Conv2d(channels, 32, 8, stride=4),
            nn.Conv2d(32, 64, 4, stride=2),
            nn.Conv2d(64, 64, 3),
        ]
    else:
        convolutions = [nn.Conv2d(channels, 32, 3, padding=1), nn.Conv2d(32, 32, 3, stride=2, padding=1)]
    return [layer for convolution in convolutions for layer in (convolution, nn.LeakyReLU())]


def empty(build: Callable[[], Module], device: torch.device | str) -> Module:
    """Build a module whose weights are whatever was in memory, laid out as processors compute fastest.

    torch's own initialisation would cost time, and touch the global random state.
    """
    return _unset(build, device).to(memory_format=torch.channels_last)


def fresh(build: Callable[[], Module], generator: Generator, device: torch.device | str) -> Module:
    """Build a module with orthogonal weights of gain sqrt 2 and zero biases, drawn from ``generator`` alone.

    Args:
        build: makes the module.
        generator: on the CPU; the same weights come out for every device.
        device: where the module is put.
    """
    module = _unset(build, "cpu")  # laid out as usual until then: torch's orthogonal weights need that
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.orthogonal_(parameter, 2**0.5, generator=generator)
        else:
            nn.init.zeros_(parameter)
    return module.to(device).to(memory_format=torch.channels_last)


def _unset(build: Callable[[], Module], device: torch.device | str) -> Module:
    with torch.device("meta"):
        module = build()
    return module.to_empty(device=device)
