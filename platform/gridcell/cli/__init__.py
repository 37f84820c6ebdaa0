"""The command. Nothing heavy is imported here: ``gridcell --help`` answers at once."""

import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from types import TracebackType


def main() -> None:
    """Run the command; a user's mistake is one sentence and exit code 2, an interruption exit code 130.

    Whatever a command prints is free of secrets.
    """
    from gridcell.cli.app import app
    from gridcell.errors import CorruptData, UserError
    from gridcell.secrets import RedactedStream

    sys.excepthook = _print_redacted  # of what nobody expected; it runs when the streams are as they were
    with redirect_stdout(RedactedStream(sys.stdout)), redirect_stderr(RedactedStream(sys.stderr)):
        try:
            app()
        except (UserError, CorruptData) as error:
            sys.stderr.write(f"gridcell: {error}\n")
            sys.exit(2)
        except KeyboardInterrupt:
            sys.stderr.write("\ngridcell: stopped.\n")
            sys.exit(130)
        except BrokenPipeError:  # the reader of a pipe, as in `gridcell status | head`, has seen enough
            sys.stderr.close()
            sys.exit(0)


def _print_redacted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    from gridcell.secrets import redact

    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))
