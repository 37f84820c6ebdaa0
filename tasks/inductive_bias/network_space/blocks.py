"""Networks beside plain ones: residual, with batch normalisation, with attention."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gridcell import UserError
from inductive_bias.network_space.modules import BatchStatistics, Factory


class _Residual(nn.Module):
    """``x + W2 relu(W1 x)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, width) for (B, width)."""
        out: Tensor = x + self.second(self.first(x).relu())
        return out


class _Attention(nn.Module):
    """One head of self-attention among tokens, with a residual connection: (B, tokens, width) both ways."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.scale = width**-0.5

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens that have looked at one another."""
        weights = (self.query(x) @ self.key(x).mT * self.scale).softmax(-1)
        out: Tensor = x + self.out(weights @ self.value(x))
        return out


class _Rows(nn.Module):
    """The rows of an image as tokens, each with a learned place: (B, c, h, w) -> (B, h, width)."""

    def __init__(self, inputs: tuple[int, ...], width: int) -> None:
        super().__init__()
        channels, height, across = inputs
        self.content = nn.Linear(channels * across, width)
        self.place = nn.Linear(height, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens."""
        rows = x.transpose(1, 2).flatten(2)
        places = torch.eye(x.shape[2], dtype=x.dtype, device=x.device)
        out: Tensor = self.content(rows) + self.place(places)
        return out


class _Mean(nn.Module):
    """The mean over tokens."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, width) for (B, tokens, width)."""
        return x.mean(1)


def block_factory(kind: str, widths: Sequence[int]) -> Factory:
    """Return what makes a network of a kind.

    Args:
        kind: ``residual`` (a layer to the first width, then a residual block for each further one),
            ``batch_norm`` (batch normalisation ahead of each ReLU), or ``attention`` (rows of images as
            tokens; a block of attention for each width).
        widths: of hidden layers; all equal for ``residual`` and ``attention``.

    Raises:
        UserError: widths that differ, or none.
    """
    if not widths:
        raise UserError(f"A {kind} network needs hidden layers: give it widths")
    if kind != "batch_norm" and len(set(widths)) > 1:
        raise UserError(f"A {kind} network needs hidden layers of one width, not {list(widths)}")

    def make(inputs: tuple[int, ...], outputs: int) -> nn.Module:
        if kind == "attention":
            if len(inputs) != 3:
                raise UserError("An attention network needs images, not vectors (a projection gives vectors)")
            blocks = [_Attention(width) for width in widths]
            return nn.Sequential(_Rows(inputs, widths[0]), *blocks, _Mean(), nn.Linear(widths[0], outputs))
        before = inputs[0]
        layers: list[nn.Module] = []
        for index, width in enumerate(widths):
            if kind == "residual" and index:
                layers.append(_Residual(width))
                continue
            layers.append(nn.Linear(before, width))
            if kind == "batch_norm":
                layers.append(BatchStatistics(width))
            layers.append(nn.ReLU())
            before = width
        return nn.Sequential(*layers, nn.Linear(before, outputs))

    return make
