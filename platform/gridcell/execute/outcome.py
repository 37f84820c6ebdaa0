"""How a cell ended, and what each way of failing calls for."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from gridcell.errors import CorruptData, Diverged, NodeUnusable, Preempted, UserError
from gridcell.execute import causes
from gridcell.printable import printable
from gridcell.secrets import redact
from gridcell.store.patience import is_full, is_passing


class FailureClass(StrEnum):
    """Why a cell has no result."""

    PREEMPTED = "preempted"  # its node went away, or the driver that ran it
    CRASHED = "crashed"  # its process ended by itself, while its node lives
    OUT_OF_MEMORY = "out-of-memory"
    DEVICE = "device"  # a GPU, its driver or its libraries, or communication between GPUs
    NODE = "node"  # the node can't do what the cell asks for
    TRANSIENT = "transient"  # storage or network, likely to work the next time
    DISK_FULL = "disk-full"  # no cell can commit until there is room: the run stops
    STALLED = "stalled"  # no sign of life for longer than it was given
    CORRUPT_INPUT = "corrupt-input"  # a file it needs is damaged; the cell that made it runs again
    DIVERGED = "diverged"  # a loss that isn't finite: an outcome of the settings
    INVALID = "invalid"  # what was asked can't be done with this data
    UNKNOWN = "unknown"  # native code failed in a way that nobody expected
    BUG = "bug"  # any other error in the code


# How often a cell is tried again within one run. Each further preemption is as likely to be the cell's own
# doing as the cluster's, so this isn't endless.
RETRIES: Mapping[FailureClass, int] = {
    FailureClass.PREEMPTED: 20,
    FailureClass.CRASHED: 2,
    FailureClass.DEVICE: 2,
    FailureClass.NODE: 3,
    FailureClass.UNKNOWN: 1,
    FailureClass.TRANSIENT: 3,
    FailureClass.DISK_FULL: 2,  # another node's may have room
    FailureClass.STALLED: 2,
    FailureClass.CORRUPT_INPUT: 2,
    FailureClass.OUT_OF_MEMORY: 6,  # each time with half the batch: 1/64 in the end
}

# What ends a pass over several cells in one of these ways was none of them; or all of them, for memory.
_NOBODYS = {
    FailureClass.PREEMPTED,
    FailureClass.NODE,
    FailureClass.TRANSIENT,
    FailureClass.DISK_FULL,
    FailureClass.OUT_OF_MEMORY,
}

# A process is not used for another cell after these: it may be unusable.
_ENDS_PROCESS = {FailureClass.CRASHED, FailureClass.DEVICE, FailureClass.NODE, FailureClass.UNKNOWN}

MESSAGE_LIMIT = 4_000  # characters of a message that are kept
TRACEBACK_LIMIT = 40_000  # and of a traceback


@dataclass(frozen=True)
class Failure:
    """One failed attempt.

    Attributes:
        failure_class: why.
        message: the error, cut to ``MESSAGE_LIMIT`` characters.
        traceback: cut to ``TRACEBACK_LIMIT`` characters.
        mend: id of a cell to be run again first.
        ends_process: whether the process may be unusable, so that it is not used for another cell.
    """

    failure_class: FailureClass
    message: str
    traceback: str = ""
    mend: str | None = None
    ends_process: bool = False

    def to_error(self) -> Exception:
        """Return an exception to raise in its place, where a person watches."""
        if self.failure_class in (FailureClass.INVALID, FailureClass.CORRUPT_INPUT):
            return UserError(self.message)
        if self.failure_class is FailureClass.DIVERGED:
            return Diverged(self.message)
        return RuntimeError(f"{self.message}\n\n{self.traceback}".strip())

    def to_record(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {**asdict(self), "failure_class": self.failure_class.value}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Failure":
        """Rebuild it from ``to_record``; what a newer version wrote beside is left out.

        Raises:
            KeyError, ValueError, TypeError: it is no such record.
        """
        known = {each.name for each in fields(cls)}
        given = {name: value for name, value in record.items() if name in known}
        return cls(**{**given, "failure_class": FailureClass(record["failure_class"])})


@dataclass(frozen=True)
class Outcome:
    """How an attempt at a cell ended: with metrics, or with a failure.

    Attributes:
        cell: id.
        seconds: that it took; of a pass over several cells its part alone.
        metrics: of the result; on Ray the driver gets that alone which live progress shows.
        failure: why there is no result.
        step: the last that the cell reported.
        shared: whether the failure ended a pass over several cells, and any of them may have caused it.
        elapsed: seconds from the beginning of the attempt to its end, where not all of them are this cell's:
            a pass shares them. 0 where another driver had made the result. None for ``seconds``.
    """

    cell: str
    seconds: float
    metrics: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    step: int | None = None
    shared: bool = False
    elapsed: float | None = None

    @property
    def spent(self) -> float:
        """The seconds of this attempt that belong to the cell."""
        return self.seconds if self.elapsed is None else min(self.seconds, self.elapsed)

    @property
    def runs_alone_next(self) -> bool:
        """Whether the cell is to be tried by itself, so that a failure is that of the cell that causes it."""
        return self.shared and self.failure is not None and self.failure.failure_class not in _NOBODYS

    @property
    def done(self) -> bool:
        """Whether the cell's result is committed."""
        return self.failure is None


def classify(error: BaseException) -> FailureClass:
    """Tell what kind of failure an exception is.

    What it was raised from counts too: a library may wrap an error of the GPU in one of its own.

    Example:
        >>> classify(MemoryError()).value
        'out-of-memory'
    """
    found = _own_class(error)
    if found is not FailureClass.BUG:
        return found
    causes_of_it = list(causes.chain(error))[1:]
    wrapped = {_own_class(each) for each in causes_of_it}
    return next((each for each in _SHINE_THROUGH if each in wrapped), found)


# Of what was wrapped these count, the first of them that is there.
_SHINE_THROUGH = (
    *(FailureClass.DEVICE, FailureClass.OUT_OF_MEMORY, FailureClass.DIVERGED, FailureClass.CORRUPT_INPUT),
    *(FailureClass.CRASHED, FailureClass.UNKNOWN, FailureClass.PREEMPTED, FailureClass.TRANSIENT),
    FailureClass.DISK_FULL,
)


def _own_class(error: BaseException) -> FailureClass:
    if isinstance(error, Diverged):
        return FailureClass.DIVERGED
    if isinstance(error, CorruptData):  # what no cell made, such as a user's images, no cell can mend
        return FailureClass.INVALID if error.cell_id is None else FailureClass.CORRUPT_INPUT
    if isinstance(error, UserError):
        return FailureClass.INVALID
    if isinstance(error, NodeUnusable):
        return FailureClass.NODE
    if isinstance(error, Preempted):
        return FailureClass.PREEMPTED
    for failure_class, applies in _SIGNS:
        if applies(error):
            return failure_class
    return FailureClass.BUG


_SIGNS: tuple[tuple[FailureClass, Callable[[BaseException], bool]], ...] = (
    (FailureClass.OUT_OF_MEMORY, causes.is_out_of_memory),  # first: "CUDA error: out of memory"
    (FailureClass.DEVICE, causes.is_device_error),
    (FailureClass.PREEMPTED, causes.is_lost_process),
    (FailureClass.CRASHED, causes.is_crash),
    (FailureClass.DISK_FULL, is_full),
    (FailureClass.UNKNOWN, causes.is_native),
    (FailureClass.TRANSIENT, is_passing),
)


def failure_from(error: BaseException) -> Failure:
    """Turn an exception into a failure record."""
    name = "" if isinstance(error, _PLAIN) else f"{type(error).__name__}: "
    failure_class = classify(error)
    all_of_it = list(causes.chain(error))
    ends_process = (
        failure_class in _ENDS_PROCESS
        or any(map(causes.is_out_of_files, all_of_it))
        # torch gives back what its allocator holds, but the driver's own lack of memory may last
        or any(map(causes.is_device_error, all_of_it))
    )
    return Failure(
        failure_class,
        _told(f"{name}{causes.text_of(error)}".strip(), MESSAGE_LIMIT),
        _told("".join(traceback.format_exception(error)), TRACEBACK_LIMIT),
        next((each.cell_id for each in all_of_it if isinstance(each, CorruptData)), None),
        ends_process,
    )


_PLAIN = (UserError, Diverged, CorruptData, NodeUnusable, Preempted)


def _told(text: str, limit: int) -> str:
    return printable(shortened(redact(text), limit))  # in this order: half a secret would not be found


def shortened(text: str, limit: int) -> str:
    """Cut a long text in its middle: its beginning says what, and its end where."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"
