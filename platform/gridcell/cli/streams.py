"""The command's output, whose loss ends no run: a closed pipe, a full disk, a terminal that is gone."""

import contextlib
import os
import signal
from typing import TextIO

from gridcell.secrets import RedactedStream

_DUMP = "[state-dump]"


def without_dumps(text: str) -> str:
    r"""Return text without the lines in which Ray dumps the state of a node that is gone, which are counted.

    Ray prints them about the one line that says which cell is tried again; they are in the node's log.

    Example:
        >>> print(without_dumps(" [state-dump] a\n [state-dump] b\nbuggy on house\n").strip())
        (2 lines of Ray's state left out; they are in raylet.out of that node)
        buggy on house
    """
    if _DUMP not in text:
        return text
    lines = text.splitlines(keepends=True)
    first = next(place for place, line in enumerate(lines) if _DUMP in line)
    count = sum(_DUMP in line for line in lines)
    lines[first] = f"    ({count} lines of Ray's state left out; they are in raylet.out of that node)\n"
    return "".join(line for line in lines if _DUMP not in line)


class LastingStream(RedactedStream):
    """A stream free of secrets whose writing never fails; what can't be written is left out.

    Ray's dumps of a node's state are left out, too; see ``without_dumps``.

    Args:
        stream: to write to; None where the process has none.
    """

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream or open(os.devnull, "w"))  # noqa: SIM115, PTH123 - lasts as long as the process

    def write(self, text: str) -> int:
        """Write what can be written; return the length of what was given."""
        try:
            super().write(without_dumps(text))
        except OSError as error:
            self._lose(error)
        except ValueError:  # it was closed
            pass
        return len(text)

    def flush(self) -> None:
        """Flush as far as possible."""
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)
        except ValueError:
            pass

    def _lose(self, error: OSError) -> None:
        """Write to nowhere from now on if nobody reads, or nothing that Python keeps could be flushed."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            if isinstance(error, BrokenPipeError) or self._still_fails():
                os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def _still_fails(self) -> bool:
        try:
            self._stream.flush()
        except OSError:
            return True
        return False


def outlive_terminal() -> None:
    """Go on when the terminal is closed, as under ``nohup``: a run needs nobody who watches."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
