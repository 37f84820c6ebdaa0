"""Fits whose processes share the weights out among them: fully sharded data parallelism (FSDP).

Each process keeps a part of every parameter, of its gradient and of its optimiser's state. A block's
parameters are brought together just before it computes, and each process keeps its own part again afterwards
(Zhao et al. 2023, "PyTorch FSDP"; here torch's ``fully_shard``). The steps are those of DDP, up to rounding.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FullyShardedDataParallel, OptimStateKeyType, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

LEAST_SHARE = 0.01
"""Of all parameters: a block with fewer is brought together with what surrounds it."""

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


class ShardedStrategy(ModelParallelStrategy):
    """Lightning's FSDP for processes of which each reads its own copy of a checkpoint.

    A checkpoint is one file of whole tensors, as DDP's: a fit can go on from it with another number of
    processes, or unsharded. Lightning would have all of them read the path that the first one names, which is
    not there on other nodes.
    """

    def __init__(self) -> None:
        super().__init__(save_distributed_checkpoint=False)

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Take this process's parts of the weights and of the optimisers' states.

        Args:
            checkpoint_path: This process's own copy of the file.
            weights_only: Without effect: nothing else is ever read.

        Returns:
            What else the checkpoint holds.
        """
        checkpoint: dict[str, Any] = torch.load(
            Path(checkpoint_path), map_location="cpu", mmap=True, weights_only=True
        )
        if self.model is None:
            raise RuntimeError("a checkpoint is loaded before the model is set up")
        whole = StateDictOptions(full_state_dict=True)
        set_model_state_dict(self.model, checkpoint.pop("state_dict"), options=whole)
        for optimiser, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            named = FullyShardedDataParallel.rekey_optim_state_dict(
                state, OptimStateKeyType.PARAM_NAME, self.model
            )
            for group in named["param_groups"]:
                group["fused"] = False  # of a fit whose weights were whole
            set_optimizer_state_dict(self.model, optimiser, named, options=whole)
        return checkpoint


def sharded_copy(model: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Return a copy of a model whose parameters are shared out among the processes of a mesh.

    Args:
        model: The same on all processes; it stays as it is.
        mesh: One-dimensional.

    Returns:
        The copy, on the mesh's kind of device. Its parameters are ``DTensor``; while a block computes, they
        are plain tensors.
    """
    copied = copy.deepcopy(model)
    for parameter in copied.parameters():  # FSDP divides rows, which in another memory format lie apart
        parameter.data = parameter.data.contiguous()
    for block in blocks(copied):
        fully_shard(block, mesh=mesh)
    fully_shard(copied, mesh=mesh)
    return copied


def blocks(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the parts of a model that repeat, inner ones first: what is sharded together.

    These are the members of its sequences and lists that hold at least ``LEAST_SHARE`` of its parameters, as
    the blocks of a vision transformer and the stages of a ResNet with the larger blocks in them.

    Example:
        >>> net = nn.Sequential(nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 10))
        >>> [type(block).__name__ for block in blocks(net)]
        ['Linear', 'Linear']
    """
    least = LEAST_SHARE * _size(model)
    for child in model.children():
        yield from _blocks(child, least, listed=isinstance(model, _CONTAINERS))


def _blocks(part: nn.Module, least: float, *, listed: bool) -> Iterator[nn.Module]:
    container = isinstance(part, _CONTAINERS)
    for child in part.children():
        yield from _blocks(child, least, listed=container)
    if listed and not isinstance(part, (nn.ModuleList, nn.ModuleDict)) and _size(part) >= max(1.0, least):
        yield part


def _size(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())


@torch.no_grad()
def gather_into(model: nn.Module, sharded: nn.Module) -> None:
    """Copy the whole weights and buffers of a sharded copy into the model; all processes call it together.

    Args:
        model: That ``sharded`` is a copy of, on any device.
        sharded: See :func:`sharded_copy`.
    """
    into = model.state_dict()
    for name, tensor in sharded.state_dict().items():
        into[name].copy_(tensor.full_tensor() if isinstance(tensor, DTensor) else tensor)


def own_part(tensor: Tensor, like: Tensor) -> Tensor:
    """Return the part of a whole tensor that this process keeps of a parameter of the same shape.

    Args:
        tensor: A parameter, or a plain tensor which all processes hold alike.
        like: The parameter.

    Returns:
        A plain tensor: of a sharded parameter the part of this process, through which gradients flow; what
        was given, where ``like`` isn't sharded.

    Example:
        >>> weight = nn.Linear(2, 1).weight
        >>> own_part(weight, weight) is weight
        True
    """
    if isinstance(tensor, DTensor):
        return tensor.to_local()
    if not isinstance(like, DTensor):
        return tensor
    shared = distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
    return shared.to_local()


def sum_of_parts(value: Tensor, like: Tensor) -> Tensor:
    """Return the sum over all processes of what each has computed from its own parts of the parameters.

    The gradient of each part is the mean of what the processes' losses ask of the sum: what DDP would give
    each parameter, which averages over the processes, however they weigh their losses.

    Args:
        value: A scalar.
        like: One of the parameters; where it isn't sharded, ``value`` is returned.

    Example:
        >>> weight = nn.Linear(2, 1).weight
        >>> total = sum_of_parts(own_part(weight, weight).square().sum(), weight)
    """
    if not isinstance(like, DTensor):
        return value
    summed: Tensor = _SumOfParts.apply(value, like.device_mesh.get_group(0))
    return summed


class _SumOfParts(torch.autograd.Function):
    """A sum over processes whose gradient is the mean of theirs."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, group: Any) -> Tensor:
        ctx.group = group
        total = value.clone()
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        mean = upstream[0].contiguous().clone()
        dist.all_reduce(mean, group=ctx.group)
        return mean / dist.get_world_size(ctx.group), None
