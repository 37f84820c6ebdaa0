"""Running the faults one after another, and judging each against an undisturbed run."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gridcell.cluster.chaos.cluster import PATIENCE_S, Cluster, running
from gridcell.cluster.chaos.fault import Fault, faults
from gridcell.cluster.chaos.grid import CHECKPOINT_EVERY
from gridcell.cluster.chaos.trial import ENVIRONMENT, NotSurvived, Trial, timed
from gridcell.errors import UserError

_UNDISTURBED_S = 300.0  # for the run without a fault, which tells how busy this machine is
_TIMES_LONGER = 4  # than that run a command under a fault may take, and at least PATIENCE_S


@dataclass(frozen=True)
class Verdict:
    """How the platform came through a fault.

    Attributes:
        name: of the fault.
        problem: what went wrong; empty if it was survived.
        seconds: that the grid took, fault and recovery included.
        repeated: steps that were done again.
    """

    name: str
    problem: str
    seconds: float
    repeated: int

    @property
    def survived(self) -> bool:
        """Whether every cell is done, right, and run once but for what the fault interrupted."""
        return not self.problem


def run_faults(names: Sequence[str], say: Callable[[str], None]) -> list[Verdict]:
    """Start a cluster, run the grid undisturbed, then once under each fault.

    Args:
        names: of faults; all if there are none.
        say: is given a line for each fault.

    Raises:
        UserError: there is no fault of a name, or the grid doesn't run undisturbed.
    """
    chosen = [faults.get(name) for name in names] or list(faults.all.values())
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        cluster = Cluster(folder, ENVIRONMENT)
        with running(cluster):
            undisturbed = Trial(cluster, folder / "undisturbed", patience_s=_UNDISTURBED_S)
            try:
                seconds = timed(undisturbed)
            except NotSurvived as error:
                raise UserError(f"The grid doesn't run here without any fault, either: {error}") from error
            patience_s = max(PATIENCE_S, _TIMES_LONGER * seconds)  # a busy machine is no fault
            expected = undisturbed.answers()
            say(f"undisturbed: {len(expected)} cells in {seconds:.1f} s")
            verdicts = []
            for fault in chosen:
                here = folder / fault.name
                trial = Trial(cluster, here, fault.storage_in(here), patience_s=patience_s)
                verdict = try_fault(fault, trial, expected)
                verdicts.append(verdict)
                fate = f"NOT SURVIVED: {verdict.problem}" if verdict.problem else "survived"
                lost = f"{verdict.seconds - seconds:+.1f} s, {verdict.repeated} steps done again"
                say(f"{fault.name}: {fate} ({lost}): {fault.summary}")
    return verdicts


def try_fault(fault: Fault, trial: Trial, expected: dict[str, str]) -> Verdict:
    """Run the grid under a fault and compare it with the undisturbed run."""
    begun = time.monotonic()
    problem = ""
    try:
        fault.strike(trial)
        seconds = time.monotonic() - begun
        judge(fault, trial, expected)
    except (NotSurvived, TimeoutError) as error:
        seconds = time.monotonic() - begun
        problem = str(error)
        trial.cluster.restart()  # it may be in any state, and the next fault is to find it whole
    return Verdict(fault.name, problem, seconds, sum(trial.repeated().values()))


def judge(fault: Fault, trial: Trial, expected: dict[str, str]) -> None:
    """Check that every cell is done with the undisturbed answer, and little was done again.

    Raises:
        NotSurvived: it isn't so.
    """
    answers = trial.answers()
    if missing := expected.keys() - answers.keys():
        raise NotSurvived(f"{', '.join(sorted(missing))} not done:\n{trial.output}")
    if wrong := [title for title in expected if answers[title] != expected[title]]:
        raise NotSurvived(f"{', '.join(wrong)} differ from the undisturbed run")
    again = {title: steps for title, steps in trial.repeated().items() if title not in fault.remade}
    if len(again) > fault.interrupted:
        raise NotSurvived(f"{len(again)} cells were interrupted, not at most {fault.interrupted}: {again}")
    if too_much := {title for title, steps in again.items() if steps > fault.intervals * CHECKPOINT_EVERY}:
        raise NotSurvived(f"{', '.join(sorted(too_much))} did not go on from the last checkpoint: {again}")
