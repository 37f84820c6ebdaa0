"""One trial: the grid is run on the cluster while a fault strikes, then what came of it is compared."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import psutil  # type: ignore[import-untyped]

from gridcell.cluster.chaos.cluster import PATIENCE_S, Cluster, wait_until
from gridcell.cluster.chaos.grid import CHECKPOINT_EVERY, STEP_LOG, Settings, plan
from gridcell.store import Store

ENVIRONMENT = {"GRIDCELL_TASKS": "chaos=gridcell.cluster.chaos.grid:task"}


class NotSurvived(Exception):  # noqa: N818 - an outcome, not a defect
    """A fault changed a result, lost a cell, or ended in another way than it should have."""


@dataclass(frozen=True)
class Step:
    """A line of the steps' log."""

    title: str
    number: int
    pid: int


@dataclass
class Trial:
    """A run of the grid in a folder of its own.

    Attributes:
        cluster: that it runs on.
        folder: empty; the store, MLflow's database and the logs go there.
        storage: URI of the store.
        settings: of the grid, where they aren't the default ones.
        environment: variables of the commands' processes beside the cluster's.
        patience_s: a command that takes longer hangs, and so does what is waited for.
    """

    cluster: Cluster
    folder: Path
    storage: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = PATIENCE_S
    _drivers: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.storage = self.storage or str(self.folder / "store")

    def gridcell(
        self, command: str, *options: str, launch: Sequence[str] = ("-m", "gridcell"), terminal: int = -1
    ) -> subprocess.Popen[bytes]:
        """Start ``gridcell COMMAND chaos`` on this trial's store.

        Args:
            command: of gridcell.
            options: of the command.
            launch: what Python is told to start it.
            terminal: descriptor of the terminal that it is typed at; by default its output goes to a log.
        """
        self._drivers += 1
        settings = {**self.settings, "folder": self.folder}
        here = [word for item in settings.items() for word in ("--set", "=".join(map(str, item)))]
        words = [command, "chaos", "--storage", self.storage, *here, *options]
        with self._log.open("ab") as log:
            output: int | IO[bytes] = log if terminal < 0 else terminal
            return subprocess.Popen(
                [sys.executable, *launch, *words],
                stdin=None if terminal < 0 else terminal,
                stdout=output,
                stderr=output,
                env={**self.cluster.environment, **self.environment},
                cwd=self.folder,
                preexec_fn=None if terminal < 0 else partial(os.login_tty, terminal),
            )

    @property
    def _log(self) -> Path:
        return self.folder / f"driver{self._drivers}.log"

    @property
    def output(self) -> str:
        """What the last command has printed."""
        return self._log.read_text(errors="replace")

    def drive(self, *options: str, **how: Any) -> subprocess.Popen[bytes]:
        """Start ``gridcell run`` on the cluster; ``how`` as in :meth:`gridcell`."""
        return self.gridcell("run", *self.cluster.options, *options, **how)

    def end(self, process: subprocess.Popen[bytes], expected: int = 0) -> None:
        """Wait for a command.

        Raises:
            NotSurvived: its exit code isn't the expected one.
        """
        try:
            code = process.wait(self.patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise NotSurvived(f"the driver hung:\n{self.output}") from None
        if code != expected:
            raise NotSurvived(f"exit code {code} instead of {expected}:\n{self.output}")

    def expect(self, text: str) -> None:
        """Make sure that the last command said something.

        Raises:
            NotSurvived: it didn't.
        """
        if text not in " ".join(self.output.split()):
            raise NotSurvived(f"'{text}' was not said:\n{self.output}")

    def steps(self) -> list[Step]:
        """Return the steps that were begun, in order."""
        log = self.folder / STEP_LOG
        lines = log.read_text().splitlines() if log.exists() else []
        return [Step(title, int(number), int(pid)) for title, number, pid in map(str.split, lines)]

    def wait_for_training(self, process: subprocess.Popen[bytes]) -> Step:
        """Wait until models are well on their way, each with a checkpoint; return the latest step.

        Raises:
            NotSurvived: the driver ended before.
        """

        def well_on_their_way() -> bool:
            if process.poll() is not None:
                raise NotSurvived(f"the driver ended early:\n{self.output}")
            return any(step.number == 2 * CHECKPOINT_EVERY + 2 for step in self.steps())

        wait_until(well_on_their_way, "models to be trained", self.patience_s)
        return self.steps()[-1]

    def wait_for_quiet(self) -> None:
        """Wait until no worker process of the cells lives any more, after their driver has gone."""
        pids = {step.pid for step in self.steps()}
        gone = "the driver's workers to end"
        wait_until(lambda: not any(map(psutil.pid_exists, pids)), gone, self.patience_s)

    def order(self, what: str, title: str, step: int) -> None:
        """Tell a cell to ``crash``, ``stall`` or ``hold`` at a step, once."""
        (self.folder / f"order-{title}-{step}").write_text(what)

    def store(self) -> Store:
        """Open the trial's store, past whatever fails on the way."""
        return Store(str(self.folder / "store"))

    def checkpoints(self) -> list[Path]:
        """Return the newest checkpoint of each cell that has one."""
        folders = (self.folder / "store" / "checkpoints").glob("*")
        return [max(files) for folder in folders if (files := list(folder.iterdir()))]

    def answers(self) -> dict[str, str]:
        """Return title -> hash of the result, of the cells that are done."""
        grid = plan(Settings(**{**self.settings, "folder": str(self.folder)}))
        results, damaged = self.store().results.read_many(grid.cells)
        if damaged:
            raise NotSurvived(f"{len(damaged)} records are damaged")
        return {result.cell.title: result.content for result in results.values()}

    def repeated(self) -> dict[str, int]:
        """Return title -> steps that were begun more than once."""
        counts = Counter((step.title, step.number) for step in self.steps())
        found: Counter[str] = Counter()
        for (title, _), count in counts.items():
            found[title] += count - 1
        return {title: count for title, count in found.items() if count}


def terminate(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, as a batch system does before it kills."""
    os.kill(process.pid, signal.SIGTERM)


def timed(trial: Trial) -> float:
    """Run the grid undisturbed; return the seconds it took."""
    begun = time.monotonic()
    trial.end(trial.drive())
    return time.monotonic() - begun
