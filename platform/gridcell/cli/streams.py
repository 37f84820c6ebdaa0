"""The command's output, whose loss ends no run: a closed pipe, a full disk, a terminal that is gone."""

import contextlib
import os
import signal
from typing import TextIO

from gridcell.secrets import RedactedStream


class LastingStream(RedactedStream):
    """A stream free of secrets whose writing never fails; what can't be written is left out.

    Args:
        stream: to write to; None where the process has none.
    """

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream or open(os.devnull, "w"))  # noqa: SIM115, PTH123 - lasts as long as the process

    def write(self, text: str) -> int:
        """Write what can be written; return the length of what was given."""
        try:
            super().write(text)
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
