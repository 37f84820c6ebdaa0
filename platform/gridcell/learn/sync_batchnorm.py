"""Batch normalisation whose statistics are those of the whole batch, over all processes of a group.

``torch.nn.SyncBatchNorm`` runs on GPUs alone and replaces modules, which loses what subclasses add (timm's
hold an activation); here the functional form is intercepted instead, on any device.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class SharedStatistics(TorchFunctionMode):
    """While active, ``torch.nn.functional.batch_norm`` in training normalises over all processes.

    All processes must call it equally often. Means and variances are combined from those of the processes
    (Chan, Golub and LeVeque 1983), and gradients flow through them, so that the mean over the processes of
    the gradients is that of one process with the whole batch.

    Args:
        counts: Whether this process's samples are part of the batch; false for one that only fills in.
    """

    def __init__(self, *, counts: bool = True) -> None:
        super().__init__()
        self._counts = counts

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Replace batch normalisation; pass on everything else."""
        if func is functional.batch_norm:
            return self._batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _batch_norm(
        self,
        x: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training:
            return functional.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
        over = [dim for dim in range(x.ndim) if dim != 1]
        shape = [-1 if dim == 1 else 1 for dim in range(x.ndim)]
        own = x.to(torch.promote_types(x.dtype, torch.float32))  # half precision can't hold the sums
        count = own.new_full((1,), own[:, 0].numel() if self._counts else 0)
        own_var, own_mean = torch.var_mean(own, over, correction=0)
        sums = _Sum.apply(torch.cat([count * own_mean, count]))
        total = sums[-1]
        mean = sums[:-1] / total
        var = _Sum.apply(count * (own_var + (own_mean - mean) ** 2)) / total
        if running_mean is not None and running_var is not None:
            with torch.no_grad():
                running_mean.lerp_(mean.to(running_mean.dtype), momentum)
                running_var.lerp_((var * total / (total - 1).clamp(min=1)).to(running_var.dtype), momentum)
        scale = torch.rsqrt(var + eps) if weight is None else torch.rsqrt(var + eps) * weight
        y = (own - mean.view(shape)) * scale.view(shape)
        return (y if bias is None else y + bias.view(shape)).to(x.dtype)


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def collects_statistics(model: nn.Module) -> bool:
    """Return whether a part of the model normalises by the statistics of the batch it sees."""
    return any(
        isinstance(part, nn.modules.batchnorm._BatchNorm) and part.training for part in model.modules()
    )
