"""How a cell ended, and what each way of failing calls for."""

import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from gridcell.errors import CorruptData, Diverged, UserError
from gridcell.secrets import redact
from gridcell.store.patience import is_full, is_passing


class FailureClass(StrEnum):
    """Why a cell has no result."""

    PREEMPTED = "preempted"  # its process or node went away
    OUT_OF_MEMORY = "out-of-memory"
    TRANSIENT = "transient"  # storage or network, likely to work the next time
    DISK_FULL = "disk-full"  # no cell can commit until there is room: the run stops
    STALLED = "stalled"  # no sign of life for longer than it was given
    CORRUPT_INPUT = "corrupt-input"  # a file it needs is damaged; the cell that made it runs again
    DIVERGED = "diverged"  # a loss that isn't finite: an outcome of the settings
    INVALID = "invalid"  # what was asked can't be done with this data
    BUG = "bug"  # any other error in the code


# How often a cell is tried again within one run. Each further preemption is as likely to be the cell's own
# doing (a crash in native code) as the cluster's, so this isn't endless.
RETRIES: Mapping[FailureClass, int] = {
    FailureClass.PREEMPTED: 20,
    FailureClass.TRANSIENT: 3,
    FailureClass.DISK_FULL: 2,  # another node's may have room
    FailureClass.STALLED: 2,
    FailureClass.CORRUPT_INPUT: 2,
    FailureClass.OUT_OF_MEMORY: 6,  # each time with half the batch: 1/64 in the end
}


@dataclass(frozen=True)
class Failure:
    """One failed attempt: its class, the error's one-line message and its traceback."""

    failure_class: FailureClass
    message: str
    traceback: str = ""
    mend: str | None = None  # id of a cell to be run again first

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
        """Rebuild it from ``to_record``."""
        return cls(**{**record, "failure_class": FailureClass(record["failure_class"])})


@dataclass(frozen=True)
class Outcome:
    """How an attempt at a cell ended: with metrics, or with a failure; ``step`` is the last it reported."""

    cell: str
    seconds: float
    metrics: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    step: int | None = None

    @property
    def done(self) -> bool:
        """Whether the cell's result is committed."""
        return self.failure is None


# What gloo says when another process of the group is gone; NCCL ends the process itself.
_LOST_PEER = ("Connection closed by peer", "Connection reset by peer", "Broken pipe")


def classify(error: BaseException) -> FailureClass:
    """Tell what kind of failure an exception is."""
    if isinstance(error, Diverged):
        return FailureClass.DIVERGED
    if isinstance(error, CorruptData):  # what no cell made, such as a user's images, no cell can mend
        return FailureClass.INVALID if error.cell_id is None else FailureClass.CORRUPT_INPUT
    if isinstance(error, UserError):
        return FailureClass.INVALID
    # torch.OutOfMemoryError, matched by name because this module must not import torch
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return FailureClass.OUT_OF_MEMORY
    if any(base.__name__ == "RayActorError" for base in type(error).__mro__):  # by name: see above
        return FailureClass.PREEMPTED
    if type(error) is RuntimeError and any(sign in str(error) for sign in _LOST_PEER):
        return FailureClass.PREEMPTED
    if is_full(error):
        return FailureClass.DISK_FULL
    return FailureClass.TRANSIENT if is_passing(error) else FailureClass.BUG


def failure_from(error: BaseException) -> Failure:
    """Turn an exception into a failure record."""
    name = "" if isinstance(error, UserError | Diverged | CorruptData) else f"{type(error).__name__}: "
    return Failure(
        classify(error),
        redact(f"{name}{error}".strip()),
        redact("".join(traceback.format_exception(error))),
        error.cell_id if isinstance(error, CorruptData) else None,
    )
