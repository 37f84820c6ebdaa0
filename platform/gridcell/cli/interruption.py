"""Being asked to end: by Ctrl-C, or by SIGTERM, which batch systems send some time before they kill."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

_AGAIN_S = 0.1  # after an interruption came to nothing


def end_when_asked() -> None:
    """Let SIGTERM raise KeyboardInterrupt as SIGINT does, and raise it again where it came to nothing.

    A signal is handled wherever the main thread happens to be. Where that is a destructor or the callback of
    a weak reference, Python reports what is raised there and goes on as if nobody had asked.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    sys.unraisablehook = _or_interrupt_again(sys.unraisablehook)


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _or_interrupt_again(report: Callable[[Any], Any]) -> Callable[[Any], None]:
    def hook(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            report(unraisable)
            return
        # From another thread and later: here, within the same callback, it would come to nothing again.
        threading.Timer(_AGAIN_S, os.kill, (os.getpid(), signal.SIGTERM)).start()

    return hook


def leave(code: int) -> NoReturn:
    """End the process as it is, once all is said.

    Python's own end may crash where Ctrl-C came while Ray was being started, whose threads then still run;
    and a script around the command would take that for another reason to stop.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
