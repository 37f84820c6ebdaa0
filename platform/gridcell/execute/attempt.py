"""One process's attempt at a cell, the same in every executor: surroundings, the task's function, commit."""

import contextlib
import gc
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gridcell.cell import Cell, Resources
from gridcell.context import Context, Reporter
from gridcell.debugging import Debugging, debugged
from gridcell.errors import Diverged, NodeUnusable, Preempted, UserError
from gridcell.execute.outcome import FailureClass, Outcome, failure_from
from gridcell.execute.output import kept_output
from gridcell.execute.profiling import profiled
from gridcell.execute.running_code import code_of
from gridcell.execute.threads import limited_threads
from gridcell.fingerprint import Code
from gridcell.notice import NOTICE
from gridcell.provenance import machine, versions
from gridcell.store import Result, Store
from gridcell.store.cache import FileCache
from gridcell.store.patience import written_if_possible
from gridcell.store.scratch import scratch_folder
from gridcell.store.values import plain
from gridcell.task import Task


@dataclass(frozen=True)
class Attempt:
    """One try at a cell: what every process that takes part in it is told.

    Attributes:
        cell: what to run.
        task: the plug-in it belongs to.
        store: where inputs come from and the result goes.
        locations: name -> path or URI of data on this machine.
        oom_halvings: how often the cell ran out of memory before; see ``Context``.
        reporter: receives (step, metrics) while it runs.
        foreground: show progress bars, and let errors through for a debugger.
        replaces: stamp of the stale record that the result takes the place of; None for a cell that isn't
            done.
        beside: leave the result beside the stored one, which stays; see ``Results.tried``.
        origin: what the result's provenance says of the run: sources, command.
        debugging: how it is cut short or watched.
    """

    cell: Cell
    task: Task
    store: Store
    locations: Mapping[str, str] = field(default_factory=dict)
    oom_halvings: int = 0
    reporter: Reporter | None = None
    foreground: bool = False
    replaces: str | None = None
    beside: bool = False
    origin: Mapping[str, Any] = field(default_factory=dict)
    debugging: Debugging = field(default_factory=Debugging)


def run_in_this_process(attempt: Attempt, rank: int = 0) -> Outcome:
    """Run a cell's function in this process and commit its result; an error becomes a failure in the outcome.

    Args:
        attempt: at the cell.
        rank: of this process among those that run the cell; the first commits the result.
    """
    started = time.monotonic()
    steps = LastStep(attempt.reporter)
    try:
        with _logged(attempt, rank):
            seconds, metrics = _run(replace(attempt, reporter=steps), rank)
    except (Exception, Preempted) as error:
        if attempt.foreground:
            raise
        failure = failure_from(error)
    else:
        if attempt.cell.resources.gpus:  # torch would keep it for this process, and others may share the GPU
            free_memory()
        return Outcome(attempt.cell.id, seconds, metrics, step=steps.last)
    # Only here, where the exception and with it the frames that hold the cell's tensors are gone.
    if failure.failure_class is FailureClass.OUT_OF_MEMORY:
        free_memory()
    return Outcome(attempt.cell.id, time.monotonic() - started, failure=failure, step=steps.last)


@contextlib.contextmanager
def _logged(attempt: Attempt, rank: int) -> Iterator[None]:
    """Keep what the cell prints meanwhile in the store; of several processes, what the first one prints."""
    with kept_output() as printed:
        try:
            yield
        finally:
            NOTICE.heed(False)
            if rank == 0 and printed.text:
                written_if_possible(lambda: attempt.store.logs.add(attempt.cell.id, printed.text))


@dataclass
class LastStep:
    """Passes on what a cell reports, and remembers its last step."""

    reporter: Reporter | None
    last: int | None = None

    def __call__(self, step: int, metrics: Mapping[str, float]) -> None:
        """Pass it on."""
        self.last = step
        if self.reporter is not None:
            self.reporter(step, metrics)


def _run(attempt: Attempt, rank: int) -> tuple[float, Mapping[str, Any]]:
    """Call the task's function, commit what it leaves where this is the first process; seconds, metrics."""
    started, clock = time.time(), time.monotonic()
    code = code_of(attempt.task, attempt.cell)
    with (
        folder_restored(),
        limited_threads(attempt.cell.resources.cpus),
        FileCache() as cache,
        surroundings(attempt, code, cache, rank) as context,
        debugged(attempt.cell.id, attempt.cell.title, attempt.debugging),
    ):
        with profiled(attempt.debugging.profile if rank == 0 else "", context.outputs) as watching:
            watched = replace(context, reporter=watching(context.reporter))
            metrics = checked(attempt.task.cell_function(attempt.cell.kind)(attempt.cell, watched))
        seconds = round(time.monotonic() - clock, 4)
        if rank > 0:
            return seconds, metrics
        result = commit(attempt, context, code, metrics, {"started": round(started, 3), "seconds": seconds})
    return result.seconds, result.metrics


@contextlib.contextmanager
def folder_restored() -> Iterator[None]:
    """Go back to the working folder afterwards, for the cells that this process runs next."""
    here = None
    with contextlib.suppress(OSError):  # it is gone already
        here = Path.cwd()
    try:
        yield
    finally:
        if here is not None:
            with contextlib.suppress(OSError):
                os.chdir(here)


@contextlib.contextmanager
def surroundings(attempt: Attempt, code: Code, cache: FileCache, rank: int = 0) -> Iterator[Context]:
    """Yield what the task's function is given for a cell; its folders are gone afterwards."""
    with scratch_folder(attempt.cell.id) as scratch:
        outputs = scratch / "outputs"
        outputs.mkdir()
        yield Context(
            cell=attempt.cell,
            store=attempt.store,
            outputs=outputs,
            scratch=scratch,
            cache=cache,
            locations=attempt.locations,
            device=_device(attempt.cell.resources),
            foreground=attempt.foreground,
            reporter=attempt.reporter,
            oom_halvings=attempt.oom_halvings,
            rank=rank,
            code=code.fingerprint,
            fast=attempt.debugging.fast,
        )


def checked(answer: Any) -> Mapping[str, Any]:
    """Return what a task's function answered in Python's own types.

    Raises:
        TypeError: it is no mapping, or holds what is no JSON.
        Diverged: a loss in it is NaN.
    """
    if not isinstance(answer, Mapping):
        raise TypeError(
            f"A cell's function must return its metrics, such as {{'accuracy': 0.5}}, and not {answer!r:.60}"
        )
    metrics: Mapping[str, Any] = plain(answer)
    _check_losses(metrics)
    return metrics


def commit(
    attempt: Attempt, context: Context, code: Code, metrics: Mapping[str, Any], times: Mapping[str, Any]
) -> Result:
    """Commit a cell's answer with its files, and remove what was kept for the case that it has none.

    Args:
        attempt: at the cell.
        context: that its function was given.
        code: of the cell.
        metrics: its answer.
        times: ``started`` and ``seconds``, and whatever else its provenance says of them.

    Raises:
        UserError: the cell was to pause, and left nothing to go on from.
    """
    cell, store = attempt.cell, attempt.store
    if context.stop is not None and not context.checkpoints.has_paused():
        raise UserError(
            f"Cells of kind '{cell.kind}' are said to pause (Fidelity), but this one left no checkpoint at "
            f"its pause after {context.stop}: its function must heed context.stop"
        )
    provenance = {
        **times,
        "host": platform.node(),
        "node": _ray_node(),
        "device": context.device,
        "workers": cell.resources.workers,
        **({"sharded": True} if cell.resources.sharded else {}),
        "oom_halvings": attempt.oom_halvings,
        "versions": versions(code.imports),
        "machine": machine(context.device),
        "code": code.fingerprint,
        "inputs": context.contents(),
        **({"profile": attempt.debugging.profile} if attempt.debugging.profile else {}),
        **attempt.origin,
    }
    store.codes.save(code.fingerprint, code.to_record())
    result = store.results.commit(
        cell,
        metrics,
        context.outputs,
        provenance,
        context.curves.points,
        attempt.replaces,
        beside=attempt.beside,
    )
    if context.stop is None:
        context.checkpoints.clear()
    else:
        context.checkpoints.paused()
    store.failures.forget(cell.id)
    return result


def _check_losses(metrics: Mapping[str, Any]) -> None:
    """Make sure that no loss is NaN: of other metrics it may be an answer, such as a mean of nothing.

    Raises:
        Diverged: one is.
    """
    for name, value in metrics.items():
        is_loss = name == "loss" or name.endswith(("_loss", "/loss", ".loss"))
        if is_loss and isinstance(value, float) and value != value:
            raise Diverged(f"The metric '{name}' is not a number")


def free_memory() -> None:
    """Give back what a cell held that is done or ran out of memory: this process lives on for other cells."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _ray_node() -> str | None:
    """Return Ray's id of the node that this process works for: one host may be several. None outside Ray."""
    ray = sys.modules.get("ray")
    return ray.get_runtime_context().get_node_id() if ray and ray.is_initialized() else None


def _device(resources: Resources) -> str:
    """Return where the cell computes.

    Raises:
        NodeUnusable: it asks for a GPU, and this process can't use one.
    """
    if not resources.gpus:
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    raise NodeUnusable(
        f"The cell asks for {resources.gpus:g} GPU, but CUDA can't be used on {platform.node()}: "
        "'nvidia-smi' and 'gridcell doctor' say more; resources.gpus=0 computes on CPUs"
    )
