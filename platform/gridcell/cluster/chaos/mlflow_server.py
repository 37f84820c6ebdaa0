"""An MLflow server on loopback that can be killed."""

import contextlib
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

from gridcell.cluster.chaos.cluster import free_port, kill_tree, wait_until
from gridcell.cluster.chaos.trial import Trial


class MlflowServer:
    """A server on a database in the trial's folder."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self.uri = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        database = f"sqlite:///{self._trial.folder / 'server.db'}"
        where = ["--backend-store-uri", database, "--host", "127.0.0.1", "--port", str(self._port)]
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with (self._trial.folder / "mlflow.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *where],
                stdout=log,
                stderr=log,
                env={**self._trial.cluster.environment, **quiet},
                cwd=self._trial.folder,
            )
        wait_until(self._answers, "the MLflow server")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:
            return bool(answer.status == 200)
        return False

    def kill(self) -> None:
        """SIGKILL it with all its workers."""
        if self._process is not None:
            kill_tree(self._process.pid)
            self._process = None


@contextlib.contextmanager
def serving(trial: Trial) -> Iterator[MlflowServer]:
    """Start a server, and end it however it is left."""
    server = MlflowServer(trial)
    try:
        server.start()
        yield server
    finally:
        server.kill()
