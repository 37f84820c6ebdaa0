"""One cell's work, the same in every executor: surroundings, the task's function, commit."""

import contextlib
import functools
import gc
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gridcell
from gridcell.cell import Cell, Resources
from gridcell.context import Context, Reporter
from gridcell.execute.outcome import FailureClass, Outcome, failure_from
from gridcell.store import Store
from gridcell.store.cache import FileCache
from gridcell.store.scratch import scratch_folder
from gridcell.task import Task


def run_cell(
    cell: Cell,
    task: Task,
    store: Store,
    *,
    locations: Mapping[str, str],
    reporter: Reporter | None = None,
    foreground: bool = False,
    oom_halvings: int = 0,
    rank: int | None = None,
) -> Outcome:
    """Run a cell and commit its result; an error becomes a failure in the outcome.

    A cell that asks for several workers is handed to them, and each of them calls this with its ``rank``.

    Args:
        cell: what to run.
        task: the plug-in it belongs to.
        store: where inputs come from and the result goes.
        locations: name -> path or URI of data on this machine.
        reporter: receives (step, metrics) while it runs.
        foreground: show progress bars, and let errors through for a debugger.
        oom_halvings: how often the cell ran out of memory before; see ``Context``.
        rank: of this process among those that run the cell; the first commits the result.
    """
    started = time.monotonic()
    told = _Told(reporter)
    try:
        if rank is None:
            with contextlib.suppress(KeyError):  # another driver was faster
                result = store.results.read(cell.id)
                return Outcome(cell.id, result.seconds, result.metrics)
            if cell.resources.workers > 1:
                return _on_workers(cell, task, store, locations, told, foreground, oom_halvings)
        seconds, metrics = _worked(cell, task, store, locations, told, foreground, oom_halvings, rank or 0)
    except Exception as error:
        if foreground:
            raise
        failure = failure_from(error)
    else:
        return Outcome(cell.id, seconds, metrics, step=told.step)
    # Only here, where the exception and with it the frames that hold the cell's tensors are gone.
    if failure.failure_class is FailureClass.OUT_OF_MEMORY:
        _free_memory()
    return Outcome(cell.id, time.monotonic() - started, failure=failure, step=told.step)


@dataclass
class _Told:
    """Passes on what a cell reports, and remembers its last step."""

    reporter: Reporter | None
    step: int | None = None

    def __call__(self, step: int, metrics: Mapping[str, float]) -> None:
        self.step = step
        if self.reporter is not None:
            self.reporter(step, metrics)


def _on_workers(
    cell: Cell,
    task: Task,
    store: Store,
    locations: Mapping[str, str],
    reporter: Reporter | None,
    foreground: bool,
    oom_halvings: int,
) -> Outcome:
    from gridcell.execute.processes import Job, run_on_workers

    outcome = run_on_workers(Job(cell, task, store.uri, locations, oom_halvings), reporter)
    if foreground and outcome.failure is not None:
        raise outcome.failure.to_error()
    return outcome


def _worked(
    cell: Cell,
    task: Task,
    store: Store,
    locations: Mapping[str, str],
    reporter: Reporter | None,
    foreground: bool,
    oom_halvings: int,
    rank: int,
) -> tuple[float, Mapping[str, Any]]:
    """Call the task's function, commit what it leaves where this is the first process; seconds, metrics."""
    started = time.time()
    clock = time.monotonic()
    with (
        scratch_folder(cell.id) as scratch,
        limited_threads(cell.resources.cpus),
        FileCache() as cache,
    ):
        outputs = scratch / "outputs"
        outputs.mkdir()
        context = Context(
            cell=cell,
            store=store,
            outputs=outputs,
            scratch=scratch,
            cache=cache,
            locations=locations,
            device=_device(cell.resources),
            foreground=foreground,
            reporter=reporter,
            oom_halvings=oom_halvings,
            rank=rank,
        )
        metrics = task.cell_function(cell.kind)(cell, context)
        seconds = round(time.monotonic() - clock, 4)
        if rank > 0:
            return seconds, metrics
        provenance = {
            "started": round(started, 3),
            "seconds": seconds,
            "host": platform.node(),
            "node": _ray_node(),
            "device": context.device,
            "workers": cell.resources.workers,
            "oom_halvings": oom_halvings,
            "versions": _versions(),
        }
        result = store.results.commit(cell, metrics, outputs, provenance, context.curves.points)
    store.checkpoints(cell.id).clear()
    store.failures.forget(cell.id)
    return result.seconds, result.metrics


@contextlib.contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Compute with so many threads, whatever library does it, as long as this lasts.

    The number of threads decides the order in which sums are formed, so the same number in every executor is
    what makes their results equal to the last bit.
    """
    from threadpoolctl import threadpool_limits

    variables = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(dict.fromkeys(variables, str(threads)))  # for libraries imported from now on
    torch = sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch else None
    if torch:
        torch.set_num_threads(threads)
    try:
        with threadpool_limits(limits=threads):
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        if torch and torch_before is not None:
            torch.set_num_threads(torch_before)


def _free_memory() -> None:
    """Give back what a cell that ran out of memory held: this process lives on for other cells."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _ray_node() -> str | None:
    """Return Ray's id of the node that this process works for: one host may be several. None outside Ray."""
    ray = sys.modules.get("ray")
    return ray.get_runtime_context().get_node_id() if ray and ray.is_initialized() else None


def _device(resources: Resources) -> str:
    if not resources.gpus:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


@functools.cache
def _versions() -> Mapping[str, Any]:
    found = {"gridcell": gridcell.__version__, "python": platform.python_version()}
    for package in ("torch", "lightning", "timm", "ray", "numpy"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
