"""The command that checks what a run needs."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from gridcell.cli import common
from gridcell.cli.common import DEFAULT_STORAGE, Json, Storage, Tracking, print_json
from gridcell.cli.exit_codes import ExitCode

_STYLES = {"ok": "green", "warn": "yellow", "bad": "bold red"}


def doctor(
    storage: Storage = DEFAULT_STORAGE,
    address: Annotated[
        str | None, typer.Option(metavar="A", help="A running Ray cluster: auto, or its head's host:port.")
    ] = None,
    tracking: Tracking = None,
    chaos: Annotated[
        bool,
        typer.Option(
            "--chaos", help="Run a small grid through faults instead, on a cluster that is started here."
        ),
    ] = False,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="NAME", help="Only this fault. May be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check whether a run would work here, and say what to do if not. Exit code 1 if it would fail."""
    if chaos or fault:
        _chaos(fault or [], as_json)
        return
    from gridcell.cluster.doctor.check import Level, examine

    found = []
    console = common.console()
    for finding in examine(_checks(storage, address, tracking)):
        found.append(finding)
        if not as_json:
            line = Text.assemble((f"{finding.level.value:<5}", _STYLES[finding.level.value]), finding.check)
            console.print(line, f": {finding.found}", sep="", soft_wrap=True)
            if finding.advice:
                console.print(f"     -> {finding.advice}", soft_wrap=True)
    counts = {level.value: sum(finding.level is level for finding in found) for level in Level}
    if as_json:
        print_json({"counts": counts, "findings": [vars(finding) for finding in found]})
    else:
        console.print(", ".join(f"{count} {level}" for level, count in counts.items()))
    if counts["bad"]:
        raise typer.Exit(ExitCode.FAILED)


def _chaos(names: list[str], as_json: bool) -> None:
    from gridcell.cluster.chaos.run import run_faults

    console = common.console()

    def say(line: str) -> None:
        if not as_json:
            console.print(line, soft_wrap=True)

    verdicts = run_faults(names, say)
    survived = sum(verdict.survived for verdict in verdicts)
    if as_json:
        print_json([vars(verdict) for verdict in verdicts])
    say(f"{survived} of {len(verdicts)} faults survived")
    if survived < len(verdicts):
        raise typer.Exit(ExitCode.FAILED)


def _checks(
    storage: str, address: str | None, tracking: str | None
) -> Iterable[tuple[str, Callable[[], Iterable]]]:
    from gridcell.cluster.doctor import machine, ray
    from gridcell.cluster.doctor.storage import storage as check_storage
    from gridcell.cluster.doctor.tracking import tracking as check_tracking
    from gridcell.mlflow.address import default_tracking_uri
    from gridcell.store import Store

    mirror = tracking or default_tracking_uri(Store(storage))
    return [
        ("versions", machine.versions),
        ("samplers of tune", machine.samplers),
        ("devices", machine.devices),
        ("memory", machine.memory),
        ("disk", machine.disk),
        ("open files", machine.open_files),
        ("storage", partial(check_storage, storage)),
        ("MLflow", partial(check_tracking, mirror)),
        ("Ray", ray.local if address is None else partial(ray.cluster, address, storage)),
    ]
