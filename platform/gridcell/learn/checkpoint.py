"""Checkpoints, from which a fit goes on as if it had never stopped."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, Protocol, runtime_checkable

import lightning.pytorch as pl
import torch

from gridcell.errors import Preempted, UserError
from gridcell.learn.randomness import random_state, restore_random_state, seed_everything
from gridcell.notice import NOTICE
from gridcell.store.scratch import scratch_folder

_KEY = "gridcell"


class CheckpointStore(Protocol):
    """Where checkpoints survive the process: commits a file atomically, and finds the last good one."""

    def save(self, local_path: Path, step: int, /) -> None:
        """Commit a copy of the file at ``local_path``, written after ``step`` optimiser steps."""

    def latest(self, into: Path, /) -> Path | None:
        """Fetch the last committed checkpoint into the folder ``into``; ``None`` if there is none."""


@runtime_checkable
class Startable(Protocol):
    """Batches that can begin anywhere in an epoch, such as :class:`gridcell.data.batches.Batches`."""

    def start_at(self, batch: int, /) -> None:
        """Let the next iteration leave out what comes before this batch of its epoch, counted from 0."""


class PeriodicCheckpoint(pl.Callback):
    """Writes a resumable checkpoint at an epoch's end or within it, unless the last one is too young.

    Where the process is to end soon, it writes one at once and ends the fit.

    A checkpoint holds the model, optimiser, schedule, loss scaler, loop counters, the place in the epoch, the
    random generators' states (one per process) and the architecture's name, all as tensors and plain values:
    it loads with ``weights_only=True``.

    Within an epoch there are checkpoints only if the batches are :class:`Startable`, and so few that writing
    them takes no more than ``MOST_OF_TIME``.

    Args:
        store: Where the checkpoints go.
        every_s: Least number of seconds between two checkpoints, and from the start of training to the
            first; 0 for one after each epoch; infinity for none but those that are needed to go on.
        architecture: Name of the architecture.
        pause_at: Write a checkpoint after so many epochs, and end the fit there; None for no pause.
        clock: Returns seconds; replaceable for tests.
    """

    LOOK_EVERY = 50  # steps within an epoch; several processes send a message to look at the clock together
    LOOK_EVERY_S = 1.0  # with slow steps, several processes look so often whether they are to end soon
    MOST_OF_TIME = 0.02

    def __init__(
        self,
        store: CheckpointStore,
        *,
        every_s: float,
        architecture: str,
        pause_at: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.pause_at = pause_at
        self.every_s = every_s
        self.architecture = architecture
        self._clock = clock
        self._last = clock()
        self._took_s = 0.0
        self._looked = (0, self._last)  # steps so far, time
        self._steps, self._look_at = 0, 1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock; end at once where the checkpoint is the one of the pause."""
        if self.pause_at is not None and trainer.current_epoch >= self.pause_at:
            trainer.should_stop = True
        self._last = self._clock()
        self._looked = (self._steps, self._last)
        NOTICE.heed()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a checkpoint if one is due, and a step is complete from which the batches can go on."""
        if (batch_idx + 1) % trainer.accumulate_grad_batches or trainer.is_last_batch:
            return
        if not isinstance(trainer.train_dataloader, Startable):
            return
        if self._is_to_end(trainer):
            self._write_and_end(trainer)
        if (batch_idx + 1) % (self.LOOK_EVERY * trainer.accumulate_grad_batches) == 0:
            self._write_if_due(trainer, max(self.every_s, self._took_s / self.MOST_OF_TIME))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write a checkpoint if one is due, or the fit pauses or ends early here."""
        if self.pause_at is not None and (trainer.current_epoch + 1 == self.pause_at or trainer.should_stop):
            trainer.should_stop = True
            self._write(trainer)
            return
        if self._all_are_to_end(trainer):
            self._write_and_end(trainer)
        self._write_if_due(trainer, self.every_s)

    def _is_to_end(self, trainer: pl.Trainer) -> bool:
        """Whether the fit is to end now, on which several processes have to agree."""
        if trainer.world_size == 1:
            return NOTICE.given
        self._steps += 1
        if self._steps < self._look_at:
            return False
        before, at = self._looked
        self._looked = (self._steps, self._clock())
        step_s = (self._looked[1] - at) / (self._steps - before)
        ahead = max(1, min(self.LOOK_EVERY, int(self.LOOK_EVERY_S / step_s) if step_s > 0 else 1))
        self._look_at = self._steps + trainer.strategy.broadcast(ahead)
        return self._all_are_to_end(trainer)

    def _all_are_to_end(self, trainer: pl.Trainer) -> bool:
        """Whether one of the processes was given notice; each of them has to ask."""
        if trainer.world_size == 1:
            return NOTICE.given
        return bool(trainer.strategy.reduce_boolean_decision(NOTICE.given, all=False))

    def _write_and_end(self, trainer: pl.Trainer) -> NoReturn:
        step = self._write(trainer)
        raise Preempted(f"saved at step {step}, to go on from there")

    def _write_if_due(self, trainer: pl.Trainer, after_s: float) -> None:
        # All processes take part in writing, so all must take the first one's word for the time.
        if trainer.strategy.broadcast(self._clock() - self._last >= after_s):
            self._write(trainer)

    def _write(self, trainer: pl.Trainer) -> int:
        begun = self._clock()
        # A module that steps by itself has no optimiser that Lightning could count by.
        step = trainer.global_step or trainer.fit_loop.total_batch_idx + 1
        with scratch_folder("checkpoint") as folder:
            path = Path(trainer.strategy.broadcast(str(folder / "checkpoint.ckpt")))
            trainer.save_checkpoint(path, weights_only=False)
            if trainer.is_global_zero:
                self.store.save(path, step)
        # Counted from the end, so that slow storage can't make a fit do nothing but write.
        self._last = self._clock()
        self._took_s = self._last - begun
        return step

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the random states, the place in the epoch and the architecture's name."""
        checkpoint[_KEY] = {
            "architecture": self.architecture,
            "random": of_all_processes(trainer, random_state()),
            "batches": 0 if trainer.is_last_batch else trainer.fit_loop.batch_idx + 1,
            "accumulate": trainer.accumulate_grad_batches,
        }


class Continuation(pl.Callback):
    """Seeds each process of a fit, or puts generators and batches to where a checkpoint left them.

    That is done at the very start of training because building loaders and optimisers, which comes after a
    checkpoint is read, may draw random numbers.

    Args:
        seed: Seed of the fit; each process of a group derives its own from it.
    """

    _STRIDE = 1_000_003  # a prime, so that ranks of neighbouring seeds do not share streams

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._states: list[Any] | None = None
        self._batches = 0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed; only here does every process know its rank."""
        seed_everything(self.seed + self._STRIDE * trainer.global_rank)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Remember the states and the place, which is another one if steps have more or fewer parts now."""
        saved = {"batches": 0, "accumulate": 1, **checkpoint[_KEY]}  # at first all fell on ends of epochs
        self._states = saved["random"]
        self._batches = saved["batches"] * trainer.accumulate_grad_batches // saved["accumulate"]
        counts = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        for count in (counts["current"], counts["total"]):  # Lightning reads them after this
            count.update({name: number + self._batches - saved["batches"] for name, number in count.items()})

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the place, and the random state if the checkpoint came from as many processes."""
        if self._states is not None and len(self._states) == trainer.world_size:
            restore_random_state(self._states[trainer.global_rank])
        self._states = None
        if self._batches:
            trainer.train_dataloader.start_at(self._batches)


def of_all_processes(trainer: pl.Trainer, value: Any) -> list[Any]:
    """Return what each process of a fit calls this with, in the order of their ranks."""
    values = [value] * trainer.world_size
    if trainer.world_size > 1:
        torch.distributed.all_gather_object(values, value)
    return values


def check_architecture(path: Path, architecture: str) -> None:
    """Refuse a checkpoint of another architecture before any of it is loaded.

    Args:
        path: A checkpoint of :class:`PeriodicCheckpoint`.
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
