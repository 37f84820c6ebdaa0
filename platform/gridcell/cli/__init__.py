"""The command. Nothing heavy is imported here: ``gridcell --help`` answers at once."""

import functools
import os
import signal
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from types import TracebackType


def main() -> None:
    """Run the command; a user's mistake is one sentence and exit code 2, an interruption exit code 130.

    A full disk, or a folder that can't be written, is one sentence and exit code 1. Whatever a command prints
    is free of secrets, and that it can't be printed ends no command.
    """
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        _run()
    except KeyboardInterrupt:  # before typer has taken over, or after
        from gridcell.cli.exit_codes import ExitCode

        sys.stderr.write("\ngridcell: stopped.\n")
        sys.exit(ExitCode.STOPPED)


def _run() -> None:
    from gridcell.cli.app import app
    from gridcell.cli.completion import VARIABLE, answer_bash
    from gridcell.cli.exit_codes import ExitCode
    from gridcell.cli.streams import LastingStream
    from gridcell.errors import CorruptData, UserError
    from gridcell.printable import print_anything, printable

    sys.excepthook = _print_redacted  # of what nobody expected; it runs when the streams are as they were
    print_anything()
    run = functools.partial(app, prog_name="gridcell")  # also of python -m, for help and completion
    output, errors = LastingStream(sys.stdout), LastingStream(sys.stderr)
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            if os.environ.get(VARIABLE) == "complete_bash":
                answer_bash(run)
            run()
        except (UserError, CorruptData) as error:
            for text in (str(error), *getattr(error, "__notes__", ())):
                errors.write(f"gridcell: {printable(text)}\n")
            sys.exit(ExitCode.MISTAKE)
        except OSError as error:
            from gridcell.cli.disk_errors import sentence_of

            if not (said := sentence_of(error)):
                raise
            errors.write(f"gridcell: {printable(said)}\n")
            sys.exit(ExitCode.FAILED)
        except SystemExit as ended:
            # Typer makes a silent exit code of Ctrl-C; commands that say more of it raise one of their own.
            if isinstance(getattr(ended.__context__, "__cause__", None), KeyboardInterrupt):
                errors.write("\ngridcell: stopped.\n")
            raise
        finally:  # else Python tries at its end, and makes 120 of the exit code
            output.flush()
            errors.flush()


def _as_ctrl_c(*_: object) -> None:
    """Clean up as after Ctrl-C; commands that run cells give these time to save a checkpoint."""
    raise KeyboardInterrupt


def _print_redacted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    from gridcell.secrets import redact

    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))
