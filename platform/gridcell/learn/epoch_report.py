"""What a fit tells of each epoch: its mean loss, learning rate and validation."""

import math
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl

from gridcell.errors import Diverged
from gridcell.learn.checkpoint import of_all_processes
from gridcell.learn.validation import JudgedEpochs

Report = Callable[..., None]


class EpochReport(pl.Callback):
    """Reports once an epoch, and ends the fit when the loss is not finite.

    On a CPU every step's loss is looked at. On other devices that would make the host wait for each
    step, so the sum is looked at every ``CHECK_EVERY`` batches and at the epoch's end.

    Args:
        report: Called as ``report(step=..., loss=..., lr=..., epoch=...)``.
        beat: Called with the number of steps every ``CHECK_EVERY`` batches.
        judged: Has judged the epoch, and adds its numbers to the report.
    """

    CHECK_EVERY = 50
    _KEY = "gridcell epoch"

    def __init__(
        self,
        report: Report | None,
        beat: Callable[[int], None] | None = None,
        judged: JudgedEpochs | None = None,
    ) -> None:
        self.report = report
        self.beat = beat
        self.judged = judged
        self._sum: Any = 0.0
        self._before = 0  # optimiser steps
        self._batches = 0  # of the epoch so far, those before a checkpoint included
        self.told: dict[str, float] = {}  # of the last epoch

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the epoch's mean."""
        self._sum, self._before = 0.0, trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add a step's loss; Lightning has divided it by the number of accumulated batches."""
        loss = outputs["loss"]
        self._batches = batch_idx + 1
        to_check = self._batches % self.CHECK_EVERY == 0
        if to_check and self.beat is not None:
            self.beat(trainer.global_step)
        if trainer.world_size > 1:
            self._sum = self._sum + loss  # one process must not stop alone: looked at when the epoch ends
        elif loss.device.type == "cpu":
            value = loss.item()
            self._sum += value
            if not math.isfinite(value):
                raise _diverged(value, trainer)
        else:
            self._sum = self._sum + loss
            if to_check and not math.isfinite(self._sum):
                raise _diverged(float(self._sum), trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the mean over the epoch's steps of their loss, over all processes.

        A module that takes its steps itself, without an optimiser of torch, takes one a batch.
        """
        total = self._sum
        if trainer.world_size > 1:
            total = trainer.strategy.reduce(total, reduce_op="mean")
        groups = [group for optimiser in trainer.optimizers for group in optimiser.param_groups]
        steps = trainer.global_step - self._before if groups else self._batches
        loss = float(total) / max(1, steps)
        if not math.isfinite(loss):
            raise _diverged(loss, trainer)
        told = {"loss": loss}
        if groups:
            told["lr"] = float(groups[0]["lr"])
        if self.judged is not None:
            told |= self.judged.told
        for logger in trainer.loggers:
            logger.log_metrics(told, step=trainer.global_step)
        self.told = {"step": trainer.global_step, **told, "epoch": trainer.current_epoch + 1}
        if self.report is not None:
            self.report(**self.told)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the epoch's sums."""
        sums = of_all_processes(trainer, float(self._sum))
        checkpoint[self._KEY] = {"sums": sums, "before": self._before, "told": self.told}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on with the sums; other processes than those before share them evenly."""
        if self._KEY not in checkpoint:  # of when all fell on ends of epochs
            return
        self.told = checkpoint[self._KEY].get("told", {})
        sums, self._before = checkpoint[self._KEY]["sums"], checkpoint[self._KEY]["before"]
        alike = len(sums) == trainer.world_size
        self._sum = sums[trainer.global_rank] if alike else sum(sums) / len(sums)


def _diverged(value: float, trainer: pl.Trainer) -> Diverged:
    return Diverged(
        f"The loss became {value} in epoch {trainer.current_epoch + 1}, by step {trainer.global_step}."
    )
