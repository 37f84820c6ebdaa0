"""One fit, from its start or its last checkpoint to its end, on a lean Lightning trainer."""

import logging
import math
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy, Strategy

from gridcell.debugging import end_loggers, lightning_loggers, running
from gridcell.errors import Diverged, UserError
from gridcell.learn.checkpoint import (
    CheckpointStore,
    Continuation,
    PeriodicCheckpoint,
    check_architecture,
)
from gridcell.learn.epoch_report import EpochReport, Report
from gridcell.learn.precision import TF32, mixed_dtype, tensor_float32
from gridcell.learn.sharding import ShardedStrategy
from gridcell.learn.validation import JudgedEpochs, Validation
from gridcell.notice import NOTICE
from gridcell.store.scratch import scratch_folder

# What Lightning says about things that are so on purpose here, or that a user can do nothing about.
_EXPECTED_WARNINGS = (
    r"Found \d+ module\(s\) in eval mode at the start of training",  # frozen parts
    r".*isinstance\(treespec, LeafSpec\)",  # Lightning's own use of torch
    r"The `srun` command is available on your system but is not used",  # processes are Ray's to start
    r"You are using a CUDA device .* that has Tensor Cores",  # float32 is to mean float32
    r"GPU available but not used",  # the scheduler decides who gets the GPU
    r".*configure_optimizers` returned `None`",  # a module that steps by itself
    r"The number of training batches \(\d+\) is smaller than the logging interval",  # logged by the epoch
    r"You're resuming from a checkpoint that ended before the epoch ended",  # Continuation places the batches
)


def fit(
    module: pl.LightningModule,
    batches: Iterable[Any],
    *,
    epochs: int,
    seed: int,
    accelerator: str = "auto",
    rank: int = 0,
    world_size: int = 1,
    precision: str | None = None,
    accumulate: int = 1,
    checkpoints: CheckpointStore | None = None,
    checkpoint_every_s: float | None = None,
    pause_at: int | None = None,
    validation: Validation | None = None,
    callbacks: Sequence[pl.Callback] = (),
    report: Report | None = None,
    beat: Callable[[int], None] | None = None,
    progress_bar: bool = False,
) -> dict[str, float]:
    """Train a module for a number of epochs, continuing from its last checkpoint if there is one.

    In a run with ``--fast`` it takes one batch; with ``--logger`` Lightning's loggers are told, too.

    The weights are changed in place and end on the CPU. The result is a pure function of the module,
    the batches and the seed, whether or not the fit was interrupted: to the last bit on a given kind of CPU
    with a given number of threads; on GPUs, some of whose kernels add up in no fixed order, up to rounding.

    Args:
        module: What to train. Its ``architecture`` attribute (else its class's name) goes into
            checkpoints.
        batches: Loader of the training batches, e.g. :class:`gridcell.data.batches.Batches`; if it has
            a ``sampler`` with ``set_epoch``, that is told each epoch.
        epochs: Epochs in all, those before the checkpoint included.
        seed: Seeds Python, NumPy and torch; processes of a group get different streams from it.
        accelerator: Lightning's name of the hardware, ``"auto"`` for the best there is.
        rank: This process's rank among those that train together by DDP. They must have joined the
            default process group of torch, call this alike, and be given parts of the same batches.
        world_size: Number of these processes, each with one device. Where the module says ``sharded``, as a
            :class:`Classifier` may, they share its weights out among them.
        precision: Lightning's precision, in which float32 is float32 on a GPU, too; or ``"tf32"``, float32
            whose products and convolutions a GPU may compute in TF32. See :func:`best_precision` for the
            default.
        accumulate: Batches whose mean gradient makes one step (an equal step from less memory).
        checkpoints: Where checkpoints are kept and looked for.
        checkpoint_every_s: Least seconds between checkpoints; ``None`` writes none, 0 one an epoch; see
            :class:`gridcell.learn.checkpoint.PeriodicCheckpoint` for those within an epoch.
        pause_at: End after so many of the epochs, with a checkpoint from which the fit goes on later as if it
            had not paused: the schedule of the learning rate is that of all epochs. ``None``, or at least
            ``epochs``, for no pause. See :attr:`gridcell.Context.stop`.
        validation: How each epoch is judged on data held out: early stopping, and the best epoch's weights.
        callbacks: Lightning callbacks of one's own, told of each event before the fit's own report and
            checkpoint. What they keep has to be in their ``state_dict``, as tensors and plain values, or a
            fit that goes on from a checkpoint differs from one that was never interrupted.
        report: Called after each epoch, on every process with the same numbers, as
            ``report(step=..., loss=..., lr=..., epoch=...)``: optimiser steps so far, mean training loss of
            the epoch, learning rate of the next step, epochs done. With ``validation`` also
            ``validation`` (score of the epoch), ``best_validation`` (highest so far) and ``kept_epoch`` (the
            epoch, from 1, whose weights would be kept).
        beat: Called with the number of optimiser steps so far, every 50 batches: the fit lives.
        progress_bar: Whether to draw a progress bar in the terminal.

    Returns:
        What was reported last, with or without ``report``: also where the checkpoint was of the fit's very
        end, so that nothing was left to do.

    Raises:
        Diverged: If the loss is not finite, or a weight that trained.
        Preempted: If the process is to end soon and checkpoints are kept: one was written just now.
        UserError: If the checkpoint is one of another architecture; in a sharded fit, if losses are scaled,
            as in fp16.
        KeyboardInterrupt: On Ctrl-C, as it would without Lightning.
        ValueError: It is to pause, and no checkpoints are kept.

    Example:
        >>> from torch.nn import Linear, functional
        >>> from gridcell.data.batches import Batches
        >>> from gridcell.learn.classifier import Classifier
        >>> images, labels = torch.eye(2).repeat(8, 1), torch.arange(2).repeat(8)
        >>> loss = lambda model, images, labels: functional.cross_entropy(model(images), labels)
        >>> batches = Batches(images, labels, batch_size=4)
        >>> told = fit(Classifier(Linear(2, 2), loss), batches, epochs=3, seed=0)
        >>> told["step"], told["epoch"]
        (12, 3)
    """
    architecture = str(getattr(module, "architecture", type(module).__name__))
    pauses = pause_at is not None and pause_at < epochs
    if pauses and checkpoints is None:
        raise ValueError("a fit that pauses needs checkpoints to go on from")
    judged = None if validation is None else JudgedEpochs(validation)
    epochs_told = EpochReport(report, beat, judged)
    all_callbacks: list[pl.Callback] = [_OwnSignals(), Continuation(seed), *callbacks]
    all_callbacks += [epochs_told] if judged is None else [judged, epochs_told]
    if checkpoints is not None and (checkpoint_every_s is not None or pauses):
        all_callbacks.append(
            PeriodicCheckpoint(
                checkpoints,
                every_s=math.inf if checkpoint_every_s is None else checkpoint_every_s,
                architecture=architecture,
                pause_at=pause_at if pauses else None,
            )
        )
    now = running()
    loggers = lightning_loggers(now) if rank == 0 else []
    lightning_precision = "32-true" if precision == TF32 else precision or best_precision(accelerator)
    exact = tensor_float32(allowed=precision == TF32)
    with _quiet(), _interruptible(), exact, scratch_folder("fit") as scratch:
        trainer = pl.Trainer(
            accelerator=accelerator,
            devices=1,
            num_nodes=world_size,
            strategy=_strategy(module, world_size, lightning_precision),
            plugins=[_Joined(rank) if world_size > 1 else LightningEnvironment()],
            precision=lightning_precision,
            max_epochs=min(epochs, 1) if now.debugging.fast else epochs,
            limit_train_batches=1 if now.debugging.fast else None,
            accumulate_grad_batches=accumulate,
            callbacks=all_callbacks,
            logger=loggers or False,
            enable_checkpointing=False,
            enable_progress_bar=progress_bar,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=scratch,
        )
        last = _latest(checkpoints, scratch, rank, world_size)
        if last is not None:
            check_architecture(last, architecture)
        try:
            trainer.fit(module, batches, ckpt_path=last, weights_only=True)
        finally:
            NOTICE.heed(False)
            end_loggers(loggers)
        if judged is not None and judged.had_ended and pauses and rank == 0:
            _save_again(checkpoints, last, epochs_told)  # what goes on from this pause finds it
    if judged is not None:
        judged.restore_best(module)
    _check_weights(module, int(epochs_told.told.get("step", 0)))
    return epochs_told.told


def _strategy(module: pl.LightningModule, world_size: int, precision: str) -> Strategy | str:
    if world_size == 1:
        return "auto"
    if getattr(module, "sharded", False):
        if precision == "16-mixed":
            raise UserError(
                "A training in fp16 can't share its weights out: take float32, or bf16 where GPUs have it."
            )
        return ShardedStrategy()
    return DDPStrategy(broadcast_buffers=False)  # the same everywhere: batch statistics are shared


def _save_again(checkpoints: CheckpointStore | None, last: Path | None, epochs: "EpochReport") -> None:
    """Commit the checkpoint that a fit began from once more."""
    if checkpoints is not None and last is not None:
        checkpoints.save(last, int(epochs.told["step"]))


class _OwnSignals(pl.Callback):
    """Leaves SIGTERM to whoever handles it outside: Lightning would end the fit without a checkpoint."""

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take Lightning's handler out again."""
        if threading.current_thread() is threading.main_thread() and self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)


class _Joined(LightningEnvironment):
    """Processes that are started and joined already; to Lightning each is a node with one device.

    Like Lightning's plain environment it doesn't mistake variables of a SLURM job around the process for a
    launch by SLURM.
    """

    def __init__(self, rank: int) -> None:
        super().__init__()
        self._rank = rank

    @property
    def creates_processes_externally(self) -> bool:
        return True

    def local_rank(self) -> int:
        return 0

    def node_rank(self) -> int:
        return self._rank


def _latest(checkpoints: CheckpointStore | None, into: Path, rank: int, world_size: int) -> Path | None:
    """Fetch the last checkpoint; the first process does so alone first, for it may remove a damaged one."""
    if checkpoints is None:
        return None
    if world_size == 1:
        return checkpoints.latest(into)
    if rank > 0:
        torch.distributed.barrier()
    last = checkpoints.latest(into)
    if rank == 0:
        torch.distributed.barrier()
    return last


def best_precision(accelerator: str = "auto") -> str:
    """Return Lightning's name of the precision to train in.

    Mixed precision on a CUDA device, in the format of :func:`gridcell.learn.precision.mixed_dtype`; full
    float32 elsewhere.
    """
    if accelerator not in ("auto", "gpu", "cuda") or not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if mixed_dtype() == torch.bfloat16 else "16-mixed"


def _check_weights(module: pl.LightningModule, steps: int) -> None:
    """Make sure that weights are numbers: the losses are those before each step, and say nothing of the last.

    Raises:
        Diverged: One is not finite; the same on all processes, which have the same weights.
    """
    for name, weight in module.named_parameters():
        if weight.requires_grad and not bool(weight.isfinite().all()):
            raise Diverged(f"The weights are not finite after step {steps}, '{name}' for one.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's greetings and the warnings that are no news, and nothing else."""
    chatter = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in chatter]
    with warnings.catch_warnings():
        for message in _EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        for logger in chatter:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for logger, level in zip(chatter, levels, strict=True):
                logger.setLevel(level)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C through as itself: Lightning would ignore further ones and exit with code 1."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        raise KeyboardInterrupt from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
