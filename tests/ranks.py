"""Several processes in one process group of torch, without a scheduler."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import torch


def run_ranks(function: str, world_size: int, folder: Path) -> list[object]:
    """Call ``module:function`` as ``(rank, world_size, folder)`` in each process; return their answers."""
    command = [sys.executable, "-m", "ranks", function, str(world_size), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return [torch.load(folder / f"answer-{rank}.pt") for rank in range(world_size)]


def main(where: str, world_size: int, folder: Path) -> int:
    """Fork the processes, once everything is imported, and wait for them."""
    module, _, name = where.partition(":")
    function = getattr(import_module(module), name)
    children = []
    for rank in range(world_size):
        if (child := os.fork()) == 0:
            torch.distributed.init_process_group(
                "gloo", init_method=f"file://{folder}/join", rank=rank, world_size=world_size
            )
            torch.save(function(rank, world_size, folder), folder / f"answer-{rank}.pt")
            return 0
        children.append(child)
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
