"""Being asked to end: by Ctrl-C, or by SIGTERM, which batch systems send some time before they kill."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from gridcell.execute.options import check_seconds
from gridcell.notice import NOTICE

GRACE_S = 20.0
_AGAIN_S = 0.1  # after an interruption came to nothing

Grace = Annotated[
    float,
    typer.Option(
        "--grace",
        metavar="S",
        help="After Ctrl-C or SIGTERM, seconds in which running cells save a checkpoint.",
    ),
]


def end_when_asked(grace_s: float = 0.0, say: Callable[[str], object] | None = None) -> None:
    """Let SIGTERM raise KeyboardInterrupt as SIGINT does, once what runs has had time to save a checkpoint.

    Nothing is waited for where nothing that runs heeds the notice; and the second signal ends the wait.

    A signal is handled wherever the main thread happens to be. Where that is a destructor or the callback of
    a weak reference, Python reports what is raised there and goes on as if nobody had asked; it is raised
    again then.

    Args:
        grace_s: seconds that running cells have.
        say: is told, from a thread of its own, that they are waited for.

    Raises:
        UserError: the grace is no time.
    """
    if grace_s:
        check_seconds("--grace", grace_s)

    def asked(signal_number: int, frame: FrameType | None) -> None:
        if NOTICE.given or not grace_s or not (NOTICE.heeded or NOTICE.subscribers):
            raise KeyboardInterrupt
        NOTICE.give()
        # From other threads: the handler may have interrupted whoever prints, with its lock in hand.
        threading.Thread(target=_pass_on, args=(grace_s, say), daemon=True).start()
        end = threading.Timer(grace_s, _end_if_still_asked)
        end.daemon = True
        end.start()

    signal.signal(signal.SIGTERM, asked)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGINT, asked)
    sys.unraisablehook = _or_interrupt_again(sys.unraisablehook)


def _pass_on(grace_s: float, say: Callable[[str], object] | None) -> None:
    if say is not None:
        say(f"Asked to end: running cells save a checkpoint, in {grace_s:g} s at most. Again ends at once.")
    for subscriber in NOTICE.subscribers:
        subscriber()


def _end_if_still_asked() -> None:
    if NOTICE.given:
        os.kill(os.getpid(), signal.SIGTERM)


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
