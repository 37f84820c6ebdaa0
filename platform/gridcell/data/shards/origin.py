"""What a shard was made from: a digest of its images' bytes, which tells a changed image of equal size."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from gridcell.data.importers import Entry, Source
from gridcell.errors import CorruptData


class Origin:
    """Digest of the files that a shard is made from, in the order in which they are read."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, name: str, content: bytes | None) -> None:
        """Add a file; None stands for one that can't be read."""
        sha256 = hashlib.sha256(content).hexdigest() if content is not None else None
        self._digest.update(json.dumps([name, sha256]).encode())

    def hexdigest(self) -> str:
        """Return it: 64 hexadecimal digits."""
        return self._digest.hexdigest()


def content_of(source: Source, entry: Entry) -> bytes:
    """Return the bytes of an image of a source.

    Raises:
        CorruptData: It can't be read.
    """
    try:
        return source.read(entry.member)
    except OSError as error:
        raise CorruptData(f"Image {entry.member.name} can't be read: {error}") from error


def origins(source: Source, parts: Sequence[Sequence[Entry]], workers: int) -> list[str]:
    """Read the files of shards, and return what :class:`Origin` says of each now; decodes none."""

    def origin(entries: Sequence[Entry]) -> str:
        found = Origin()
        for entry in entries:
            try:
                content = content_of(source, entry)
            except CorruptData:
                found.add(entry.member.name, None)
            else:
                found.add(entry.member.name, content)
        return found.hexdigest()

    with ThreadPoolExecutor(workers, thread_name_prefix="gridcell-import") as pool:
        return list(pool.map(origin, parts))
