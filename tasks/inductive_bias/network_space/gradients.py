"""Gradients of a stack's mean squared errors: by hand for fully connected networks, else by autograd.

``together(...)`` binds a way to a stack's matrices, a row a network, and returns a function of one batch:
``step(x, y)`` with x (H, B, ...) and y (H, B, k) writes every network's gradient into its row.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from inductive_bias.network_space.architectures import Architecture, forward, unflatten
from inductive_bias.network_space.modules import ModuleArchitecture

Network = Architecture | ModuleArchitecture
Gradient = Callable[[Tensor, Tensor], None]


def together(architecture: Network, weights: Tensor, out: Tensor, batch: int) -> Gradient:
    """Return the gradient of H networks with ``weights`` (H, P), each on its own batch, into ``out`` (H, P).

    Args:
        architecture: of all.
        weights: read at each call; may be changed in place between calls.
        out: overwritten at each call.
        batch: B, samples of each network.
    """
    if isinstance(architecture, Architecture) and not architecture.channels:
        return _fully_connected(architecture, weights, out, batch)
    if len(weights) == 1:
        return _one_by_autograd(architecture, weights, out)
    return _many_by_autograd(architecture, weights, out)


def predict(architecture: Network, weights: Tensor, x: Tensor, train: Tensor) -> Tensor:
    """Return outputs of H networks on the same inputs: weights (H, P), x (n, ...) -> (H, n, k).

    Args:
        architecture: of all.
        weights: a row a network.
        x: inputs.
        train: training inputs, whose statistics batch normalisation takes.
    """
    if isinstance(architecture, Architecture):
        return torch.stack([forward(unflatten(row, architecture), x) for row in weights])
    return torch.stack([architecture.predict(row, x, train) for row in weights])


def apply(architecture: Network, flat: Tensor, x: Tensor) -> Tensor:
    """Return one network's outputs (B, k) in training, for its weights (P,) and inputs (B, ...)."""
    if isinstance(architecture, Architecture):
        return forward(unflatten(flat, architecture), x)
    return architecture.apply(flat, x)


def _fully_connected(architecture: Architecture, weights: Tensor, out: Tensor, batch: int) -> Gradient:
    """Back-propagation through ReLU layers, without allocation, written straight into the flat gradient.

    Autograd's bookkeeping costs as much as the arithmetic for networks this small, and so does making views
    and buffers at every step: both are made once.
    """
    layers, grads = unflatten(weights, architecture), unflatten(out, architecture)
    biases = [bias.unsqueeze(1) for _, bias in layers]
    transposed = [weight.mT for weight, _ in layers]
    values = [weights.new_empty(len(weights), batch, bias.shape[-1]) for _, bias in layers]
    deltas = [torch.empty_like(value) for value in values[:-1]]
    through_relu = torch.ops.aten.threshold_backward.grad_input
    last = len(layers) - 1

    def step(x: Tensor, y: Tensor) -> None:
        inputs = [x.flatten(2), *values[:-1]]
        for index, value in enumerate(values):
            torch.baddbmm(biases[index], inputs[index], transposed[index], out=value)
            if index < last:
                value.relu_()
        delta = values[-1].sub_(y).mul_(2 / y[0].numel())
        for index in range(last, -1, -1):
            torch.bmm(delta.mT, inputs[index], out=grads[index][0])
            torch.sum(delta, 1, out=grads[index][1])
            if index:
                delta = torch.bmm(delta, layers[index][0], out=deltas[index - 1])
                through_relu(delta, inputs[index], 0, grad_input=delta)

    return step


def _one_by_autograd(architecture: Network, weights: Tensor, out: Tensor) -> Gradient:
    def step(x: Tensor, y: Tensor) -> None:
        with torch.enable_grad():
            leaf = weights[0].detach().requires_grad_()
            loss = (apply(architecture, leaf, x[0]) - y[0]).square().mean()
            out[0] = torch.autograd.grad(loss, leaf)[0]

    return step


def _many_by_autograd(architecture: Network, weights: Tensor, out: Tensor) -> Gradient:
    def loss(flat: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (apply(architecture, flat, x) - y).square().mean()

    mapped = torch.func.vmap(torch.func.grad(loss))

    def step(x: Tensor, y: Tensor) -> None:
        with torch.enable_grad():
            out.copy_(mapped(weights, x, y))

    return step
