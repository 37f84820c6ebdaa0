"""Fits judged on held-out data after each epoch: early stopping, and the weights of the best epoch."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import lightning.pytorch as pl
from torch import Tensor

from gridcell.errors import Diverged
from gridcell.learn.randomness import random_state, restore_random_state

Keep = Literal["last", "best"]


@dataclass(frozen=True)
class Validation:
    """How a fit is judged after each epoch, and what follows from it.

    Attributes:
        score: Returns the score of the weights as they are, finite; higher is better. It is called after each
            epoch, on every process of a fit, and returns the same number on all. It leaves weights and modes
            as it found them; random generators are put back after it.
        keep: Weights that the fit ends with: those of the ``last`` epoch, or of the ``best``, the first of
            several that are equal.
        patience: Early stopping: the fit ends once so many epochs in a row were no better than the best
            before them. ``None`` for all epochs. The schedule of the learning rate stays that of all epochs.

    Raises:
        ValueError: If the patience is below 1.

    Example:
        >>> held_out = Validation(score=lambda: accuracy(model), keep="best", patience=3)
    """

    score: Callable[[], float]
    keep: Keep = "last"
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience counts epochs, at least 1; not {self.patience}")


class JudgedEpochs(pl.Callback):
    """Judges each epoch, ends a fit that no longer improves, and remembers the best weights.

    What it knows is part of checkpoints. It comes before the callbacks that report an epoch and that write
    checkpoints.

    Args:
        how: Score and rules.
    """

    _KEY = "gridcell validation"

    def __init__(self, how: Validation) -> None:
        self._how = how
        self._scores: list[float] = []
        self._best: dict[str, Tensor] | None = None
        self.had_ended = False  # before this process began: the checkpoint is of the fit's end

    @property
    def told(self) -> dict[str, float]:
        """Score of the last epoch, best score, and the epoch (from 1) whose weights would be kept."""
        if not self._scores:
            return {}
        best = self._best_epoch()
        kept = best if self._how.keep == "best" else len(self._scores)
        return {
            "validation": self._scores[-1],
            "best_validation": self._scores[best - 1],
            "kept_epoch": kept,
        }

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """End at once where the checkpoint is of a fit that had ended early."""
        if self._is_over():
            self.had_ended = trainer.should_stop = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Judge the epoch."""
        before = random_state()
        score = float(self._how.score())
        restore_random_state(before)
        if not math.isfinite(score):
            raise Diverged(f"The score on held-out data became {score} in epoch {trainer.current_epoch + 1}.")
        self._scores.append(score)
        if self._how.keep == "best" and self._best_epoch() == len(self._scores):
            self._best = {
                name: tensor.detach().cpu().clone() for name, tensor in pl_module.state_dict().items()
            }
        if self._is_over():
            trainer.should_stop = True

    def restore_best(self, module: pl.LightningModule) -> None:
        """Give a module the weights to keep; nothing changes where those of the last epoch are."""
        if self._best is not None:
            module.load_state_dict(self._best)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the scores and the best weights."""
        checkpoint[self._KEY] = {"scores": list(self._scores), "best": self._best}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on with the scores and the best weights."""
        found = checkpoint[self._KEY]
        self._scores, self._best = list(found["scores"]), found["best"]

    def _best_epoch(self) -> int:
        """Return the first epoch with the highest score, counted from 1."""
        return self._scores.index(max(self._scores)) + 1

    def _is_over(self) -> bool:
        patience = self._how.patience
        return (
            bool(self._scores) and patience is not None and len(self._scores) - self._best_epoch() >= patience
        )
