"""Running several cells in one pass of their task's batch function; each ends by itself."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gridcell.context import Context
from gridcell.execute.attempt import (
    Attempt,
    LastStep,
    checked,
    commit,
    folder_restored,
    free_memory,
    surroundings,
)
from gridcell.execute.outcome import Failure, FailureClass, Outcome, failure_from
from gridcell.execute.output import kept_output
from gridcell.execute.running_code import code_of
from gridcell.execute.shared_time import SharedTime
from gridcell.execute.threads import limited_threads
from gridcell.fingerprint import Code
from gridcell.notice import NOTICE
from gridcell.store.cache import FileCache
from gridcell.store.patience import written_if_possible

Said = Callable[[Outcome], None]


def run_pass(attempts: Sequence[Attempt], ended: Said) -> None:
    """Run cells in one pass, commit each as soon as its answer is there, and say how each ended.

    What the function raises, or an answer that it does not give, is the failure of all cells that have no
    answer by then, with ``Outcome.shared`` set.

    Args:
        attempts: at cells of one kind with equal resources.
        ended: is told how each ended.
    """
    one = _Pass(attempts, ended)
    try:
        with kept_output() as printed:
            one.run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # 'sys.exit' in a cell, or a panic in a library's Rust, is a failure, too
        failure = failure_from(error)
    else:
        missing = f"the function of {attempts[0].cell.kind} gave no answer for it"
        failure = Failure(FailureClass.BUG, missing)
    finally:
        NOTICE.heed(False)
        for attempt in attempts if printed.text else ():
            written_if_possible(partial(attempt.store.logs.add, attempt.cell.id, printed.text))
    if failure.failure_class is FailureClass.OUT_OF_MEMORY:
        free_memory()
    one.fail_others(failure)


@dataclass
class _Part:
    """One cell of a pass."""

    attempt: Attempt
    steps: LastStep
    context: Context | None = None


class _Pass:
    def __init__(self, attempts: Sequence[Attempt], ended: Said) -> None:
        self._ended = ended
        self._count = len(attempts)
        self._shared = SharedTime(tuple(attempt.cell.id for attempt in attempts))
        self._started, self._clock = time.time(), time.monotonic()
        self._own = 0.0  # seconds that were one cell's alone, over all cells
        self._open: dict[str, _Part] = {}
        for attempt in attempts:
            steps = LastStep(attempt.reporter)
            self._open[attempt.cell.id] = _Part(replace(attempt, reporter=steps), steps)

    def run(self) -> None:
        """Call the task's function with what all cells need, and settle each that it answers."""
        parts = list(self._open.values())
        task, kind = parts[0].attempt.task, parts[0].attempt.cell.kind
        codes = {part.attempt.cell.id: code_of(task, part.attempt.cell) for part in parts}
        with (
            folder_restored(),
            limited_threads(parts[0].attempt.cell.resources.cpus),
            FileCache() as cache,
            contextlib.ExitStack() as folders,
        ):
            contexts = []
            for part in parts:
                code = codes[part.attempt.cell.id]
                part.context = folders.enter_context(surroundings(part.attempt, code, cache))
                contexts.append(part.context)
            for context, answer in task.batch_function(kind)(contexts):
                self._settle(self._open.pop(context.cell.id), answer, codes[context.cell.id])

    def _settle(self, part: _Part, answer: Mapping[str, Any] | BaseException, code: Code) -> None:
        assert part.context is not None
        seconds = self._seconds(part.context)
        cell, step = part.attempt.cell.id, part.steps.last
        try:
            if isinstance(answer, BaseException):
                raise answer
            times = {"started": round(self._started, 3), "seconds": seconds, "together": self._count}
            result = commit(part.attempt, part.context, code, checked(answer), times)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also Preempted, of a cell that has saved a checkpoint and left
            outcome = Outcome(cell, seconds, failure=failure_from(error), step=step)
        else:
            outcome = Outcome(cell, result.seconds, result.metrics, step=step)
        self._shared = self._shared.without(cell, seconds)
        self._ended(replace(outcome, elapsed=self._elapsed()))

    def _seconds(self, context: Context) -> float:
        """Return a cell's own time, and its part of what the pass took beside any cell's own so far."""
        contexts = [part.context for part in self._open.values() if part.context is not None]
        own = sum(context.own_seconds)
        self._own += own
        others = sum(sum(each.own_seconds) for each in contexts)
        shared = self._elapsed() - self._own - others
        return round(own + max(0.0, shared) / self._count, 4)

    def fail_others(self, failure: Failure) -> None:
        """End the cells that have no answer."""
        elapsed = self._elapsed()
        seconds = self._shared.part(elapsed)
        while self._open:
            cell_id, part = self._open.popitem()
            step = part.steps.last
            self._ended(Outcome(cell_id, seconds, failure=failure, step=step, shared=True, elapsed=elapsed))

    def _elapsed(self) -> float:
        return time.monotonic() - self._clock
