"""The command. Nothing heavy is imported here: ``gridcell --help`` answers at once."""

import sys


def main() -> None:
    """Run the command; a user's mistake is one sentence and exit code 2, an interruption exit code 130."""
    from gridcell.cli.app import app
    from gridcell.errors import CorruptData, UserError

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
