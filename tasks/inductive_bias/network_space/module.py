"""Lightning trains hypotheses, stack after stack, and goes on where it was interrupted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from gridcell import Diverged
from gridcell.learn import CheckpointStore, fit
from inductive_bias.network_space.gradients import Network
from inductive_bias.network_space.training import Recipe, Stack, hypothesis_generator, stack_size

STEPS_PER_EPOCH = 2000
"""Least optimiser steps between two chances to write a checkpoint: about half a second."""

CHECKPOINT_EVERY_S = 30.0


@dataclass(frozen=True, eq=False)
class Trained:
    """What became of hypotheses, each a row.

    Attributes:
        fitted: bool, shape (H,): reached the training error.
        train_error: float64, shape (H,), mean squared, when it stopped.
        test_error: float64, shape (H,), likewise.
        epochs: int64, shape (H,), trained; 0 for those whose turn has not come.
        by_level: float64, shape (levels, H): test error when the training error first was at most each of
            the recipe's ``fit_levels``; NaN where it never was.
        mistakes: float64, shape (H,): share of test points whose largest output isn't their label's.
    """

    fitted: Tensor
    train_error: Tensor
    test_error: Tensor
    epochs: Tensor
    by_level: Tensor
    mistakes: Tensor

    @classmethod
    def none(cls, count: int, levels: int = 0) -> "Trained":
        """Return the rows of hypotheses that have not been trained."""
        unknown = torch.full((count,), torch.nan, dtype=torch.float64)
        none = torch.zeros(count, dtype=torch.int64)
        by_level = torch.full((levels, count), torch.nan, dtype=torch.float64)
        return cls(none.bool(), unknown, unknown.clone(), none, by_level, unknown.clone())


class HypothesisTraining(pl.LightningModule):
    """Trains hypotheses until each fits the data or its epochs are used up.

    A batch of Lightning's is the time between two looks at the training error of one stack
    (``recipe.check_every`` epochs of every hypothesis in it), so that Lightning's work per batch does not
    count beside theirs. A stack has its own optimiser, whose state and random orders go into the checkpoint.

    Args:
        space: the architecture of all.
        recipe: how to train.
        train: float32 inputs (n, ...) and targets (n, k) that have to be fitted.
        test: likewise, on which errors are measured when a hypothesis stops.
        suite_seed: with its index, decides everything about a hypothesis.
        indices: which hypotheses.
        at_once: how many in a stack.
        report: called as ``report(step, fitted=...)`` with the number of hypotheses that are through.
    """

    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor

    def __init__(
        self,
        space: Network,
        recipe: Recipe,
        train: tuple[Tensor, Tensor],
        test: tuple[Tensor, Tensor],
        *,
        suite_seed: int,
        indices: range,
        at_once: int,
        report: Callable[..., None] | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.architecture = str(space)
        self.found = Trained.none(len(indices), len(recipe.fit_levels))
        self._space, self._recipe, self._report = space, recipe, report
        self._suite_seed, self._indices, self._at_once = suite_seed, indices, at_once
        data = {"train_inputs": train[0], "train_targets": train[1]}
        data |= {"test_inputs": test[0], "test_targets": test[1]}
        for name, tensor in data.items():
            self.register_buffer(name, tensor, persistent=False)
        self._stack: Stack | None = None
        self._read: Mapping[str, Any] | None = None  # a stack's state from a checkpoint, not yet restored
        self._alive = torch.empty(0, dtype=torch.int64)  # rows of ``found`` that the stack trains
        self._begun = 0  # rows whose turn has come
        self._epochs = 0  # of the stack

    @property
    def looks(self) -> int:
        """Looks at the training error in all, if no hypothesis fits early."""
        stacks = -(-len(self._indices) // self._at_once)
        return stacks * -(-self._recipe.max_epochs // self._recipe.check_every)

    def configure_optimizers(self) -> None:
        """Return none: a stack steps by itself."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Train the stack up to its next look; return the mean training error of what is in it."""
        if self._finished:
            return torch.zeros(())
        stack = self._current_stack()
        rounds = min(self._recipe.check_every, self._recipe.max_epochs - self._epochs)
        for _ in range(rounds):
            stack.epoch()
        self._epochs += rounds
        error = stack.errors(self.train_inputs, self.train_targets)
        if not error.isfinite().all():
            raise Diverged(f"a hypothesis' training error is not finite after {self._epochs} epochs")
        self._record(stack, error)
        self._retire(stack, error)
        self.trainer.should_stop = self._finished
        return error.mean()

    def on_train_epoch_end(self) -> None:
        """Say how many are through."""
        if self._report is not None:
            through = self._begun - len(self._alive)
            self._report(through, fitted=float(self.found.fitted.sum()))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the answers so far and the stack in training."""
        checkpoint["hypotheses"] = {
            "found": {field.name: getattr(self.found, field.name) for field in fields(Trained)},
            "stack": self._read if self._stack is None else self._stack.state(),
            "alive": self._alive,
            "begun": self._begun,
            "epochs": self._epochs,
        }

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Go on from ``on_save_checkpoint``.

        Lightning moves the module to its device only after this, so the stack, which is made where the data
        lie, is restored when it is first trained.
        """
        kept = checkpoint["hypotheses"]
        self.found = replace(self.found, **kept["found"])  # of before there were levels: without them
        self._alive, self._begun, self._epochs = kept["alive"], kept["begun"], kept["epochs"]
        self._stack, self._read = None, kept["stack"]

    @property
    def _finished(self) -> bool:
        return self._begun == len(self._indices) and not len(self._alive)

    def _current_stack(self) -> Stack:
        """Return the stack in training: the one there is, else the one that was read, else the next."""
        if self._stack is None and self._read is not None:
            self._stack = self._draw(self._alive)
            self._stack.restore(self._read)
            self._read = None
        elif self._stack is None:
            end = min(self._begun + self._at_once, len(self._indices))
            self._alive = torch.arange(self._begun, end)
            self._stack, self._begun, self._epochs = self._draw(self._alive), end, 0
        return self._stack

    def _draw(self, rows: Tensor) -> Stack:
        generators = [hypothesis_generator(self._suite_seed, self._indices[int(row)]) for row in rows]
        data = (self.train_inputs, self.train_targets)
        return Stack(self._space, generators, *data, self._recipe, alone=self._at_once == 1)

    def _record(self, stack: Stack, error: Tensor) -> None:
        """Write down the test errors of those that just came to one of the recipe's fit levels."""
        test: Tensor | None = None
        for level, found in zip(self._recipe.fit_levels, self.found.by_level, strict=True):
            new = (error <= level) & found[self._alive].isnan()
            if new.any():
                test = stack.errors(self.test_inputs, self.test_targets) if test is None else test
                found[self._alive[new]] = test[new]

    def _retire(self, stack: Stack, error: Tensor) -> None:
        """Write down the hypotheses that fit, or that have used up their epochs, and train the others on."""
        fits = error <= self._recipe.fit_error
        ends = fits | (self._epochs >= self._recipe.max_epochs)
        if not ends.any():
            return
        rows = self._alive[ends]
        self.found.fitted[rows], self.found.train_error[rows] = fits[ends], error[ends]
        self.found.test_error[rows] = stack.errors(self.test_inputs, self.test_targets)[ends]
        self.found.mistakes[rows] = stack.mistakes(self.test_inputs, self.test_targets)[ends]
        self.found.epochs[rows] = self._epochs
        stay = (~ends).nonzero().flatten()
        self._alive = self._alive[stay]
        if len(stay):
            stack.keep(stay)
        else:
            self._stack = None


def train_hypotheses(
    architecture: Network,
    recipe: Recipe,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    suite_seed: int,
    indices: range,
    at_once: int | None = None,
    device: str = "cpu",
    checkpoints: CheckpointStore | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    report: Callable[..., None] | None = None,
) -> Trained:
    """Train hypotheses number ``indices`` of a suite; rows of the answer in that order.

    The answer depends neither on which of them are trained together nor on interruptions.

    Args:
        architecture: of all.
        recipe: how to train.
        train: float32 inputs (n, ...) and targets (n, k).
        test: likewise.
        suite_seed: with the index, decides everything about a hypothesis.
        indices: which.
        at_once: how many in a stack; by default ``stack_size``.
        device: ``cpu`` or ``cuda``.
        checkpoints: from where to go on, and where to keep what there is to go on from.
        checkpoint_every_s: least seconds between two checkpoints.
        report: see ``HypothesisTraining``.

    Raises:
        Diverged: a training error is not finite.
    """
    module = HypothesisTraining(
        architecture,
        recipe,
        train,
        test,
        suite_seed=suite_seed,
        indices=indices,
        at_once=at_once or stack_size(architecture, device, recipe.batch_size),
        report=report,
    )
    batch = min(recipe.batch_size, len(train[0]))
    steps = recipe.check_every * (len(train[0]) // batch)
    looks = max(1, STEPS_PER_EPOCH // steps)
    fit(
        module,
        range(looks),
        epochs=-(-module.looks // looks),
        seed=suite_seed,
        accelerator="gpu" if device == "cuda" else "cpu",
        precision="32-true",
        checkpoints=checkpoints,
        checkpoint_every_s=checkpoint_every_s,
    )
    return module.found
