"""What a cell prints, kept while it is printed."""

import contextlib
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

from gridcell.store.logs import LIMIT


class Tail:
    """The last part of a text that grows."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._parts: deque[str] = deque()
        self._size = 0

    def add(self, part: str) -> None:
        """Append a part."""
        part = part[-self._limit :]
        self._parts.append(part)
        self._size += len(part)
        while self._size - len(self._parts[0]) >= self._limit:
            self._size -= len(self._parts.popleft())

    @property
    def text(self) -> str:
        """What is kept."""
        return "".join(self._parts)[-self._limit :]


class _Tee:
    """A text stream that is kept, too; everything but ``write`` is the stream's own."""

    def __init__(self, stream: Any, tail: Tail) -> None:
        self._stream = stream
        self._tail = tail

    def write(self, text: str) -> int:
        self._tail.add(text)
        return self._stream.write(text) if self._stream is not None else len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if self._stream is not None:
            self._stream.flush()

    def close(self) -> None:
        """Leave the stream open: the run goes on to print on it when the cell has ended."""
        self.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def kept_output() -> Iterator[Tail]:
    """Yield the last part of what Python code prints meanwhile on either stream, which it still reaches."""
    tail = Tail()
    output, errors = _Tee(sys.stdout, tail), _Tee(sys.stderr, tail)
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        yield tail
