"""What the command's exit codes mean."""

from enum import IntEnum


class ExitCode(IntEnum):
    """An exit code of ``gridcell``."""

    OK = 0
    FAILED = 1
    MISTAKE = 2
    STOPPED = 130

    @property
    def meaning(self) -> str:
        """When the command ends with it, in a sentence."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "All that was asked for is done. A cell that diverged changes nothing.",
    ExitCode.FAILED: "A cell or a job failed, a run was ended early, a check found a fault, or a disk was "
    "full or could not be written.",
    ExitCode.MISTAKE: "A mistake in the command, a suite or its data, or a damaged record: one sentence says "
    "which. Nothing was started.",
    ExitCode.STOPPED: "Stopped by Ctrl-C or SIGTERM. The same command goes on.",
}
