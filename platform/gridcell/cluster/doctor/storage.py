"""The storage: write, read, rename, exclusive creation, and its clock."""

import contextlib
import itertools
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from gridcell.cluster.doctor.check import CheckResult, Level, graded
from gridcell.secrets import redact
from gridcell.store import Folder

_SKEW_S = 5.0
_SLOW_S = 0.5
_ADVICE = "check that the place exists, and that this account may write there"


def storage(uri: str) -> Iterator[CheckResult]:
    """Do once what a store does all the time, below a folder of its own that is removed again.

    Args:
        uri: the store's.
    """
    folder = Folder.open(uri)
    with left_as_it_was(folder) as new:
        yield from _checked(folder, redact(uri) + (", which a run would make" if new else ""))


@contextlib.contextmanager
def left_as_it_was(folder: Folder) -> Iterator[bool]:
    """Remove in the end the local folders that came with the first file; yield whether there is none yet.

    Args:
        folder: that may not be there.
    """
    place = folder.local("")
    new = []
    if place is not None:
        new = list(itertools.takewhile(lambda one: not one.exists(), (place, *place.parents)))
    try:
        yield bool(new)
    finally:
        for one in new:
            with contextlib.suppress(OSError):  # somebody else uses it by now
                one.rmdir()


def _checked(folder: Folder, shown: str) -> Iterator[CheckResult]:
    probe = f".doctor-{uuid.uuid4().hex}"
    name = f"{probe}/file"
    begun = time.monotonic()
    try:
        folder.write(name, b"1")
        folder.write(name, b"2")
    except OSError as error:
        yield CheckResult("storage", Level.BAD, f"{shown}: can't be written ({error})", _ADVICE)
        return
    try:
        yield from _use(folder, shown, name, begun)
    finally:
        folder.remove(probe)


def _use(folder: Folder, shown: str, name: str, begun: float) -> Iterator[CheckResult]:
    read = folder.read(name)
    took = time.monotonic() - begun
    yield graded(
        "storage",
        read == b"2",
        f"{shown}: written and read in {1000 * took:.0f} ms"
        if read == b"2"
        else f"{shown}: gave back old bytes",
        "caching between nodes must be off: mount NFS with actimeo=0 or lookupcache=none",
        Level.BAD,
    )
    if took > _SLOW_S:
        advice = "cells of a second or less will mostly wait: use a nearer place"
        yield CheckResult("storage speed", Level.WARN, f"{took:.1f} s for two writes and a read", advice)
    yield graded(
        "exclusive creation",
        folder.create(f"{name}.new", b"1") and not folder.create(f"{name}.new", b"2"),
        "of two writers one wins",
        "two drivers could commit one cell: run one driver at a time on this storage",
    )
    folder.move(name, f"{name}.moved")
    moved = folder.names(name.rpartition("/")[0])
    yield graded(
        "rename",
        "file" not in moved and "file.moved" in moved,
        "moves in one step",
        "damaged records can't be set aside there: use another place",
        Level.BAD,
    )
    yield _clock(folder, f"{name}.moved")


def _clock(folder: Folder, name: str) -> CheckResult:
    folder.write(name, b"3")
    now = datetime.now(UTC)
    written = folder.filesystem.modified(folder.path(name))
    written = written if written.tzinfo else written.replace(tzinfo=UTC)
    skew = abs((now - written).total_seconds())
    return graded(
        "clock",
        skew <= _SKEW_S,
        f"{skew:.1f} s from the storage's",
        "run a time service (chrony, systemd-timesyncd): 'status' takes a driver for dead by its clock",
    )
