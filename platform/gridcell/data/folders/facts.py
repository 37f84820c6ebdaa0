"""What is known of each file of a folder: its SHA-256 and what its header says; kept between commands.

A file is read again if its size, times, inode or device differ from what is kept, or if it was younger than
two seconds when it was read: a clock's tick may hide a second write.
"""

import contextlib
import hashlib
import json
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridcell.data.folders.decode import Look, Unreadable, look_at, unreadable
from gridcell.data.folders.formats import HEAD, format_of, has_image_ending
from gridcell.data.folders.walk import File
from gridcell.errors import UserError
from gridcell.store.cache import cache_folder

YOUNG_S = 2.0
"""Seconds for which a file's times don't prove that it stays as it is."""

_VERSION = 3  # 3: a look says whether a TIFF or PPM has 16 bits
_LEAST_KEPT = 64  # files of a folder: fewer are read again faster than what is kept of them


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an image.

    Attributes:
        sha256: Of its bytes, 64 hexadecimal digits.
        look: What its header says.
    """

    sha256: str
    look: Look


def facts_of(root: Path, files: Sequence[File], corrupt: dict[str, str] | None = None) -> list[Facts | None]:
    """Return the facts of each file, None of those that are no image by their bytes and by their name.

    Args:
        root: The folder that they are of; what is known is kept by it.
        files: What a walk found there.
        corrupt: Takes name of a file -> why it can't be read, of those with the name of an image that can't
            be read as one; their facts are None. Not given, they are an error, which names all of them.

    Raises:
        UserError: A file has the name of an image but can't be read as one, or can't be opened.
    """
    memory = _Memory(root) if len(files) >= _LEAST_KEPT else None
    found = []
    broken: dict[str, Unreadable] = {}
    for file in files:
        facts = memory.recall(file) if memory is not None else None
        if facts is None:
            try:
                facts = _read(file)
            except Unreadable as error:
                broken[file.name] = error
            if memory is not None and facts is not None:
                memory.keep(file, facts)
        found.append(facts)
    if memory is not None:
        memory.save()
    if broken and corrupt is None:
        raise unreadable(list(broken.values()))
    if corrupt is not None:
        corrupt |= {name: error.why for name, error in broken.items()}
    return found


def read_again(path: Path, sha256: str) -> bytes:
    """Return a file's bytes.

    Raises:
        UserError: They are not those of that checksum, or it can't be opened.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"Image {path} can't be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(f"Image {path} changed since the grid was planned: run again")
    return content


def _read(file: File) -> Facts | None:
    try:
        with file.path.open("rb") as opened:
            head = opened.read(HEAD)
            # Two weak marks, BMP's and PPM's, begin some texts too: there the name has a say.
            form = format_of(head)
            if not has_image_ending(file.name) and form in (None, "BMP", "PPM"):
                return None
            content = head + opened.read()
    except OSError as error:
        raise UserError(f"Image {file.path} can't be read: {error.strerror}") from error
    return Facts(hashlib.sha256(content).hexdigest(), look_at(content, str(file.path)))


class _Memory:
    """What is kept of one folder, as a file in the cache; lost or damaged, it is only slower."""

    def __init__(self, root: Path) -> None:
        place = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()
        self._file = cache_folder() / "folders" / f"{place}.json"
        self._began = time.time()
        self._old: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            record = json.loads(self._file.read_bytes())
            self._old = record["files"] if record["version"] == _VERSION else {}
        self._new: dict[str, Any] = {}

    def recall(self, file: File) -> Facts | None:
        """Return what was kept of a file that is still the same, and keep it on."""
        with contextlib.suppress(KeyError, TypeError, ValueError):
            record = self._old[file.name]
            stamp, sha256, look = record
            if stamp == _stamp(file.stat):
                facts = Facts(sha256, Look(*look))
                self._new[file.name] = record
                return facts
        return None

    def keep(self, file: File, facts: Facts) -> None:
        """Keep the facts of a file, unless it is so young that its times prove nothing."""
        latest = max(file.stat.st_mtime, file.stat.st_ctime)
        if latest < self._began - YOUNG_S:
            self._new[file.name] = [_stamp(file.stat), facts.sha256, list(facts.look)]

    def save(self) -> None:
        """Write what is kept in one step, if it is news; a cache that can't be written is no error."""
        if self._new == self._old:
            return
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial = self._file.with_name(f".{self._file.name}.{uuid.uuid4().hex}")
            partial.write_text(json.dumps({"version": _VERSION, "files": self._new}), encoding="ascii")
            partial.replace(self._file)


def _stamp(found: os.stat_result) -> list[int]:
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev]
