"""Checkpoints at epoch ends, from which a fit goes on as if it had never stopped."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import lightning.pytorch as pl
import torch

from gridcell.errors import UserError
from gridcell.learn.randomness import random_state, restore_random_state, seed_everything

_KEY = "gridcell"


class CheckpointStore(Protocol):
    """Where checkpoints survive the process: commits a file atomically, and finds the last good one."""

    def save(self, local_path: Path, step: int, /) -> None:
        """Commit a copy of the file at ``local_path``, written after ``step`` optimiser steps."""

    def latest(self, into: Path, /) -> Path | None:
        """Fetch the last committed checkpoint into the folder ``into``; ``None`` if there is none."""


class EpochCheckpoint(pl.Callback):
    """Writes a resumable checkpoint at an epoch's end, unless the last one is younger than an interval.

    A checkpoint holds the model, optimiser, schedule, loss scaler, loop counters, the random
    generators' states (one per process) and the architecture's name, all as tensors and plain values:
    it loads with ``weights_only=True``.

    Args:
        store: Where the checkpoints go.
        every_s: Least number of seconds between two checkpoints, and from the start of training to the
            first; 0 for one after each epoch.
        architecture: Name of the architecture.
        clock: Returns seconds; replaceable for tests.
    """

    def __init__(
        self,
        store: CheckpointStore,
        *,
        every_s: float,
        architecture: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.every_s = every_s
        self.architecture = architecture
        self._clock = clock
        self._last = clock()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._last = self._clock()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write a checkpoint if one is due."""
        # All processes take part in writing, so all must take the first one's word for the time.
        due = self._clock() - self._last >= self.every_s
        if not trainer.strategy.broadcast(due):
            return
        with tempfile.TemporaryDirectory(prefix="gridcell-checkpoint-") as folder:
            path = Path(trainer.strategy.broadcast(str(Path(folder) / "checkpoint.ckpt")))
            trainer.save_checkpoint(path, weights_only=False)
            if trainer.is_global_zero:
                # A module that steps by itself has no optimiser that Lightning could count by.
                self.store.save(path, trainer.global_step or trainer.fit_loop.total_batch_idx + 1)
        # Counted from the end, so that slow storage can't make a fit do nothing but write.
        self._last = self._clock()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the random states and the architecture's name."""
        states: list[Any] = [random_state()]
        if trainer.world_size > 1:
            states = [None] * trainer.world_size
            torch.distributed.all_gather_object(states, random_state())
        checkpoint[_KEY] = {"architecture": self.architecture, "random": states}


class Randomness(pl.Callback):
    """Seeds each process of a fit, or puts its generators back to a checkpoint's state.

    The state is put back at the very start of training because building loaders and optimisers, which
    comes after a checkpoint is read, may draw random numbers.

    Args:
        seed: Seed of the fit; each process of a group derives its own from it.
    """

    _STRIDE = 1_000_003  # a prime, so that ranks of neighbouring seeds do not share streams

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._states: list[Any] | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed; only here does every process know its rank."""
        seed_everything(self.seed + self._STRIDE * trainer.global_rank)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Remember the states."""
        self._states = checkpoint[_KEY]["random"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore this process's state, if the checkpoint came from as many processes."""
        if self._states is not None and len(self._states) == trainer.world_size:
            restore_random_state(self._states[trainer.global_rank])
        self._states = None


def check_architecture(path: Path, architecture: str) -> None:
    """Refuse a checkpoint of another architecture before any of it is loaded.

    Args:
        path: A checkpoint of :class:`EpochCheckpoint`.
        architecture: Name of the architecture that is to go on from it.

    Raises:
        UserError: If the checkpoint names another architecture, or none.
    """
    # Memory-mapped: only the small values are read here, not the tensors.
    checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    found = checkpoint.get(_KEY, {}).get("architecture")
    if found != architecture:
        raise UserError(
            f"The checkpoint '{path.name}' holds the architecture '{found}', "
            f"but this run trains '{architecture}'."
        )
