"""Networks as functions of flat weight vectors, so that many of them can be one matrix."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from gridcell import UserError

if TYPE_CHECKING:
    from inductive_bias.network_space.modules import ModuleArchitecture

CONVOLUTION = 3  # side of the kernels of convolutional networks


@dataclass(frozen=True)
class Architecture:
    """A fully connected or convolutional ReLU network.

    Attributes:
        inputs: shape of one input: ``(d,)``, or ``(channels, height, width)`` for convolutions.
        channels: of 3 x 3 convolutions, each with ReLU and 2 x 2 max pooling, ahead of the layers below.
        widths: of the fully connected hidden layers.
        outputs: k.
    """

    inputs: tuple[int, ...]
    channels: tuple[int, ...]
    widths: tuple[int, ...]
    outputs: int

    def __post_init__(self) -> None:
        if self.channels and len(self.inputs) != 3:
            raise UserError("A convolutional network needs images, not vectors (a projection gives vectors)")
        if self.channels and min(self.inputs[1:]) >> len(self.channels) < 1:
            raise UserError(
                f"{len(self.channels)} poolings are too many for images of "
                f"{self.inputs[1]} x {self.inputs[2]}"
            )

    @property
    def layers(self) -> list[tuple[int, ...]]:
        """Shapes of the weights, one a layer: (out, in) or (out, in, 3, 3)."""
        shapes: list[tuple[int, ...]] = []
        before = self.inputs[0]
        for count in self.channels:
            shapes.append((count, before, CONVOLUTION, CONVOLUTION))
            before = count
        if self.channels:
            before *= (self.inputs[1] >> len(self.channels)) * (self.inputs[2] >> len(self.channels))
        else:
            before = math.prod(self.inputs)
        for width in (*self.widths, self.outputs):
            shapes.append((width, before))
            before = width
        return shapes

    @property
    def values(self) -> int:
        """Numbers that one input's forward pass holds."""
        pixels = math.prod(self.inputs[1:])
        return sum(shape[0] * (pixels if len(shape) == 4 else 1) for shape in self.layers)

    @property
    def size(self) -> int:
        """Number of weights and biases."""
        return sum(math.prod(shape) + shape[0] for shape in self.layers)


def initialise(architecture: "Architecture | ModuleArchitecture", generator: torch.Generator) -> Tensor:
    """Draw one network: a flat float32 vector of ``architecture.size``.

    Weights and biases uniform in +-1/sqrt(fan-in), as torch's own layers are; a module's as it draws them.
    """
    if not isinstance(architecture, Architecture):
        return architecture.initialise(generator)
    parts = []
    for shape in architecture.layers:
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        for count in (math.prod(shape), shape[0]):
            parts.append((torch.rand(count, generator=generator) * 2 - 1) * bound)
    return torch.cat(parts)


def from_scores(architecture: "Architecture | ModuleArchitecture", scores: Tensor) -> Tensor:
    """Return initial weights, shape (H, P), of standard normal scores of that shape: the same distribution.

    A weight that ``initialise`` draws uniformly is the normal distribution function of its score.

    Raises:
        UserError: a module that draws weights in a way of its own.
    """
    if not isinstance(architecture, Architecture):
        return architecture.from_scores(scores)
    bounds = torch.cat(
        [
            torch.full((math.prod(shape) + shape[0],), 1 / math.sqrt(math.prod(shape[1:])))
            for shape in architecture.layers
        ]
    )
    return (2 * torch.special.ndtr(scores) - 1) * bounds.to(scores)


def unflatten(flat: Tensor, architecture: Architecture) -> list[tuple[Tensor, Tensor]]:
    """Return views (weight, bias) of each layer; ``flat`` is (..., P), leading dimensions are kept."""
    layers, start = [], 0
    for shape in architecture.layers:
        count = math.prod(shape)
        weight = flat[..., start : start + count].unflatten(-1, shape)
        bias = flat[..., start + count : start + count + shape[0]]
        layers.append((weight, bias))
        start += count + shape[0]
    return layers


def forward(layers: Sequence[tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
    """Return one network's outputs, shape (B, k), for inputs (B, d) or (B, c, h, w)."""
    for index, (weight, bias) in enumerate(layers):
        if weight.dim() == 4:
            x = F.max_pool2d(F.conv2d(x, weight, bias, padding=CONVOLUTION // 2).relu(), 2)
            continue
        x = F.linear(x.flatten(1), weight, bias)
        if index < len(layers) - 1:
            x = x.relu()
    return x
