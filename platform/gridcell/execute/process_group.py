"""Torch's default process group, joined by the processes that work together."""

import os
import sys


def join_group(rank: int, world_size: int, method: str, *, gpus: bool, local: bool) -> None:
    """Join torch's default process group.

    Args:
        rank: of this process.
        world_size: number of processes.
        method: where they meet, as ``init_process_group`` takes it.
        gpus: whether they compute on GPUs.
        local: all are on this machine, and nothing need listen to others.

    Example:
        >>> join_group(0, 1, "tcp://127.0.0.1:29500", gpus=False, local=True)  # doctest: +SKIP
    """
    import torch.distributed

    if local:
        loopback = "lo0" if sys.platform == "darwin" else "lo"
        os.environ.update(GLOO_SOCKET_IFNAME=loopback, NCCL_SOCKET_IFNAME=loopback)
    torch.distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if gpus else "gloo", init_method=method, rank=rank, world_size=world_size
    )
