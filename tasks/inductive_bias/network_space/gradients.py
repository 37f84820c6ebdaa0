"""Gradients of mean squared errors: by hand for fully connected networks, by autograd for the others.

Every function has the signature ``(weights, x, y, out) -> None``: weights (H, P), inputs (H, B, ...), targets
(H, B, k), and writes the gradients into ``out`` (H, P), a row for each of H networks.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from inductive_bias.network_space.architectures import Architecture, forward, unflatten

Gradient = Callable[[Tensor, Tensor, Tensor, Tensor], None]


def loop_gradient(architecture: Architecture) -> Gradient:
    """Return the gradient of one network after another, each while it is in cache."""
    if not architecture.channels:
        return _FullyConnected(architecture).each

    def gradient(weights: Tensor, x: Tensor, y: Tensor, out: Tensor) -> None:
        for row in range(len(weights)):
            leaf = weights[row].detach().requires_grad_()
            loss = (forward(unflatten(leaf, architecture), x[row]) - y[row]).square().mean()
            out[row] = torch.autograd.grad(loss, leaf)[0]

    return gradient


def stacked_gradient(architecture: Architecture) -> Gradient:
    """Return the gradient of all networks at once: batched products by hand, or ``torch.func.vmap``."""
    if not architecture.channels:
        return _FullyConnected(architecture).together

    def loss(flat: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (forward(unflatten(flat, architecture), x) - y).square().mean()

    mapped = torch.func.vmap(torch.func.grad(loss))

    def gradient(weights: Tensor, x: Tensor, y: Tensor, out: Tensor) -> None:
        out.copy_(mapped(weights, x, y))

    return gradient


def predict(architecture: Architecture, weights: Tensor, x: Tensor) -> Tensor:
    """Return outputs of H networks on the same inputs: weights (H, P), x (n, ...) -> (H, n, k)."""
    return torch.stack([forward(unflatten(row, architecture), x) for row in weights])


class _FullyConnected:
    """Back-propagation through ReLU layers, written straight into the flat gradient.

    Autograd's bookkeeping costs as much as the arithmetic for networks this small.
    """

    def __init__(self, architecture: Architecture) -> None:
        self._architecture = architecture

    def each(self, weights: Tensor, x: Tensor, y: Tensor, out: Tensor) -> None:
        """One network after another, by matrix products."""
        for row in range(len(weights)):
            layers = unflatten(weights[row], self._architecture)
            grads = unflatten(out[row], self._architecture)
            kept = [x[row].flatten(1)]
            for weight, bias in layers[:-1]:
                kept.append(torch.addmm(bias, kept[-1], weight.t()).relu_())
            delta = (
                torch.addmm(layers[-1][1], kept[-1], layers[-1][0].t()).sub_(y[row]).mul_(2 / y[row].numel())
            )
            for index in range(len(layers) - 1, -1, -1):
                torch.mm(delta.t(), kept[index], out=grads[index][0])
                torch.sum(delta, 0, out=grads[index][1])
                if index:
                    delta = torch.mm(delta, layers[index][0])
                    delta.mul_(kept[index] > 0)

    def together(self, weights: Tensor, x: Tensor, y: Tensor, out: Tensor) -> None:
        """All networks at once, by batched matrix products."""
        layers = unflatten(weights, self._architecture)
        grads = unflatten(out, self._architecture)
        kept = [x.flatten(2)]
        for weight, bias in layers[:-1]:
            kept.append(torch.baddbmm(bias.unsqueeze(1), kept[-1], weight.mT).relu_())
        delta = torch.baddbmm(layers[-1][1].unsqueeze(1), kept[-1], layers[-1][0].mT)
        delta.sub_(y).mul_(2 / y[0].numel())
        for index in range(len(layers) - 1, -1, -1):
            grads[index][0].copy_(torch.bmm(delta.mT, kept[index]))
            grads[index][1].copy_(delta.sum(1))
            if index:
                delta = torch.bmm(delta, layers[index][0])
                delta.mul_(kept[index] > 0)
