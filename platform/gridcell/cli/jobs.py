"""Commands for jobs on a Ray cluster: submit one, and look at it, follow it, stop it."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gridcell import plugins
from gridcell.cli import common
from gridcell.cli.common import (
    DEFAULT_SUITE,
    Json,
    MaxConcurrent,
    MaxFailures,
    Overrides,
    Plugins,
    RetryDiverged,
    Seeds,
    Selection,
    StallTimeout,
    SuiteName,
    TaskName,
    Tracking,
    print_json,
    selection,
)
from gridcell.cli.exit_codes import ExitCode
from gridcell.cli.interruption import GRACE_S
from gridcell.cli.progress import clock
from gridcell.cluster.jobs import DEFAULT_ADDRESS, Job, Jobs, check_address, environment_for
from gridcell.cluster.package import LIMIT_MIB, Package, mib, pack
from gridcell.cluster.suspicion import suspicious
from gridcell.errors import UserError
from gridcell.execute.options import check_at_least_one, check_seconds
from gridcell.secrets import has_secret, is_secret_name
from gridcell.suite import Suite, load_suite
from gridcell.task import find_task

_TO_SAY_SO_S = 10.0
"""What a stopped run takes beyond the grace of its cells: to end them, and to say what is kept."""

app = typer.Typer(
    help="Jobs on a Ray cluster, as 'gridcell submit' starts them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Address = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="URL",
        envvar="RAY_API_SERVER_ADDRESS",
        help="The cluster's job server: the head's dashboard.",
    ),
]
JobId = Annotated[str, typer.Argument(metavar="ID", help="A job's id, as 'submit' prints it.")]


def submit(
    task: TaskName,
    storage: Annotated[
        str,
        typer.Option("--storage", metavar="URI", help="Where results go: a place that every node reaches."),
    ],
    suite: SuiteName = DEFAULT_SUITE,
    address: Address = DEFAULT_ADDRESS,
    max_concurrent: MaxConcurrent = None,
    select: Selection = None,
    override: Overrides = None,
    seeds: Seeds = None,
    plugin: Plugins = None,
    retry_diverged: RetryDiverged = False,
    max_failures: MaxFailures = None,
    stall_timeout: StallTimeout = None,
    tracking: Tracking = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude", metavar="PATTERN", help="Do not send these files or folders. May be repeated."
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="NAME[=VALUE]", help="A variable for the job. May be repeated."),
    ] = None,
    limit_mib: Annotated[
        float,
        typer.Option("--limit-mib", metavar="MIB", min=0.1, max=500, help="Largest size to send, in MiB."),
    ] = LIMIT_MIB,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Print the job's output until it ends.")
    ] = True,
    send_anyway: Annotated[
        list[str] | None,
        typer.Option(
            "--send-anyway",
            metavar="PATTERN",
            help="Send these files although they look like secrets. May be repeated.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the files that would be sent, and send nothing.")
    ] = False,
) -> None:
    """Run a suite on a Ray cluster: send this folder's code, and start 'gridcell run' there.

    What git ignores stays here, and so do stores, reports, shards, environments, caches and files that hold
    secrets. Other data goes along unless --exclude names it; --dry-run lists what would be sent.
    Submit again to go on: nothing that is done is run twice.
    """
    root = Path.cwd()
    plugins.load(plugin or (), joins=True)
    loaded = load_suite(find_task(task), suite, override or (), seeds, plugin or ())
    console = common.console()
    _check_selection(loaded, select or [], console)
    check_at_least_one("--max-concurrent", max_concurrent)
    check_at_least_one("--max-failures", max_failures)
    check_seconds("--stall-timeout", stall_timeout)
    check_address(address)
    _check_reachable("--storage", storage)
    if tracking is not None:
        _check_tracking(tracking)
    package = pack(root, exclude or (), limit_mib)
    if Path(suite).suffix:
        suite = _inside(suite, root, package)
    for file in loaded.files:
        _inside(file, root, package)
    _check_plugins(root, package)
    options = [
        *("--suite", suite, "--storage", storage, "--address", "auto"),
        *_repeated("--select", select or ()),
        *_repeated("--set", override or ()),
        *_repeated("--plugin", [_inside(file, root, package) for file in plugin or ()]),
        *(("--seeds", str(seeds)) if seeds is not None else ()),
        *(("--max-concurrent", str(max_concurrent)) if max_concurrent is not None else ()),
        *(("--retry-diverged",) if retry_diverged else ()),
        *(("--max-failures", str(max_failures)) if max_failures is not None else ()),
        *(("--stall-timeout", str(stall_timeout)) if stall_timeout is not None else ()),
        *(("--tracking", tracking) if tracking is not None else ()),
    ]
    # Ray kills a job three seconds after it is asked to stop, before running cells have saved checkpoints.
    patience = {"RAY_JOB_STOP_WAIT_TIME_S": f"{GRACE_S + _TO_SAY_SO_S:.0f}"}
    environment = patience | environment_for(loaded.task, root, _given(env or ()))
    suspects = {
        name: what
        for name, what in suspicious(package).items()
        if not any(fnmatch(name, pattern) for pattern in send_anyway or ())
    }
    if dry_run:
        for name, size in sorted(package.sizes.items(), key=lambda item: -item[1]):
            mark = f"  (looks like {suspects[name]})" if name in suspects else ""
            console.print(f"{mib(size):>10}  {name}{mark}", soft_wrap=True)
        console.print(f"{package} would be sent")
        return
    _ask_before_sending(suspects)
    jobs = Jobs(address)
    command = ["python", "-m", "gridcell", "run", task, *options]
    job_id = jobs.submit(package, command, name=_job_name(loaded), environment=environment)
    console.print(f"Sent {package}; job {job_id} on {address}", soft_wrap=True)
    where = "" if address == DEFAULT_ADDRESS else f" --address {address}"
    if not wait:
        console.print(f"Look at it:  gridcell job status {job_id}{where}", soft_wrap=True)
        console.print(f"Its output:  gridcell job logs {job_id} --follow{where}", soft_wrap=True)
        return
    _follow(jobs, job_id, where)
    job = jobs.find(job_id)
    console.print(_sentence(job), soft_wrap=True)
    if job.status != "SUCCEEDED":
        raise typer.Exit(job.exit_code or ExitCode.FAILED)


def _ask_before_sending(suspects: Mapping[str, str]) -> None:
    """Ask whether to send files that look as if they held secrets.

    Raises:
        UserError: they are not to be sent, or nobody is there to be asked.
    """
    if not suspects:
        return
    listed = ", ".join(f"'{name}' ({what})" for name, what in list(suspects.items())[:5])
    more = f" and {len(suspects) - 5} more" if len(suspects) > 5 else ""
    if sys.stdin.isatty() and typer.confirm(
        f"These look as if they held secrets: {listed}{more}. Send them?"
    ):
        return
    first = next(iter(suspects))
    raise UserError(
        f"Nothing was sent, for these files look as if they held secrets: {listed}{more}. "
        f"--exclude '{first}' leaves it here, --send-anyway '{first}' sends it"
    )


@app.command()
def status(job_id: JobId, address: Address = DEFAULT_ADDRESS, as_json: Json = False) -> None:
    """Show a job's status; exit code 1 if it failed."""
    job = Jobs(address).find(job_id)
    if as_json:
        print_json(asdict(job))
    else:
        console = common.console()
        console.print(_sentence(job), soft_wrap=True)
        console.print(job.entrypoint, soft_wrap=True)
    if job.status == "FAILED":
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def logs(
    job_id: JobId,
    address: Address = DEFAULT_ADDRESS,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing until the job ends.")] = False,
) -> None:
    """Print what a job printed."""
    jobs = Jobs(address)
    if follow:
        _follow(jobs, job_id, "" if address == DEFAULT_ADDRESS else f" --address {address}")
    else:
        typer.echo(jobs.logs(job_id), nl=False)


@app.command()
def stop(job_id: JobId, address: Address = DEFAULT_ADDRESS) -> None:
    """Stop a job as Ctrl-C would. What is done is kept; submit again to go on."""
    stopped = Jobs(address).stop(job_id)
    common.console().print(f"Job {job_id} " + ("is being stopped" if stopped else "had ended already"))


@app.command("list")
def list_(address: Address = DEFAULT_ADDRESS, as_json: Json = False) -> None:
    """List the cluster's jobs, the latest first."""
    found = Jobs(address).submitted()
    if as_json:
        print_json([asdict(job) for job in found])
        return
    table = Table("job", "state", "took", "command", box=None, header_style="bold")
    for job in found:
        table.add_row(job.id, job.status.lower(), _took(job), job.entrypoint)
    common.console().print(table)


def _follow(jobs: Jobs, job_id: str, where: str) -> None:
    try:
        for text in jobs.follow(job_id):
            typer.echo(text, nl=False)
    except KeyboardInterrupt:
        typer.echo(
            f"\nThe job goes on. Its output: gridcell job logs {job_id} --follow{where}\n"
            f"To end it: gridcell job stop {job_id}{where}"
        )
        raise typer.Exit(ExitCode.STOPPED) from None


def _sentence(job: Job) -> str:
    code = f" with exit code {job.exit_code}" if job.status == "FAILED" and job.exit_code is not None else ""
    return f"Job {job.id}: {job.status.lower()}{code}, {_took(job)}"


def _took(job: Job) -> str:
    return clock((job.ended or time.time()) - job.started) if job.started else "not begun"


def _check_selection(suite: Suite, select: list[str], console: Console) -> None:
    """Make sure that there is what is selected, if the grid can be planned here: data may be there alone.

    Raises:
        UserError: there isn't.
    """
    wanted = selection(select)
    try:
        grid = suite.grid()
    except UserError as error:
        console.print(f"Not planned here, but by the job: {error}", soft_wrap=True)
        return
    grid.select(wanted)


def _job_name(suite: Suite) -> str:
    return f"{suite.task.name}-{suite.name}"


def _repeated(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _given(pairs: Sequence[str]) -> dict[str, str]:
    given = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if is_secret_name(name) or has_secret(value):
            raise UserError(
                f"'--env {name}' would show a secret to all who see the cluster's jobs: set it where the "
                "nodes are started (clusters/README.md says how)"
            )
        if not equals and name not in os.environ:
            raise UserError(f"'--env {name}' takes its value from this shell, where it isn't set")
        given[name] = value if equals else os.environ[name]
    return given


def _check_reachable(option: str, uri: str) -> None:
    """Refuse what only this machine has, or what would show a secret."""
    if has_secret(uri):
        raise UserError(
            f"{option} would show its password to all who see the cluster's jobs: set it where the nodes "
            "are started (clusters/README.md says how)"
        )
    if "://" not in uri and not Path(uri).expanduser().is_absolute():
        raise UserError(
            f"{option} '{uri}' is a folder of this machine; name a place that every node reaches, such as "
            "/shared/runs or s3://bucket/runs"
        )


def _check_tracking(uri: str) -> None:
    if uri.startswith("sqlite:"):
        raise UserError(
            f"--tracking '{uri}' is a file of one machine; name a server, such as http://host:5000"
        )
    _check_reachable("--tracking", uri)


def _inside(given: str | Path, root: Path, package: Package) -> str:
    """Return a file's path within what is sent.

    Raises:
        UserError: the file is not sent.
    """
    path = Path(given).expanduser().resolve()
    inside = path.relative_to(root).as_posix() if path.is_relative_to(root) else ""
    if inside not in package.sizes:
        raise UserError(f"The file '{given}' isn't among the files that are sent from {root}")
    return inside


def _check_plugins(root: Path, package: Package) -> None:
    """Make sure that all files of all plug-ins are sent, also of those that the suite names."""
    for plugin in plugins.loaded():
        for name in plugin.files:
            _inside(plugin.path.parent / name, root, package)
