"""Jobs on a Ray cluster: the same ``gridcell run``, begun on the cluster by its job server."""

import contextlib
import logging
import os
import shlex
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell.cluster.package import Package
from gridcell.errors import UserError
from gridcell.execute.reach import use_token_if_there
from gridcell.task import TASKS_VARIABLE, Task, entry_point_value

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

DEFAULT_ADDRESS = "http://127.0.0.1:8265"
POLL_S = 1.0  # between looks at a job that is followed
PATIENCE_S = 60.0  # with a cluster that isn't ready yet, or that stops answering while a job is followed
_NOT_YET = "No available agent"


class Unreachable(UserError):  # noqa: N818 - names the state of the cluster
    """Nothing answers at the cluster's address."""


@dataclass(frozen=True)
class Job:
    """A job as its cluster tells: times in seconds since 1970, None where it hasn't come to that."""

    id: str
    status: str
    message: str
    entrypoint: str
    started: float | None
    ended: float | None
    exit_code: int | None

    @property
    def over(self) -> bool:
        """Whether it ended, in whatever way."""
        return self.status in ("SUCCEEDED", "FAILED", "STOPPED")


class Jobs:
    """The jobs of one cluster."""

    def __init__(self, address: str) -> None:
        """Connect.

        Raises:
            UserError: nothing answers there, or it wants another token.
        """
        check_address(address)
        use_token_if_there()
        with _explained(address):
            self._client = _connect(address)
        self.address = address

    def submit(
        self,
        package: Package,
        command: Sequence[str],
        *,
        name: str,
        environment: Mapping[str, str],
    ) -> str:
        """Upload the package, begin the command in it on the cluster, and return the job's id.

        Args:
            package: becomes the job's working directory, on every node that works for it.
            command: words of the command.
            name: beginning of the id.
            environment: variables of the driver and the workers. Ray shows them to whoever sees the job.
        """
        job_id = f"{name}-{uuid.uuid4().hex[:6]}"
        with tempfile.TemporaryDirectory(prefix="gridcell-job-") as folder, _explained(self.address):
            archive = Path(folder) / "package.zip"
            package.write(archive)
            asked = time.monotonic()
            while True:
                try:
                    self._client.submit_job(
                        entrypoint=f"exec {shlex.join(command)}",  # the signal to stop must reach the driver
                        submission_id=job_id,
                        runtime_env={"working_dir": str(archive), "env_vars": dict(environment)},
                    )
                except RuntimeError as error:  # a head answers some seconds before it can start jobs
                    if _NOT_YET not in str(error) or time.monotonic() - asked > PATIENCE_S:
                        raise
                    time.sleep(POLL_S)
                else:
                    return job_id

    def find(self, job_id: str) -> Job:
        """Return what is known of a job.

        Raises:
            UserError: the cluster has no such job.
        """
        with _explained(self.address, job_id):
            return _job(self._client.get_job_info(job_id))

    def submitted(self) -> list[Job]:
        """Return all jobs that were submitted, the latest first."""
        with _explained(self.address):
            details = [item for item in self._client.list_jobs() if item.submission_id]
        return sorted(map(_job, details), key=lambda job: job.started or 0.0, reverse=True)

    def stop(self, job_id: str) -> bool:
        """Ask a job to end as Ctrl-C would; return whether it was running."""
        with _explained(self.address, job_id):
            return bool(self._client.stop_job(job_id))

    def logs(self, job_id: str) -> str:
        """Return what a job printed so far."""
        with _explained(self.address, job_id):
            return str(self._client.get_job_logs(job_id))

    def follow(self, job_id: str) -> Iterator[str]:
        """Yield what a job prints, from its beginning until it ends, across short losses of the connection.

        Raises:
            UserError: the cluster has no such job, or didn't answer for ``PATIENCE_S``.
        """
        told = 0
        heard = time.monotonic()
        while True:
            try:
                over = self.find(job_id).over  # first, so that nothing printed before the end is missed
                text = self.logs(job_id)
            except Unreachable:
                if time.monotonic() - heard > PATIENCE_S:
                    raise
            else:
                heard = time.monotonic()
                if text[told:]:
                    yield text[told:]
                    told = len(text)
                if over:
                    return
            time.sleep(POLL_S)


def check_address(address: str) -> None:
    """Make sure that an address is a web server's: others are of Ray's own protocol, tried for long.

    Raises:
        UserError: it isn't.
    """
    if not address.startswith(("http://", "https://")):
        raise UserError(
            f"--address '{address}' must be that of the head's dashboard, for instance {DEFAULT_ADDRESS}"
        )


def environment_for(task: Task, root: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which a job finds the code of the working directory first.

    Sources of gridcell and of the task that lie below ``root`` are put on the job's import path, so that what
    was edited here is what runs there; anything else must be installed on the cluster.
    """
    where = entry_point_value(task.name)  # none of a task in a plug-in, which goes along as a file
    modules = ["gridcell", *([where.partition(":")[0].partition(".")[0]] if where else ())]
    roots = [source for name in modules if (source := _source_root(name, root)) is not None]
    path = [*dict.fromkeys(roots), given.get("PYTHONPATH", "${PYTHONPATH}")]  # Ray puts in the node's own
    return {
        "PYTHONUNBUFFERED": "1",
        **({TASKS_VARIABLE: f"{task.name}={where}"} if where else {}),
        **given,
        "PYTHONPATH": os.pathsep.join(path),
    }


def _source_root(module: str, root: Path) -> str | None:
    file = Path(str(import_module(module).__file__)).resolve()
    source = file.parent.parent if file.name == "__init__.py" else file.parent
    return source.relative_to(root).as_posix() if source.is_relative_to(root) else None


@contextlib.contextmanager
def _explained(address: str, job_id: str = "") -> Iterator[None]:
    """Turn what Ray's client raises into one sentence."""
    import requests
    from ray.exceptions import AuthenticationError

    try:
        yield
    except (ConnectionError, requests.exceptions.RequestException) as error:
        raise Unreachable(
            f"No Ray job server answers at {address}: give --address, the head's dashboard (port 8265), for "
            "instance through an SSH tunnel or 'kubectl port-forward'"
        ) from error
    except AuthenticationError as error:
        raise UserError(
            f"The cluster at {address} refuses this token: set RAY_AUTH_TOKEN to the head's, or copy its "
            "~/.ray/auth_token to the same place here"
        ) from error
    except RuntimeError as error:
        if job_id and "404" in str(error):
            raise UserError(
                f"The cluster at {address} has no job '{job_id}': 'gridcell job list' lists them"
            ) from error
        if _NOT_YET in str(error):
            raise UserError(
                f"No node of the cluster at {address} can start a job: try again in a minute. If that fails, "
                "dashboard_agent.log on the head says why; of two clusters on one machine, one needs "
                "'ray start --dashboard-agent-listen-port'"
            ) from error
        raise UserError(f"The cluster at {address} refused: {' '.join(str(error).split())[:300]}") from error


def _connect(address: str) -> "JobSubmissionClient":
    from ray.job_submission import JobSubmissionClient

    for chatty in ("ray", "ray.dashboard.modules.dashboard_sdk"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    return JobSubmissionClient(address)


def _job(details: Any) -> Job:
    return Job(
        id=details.submission_id,
        status=str(details.status.value),
        message=details.message or "",
        entrypoint=details.entrypoint.removeprefix("exec "),
        started=details.start_time / 1000 if details.start_time else None,
        ended=details.end_time / 1000 if details.end_time else None,
        exit_code=details.driver_exit_code,
    )
