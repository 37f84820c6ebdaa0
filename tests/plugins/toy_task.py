"""A task without training: sums over a small graph, with cells that can be told to fail."""

import ctypes
import math
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict, Field

from gridcell import Cell, Context, Diverged, Grid, GridBuilder, Task, Weights
from gridcell.report import GridResults, Report, Table, write_page


class Settings(BaseModel):
    """Chains of ``length`` cells, ``width`` of them side by side, and one cell that sums their ends."""

    model_config = ConfigDict(extra="forbid")
    width: int = Field(3, ge=1)
    length: int = Field(2, ge=1)
    seeds: list[int] = [0]
    fail: dict[str, str] = {}  # title of a cell -> how it fails


def plan(settings: Settings) -> Grid:
    grid = GridBuilder("toy")
    for seed in settings.seeds:
        ends = {}
        for row in range(settings.width):
            cell = None
            for column in range(settings.length):
                title = f"r{row}c{column}"
                config = {"add": row, "column": column} | (
                    {"fail": settings.fail[title]} if title in settings.fail else {}
                )
                cell = grid.add(
                    "step", config, needs={"before": cell} if cell else {}, seed=seed, title=title
                )
            ends[f"row{row}"] = cell
        total = grid.add("total", {}, needs=ends, seed=seed, title="total")
        grid.target({"seed": seed, "what": "total"}, total)
        for row, cell in ends.items():
            grid.target({"seed": seed, "what": "row", "row": int(row.removeprefix("row"))}, cell)
    return grid.build()


def step(cell: Cell, context: Context) -> Mapping[str, Any]:
    how = cell.config.get("fail")
    marker = Path(context.locations["markers"]) / cell.id if "markers" in context.locations else None
    first = marker is not None and not marker.exists()
    if marker is not None:
        marker.parent.mkdir(parents=True, exist_ok=True)
        with marker.open("a") as file:
            file.write(f"{os.getpid()}\n")
    if how == "bug":
        raise ZeroDivisionError("one by nought")
    if how == "diverged":
        raise Diverged("the loss is nan at step 3")
    if how == "killed-once" and first:
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "sticky":  # as after an illegal access to a GPU's memory: nothing works in this process again
        os.environ["TOY_STICKY"] = "1"
    if "TOY_STICKY" in os.environ:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    if how == "undecodable":
        raise FileNotFoundError(2, "No such file", "caf\udce9.png")
    if how is not None and how.startswith("asks-to-end"):  # the driver, of that process id, and then works on
        _work_until_asked(context, int(how.partition(" ")[2]))
    if how == "works-until-asked":
        _work_until_asked(context, None)
    if how == "lists-sockets":
        _list_sockets()
    while how == "never-ends":
        context.report(0)
        time.sleep(0.05)
    if how == "escapes":
        raise ValueError("\x1b[2J\x1b]0;title\x07 done é \u202eevil")
    if how == "prints":
        print("hello from the cell")  # noqa: T201
        print("a warning", file=sys.stderr)  # noqa: T201
    if how == "exits":
        sys.exit(0)
    if how == "transient-once" and first:
        raise ConnectionResetError("the network went away")
    if how == "out-of-memory":  # until the batch of 64 is a quarter of that
        batch, accumulation = context.batch_and_accumulation(64)
        if batch > 16:
            raise MemoryError(f"a batch of {batch} is too large")
        assert batch * accumulation == 64
    if how == "out-of-memory-always":
        raise MemoryError("even nothing is too much")
    before = context.need("before").metrics["sum"] if "before" in cell.needs else context.seed
    context.report(0, sum=before)
    if how == "transient-once-late" and first:  # at step 5, with a checkpoint of step 2
        (context.scratch / "state").write_text(str(before))
        context.checkpoints.save(context.scratch / "state", 2)
        context.report(5, sum=before)
        raise ConnectionResetError("the network went away")
    (context.outputs / "sum.txt").write_text(str(before + cell.config["add"]))
    return {"sum": before + cell.config["add"]}


def _list_sockets() -> None:
    """Append, to the file that TOY_SOCKETS names, where the processes of this run listen.

    They are what the parent of all (TOY_TESTER, a process id) has started, through which this one came.
    """
    lineage = [psutil.Process(), *psutil.Process().parents()]
    driver = next(each for each in lineage if each.ppid() == int(os.environ["TOY_TESTER"]))
    with Path(os.environ["TOY_SOCKETS"]).open("a") as file:
        for address in listening_addresses(driver):
            file.write(f"{address}\n")


def listening_addresses(root: psutil.Process) -> set[str]:
    """Return the addresses at which a process, or one that it started, listens."""
    found = set()
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            listening = (
                each for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN
            )
            found |= {each.laddr.ip for each in listening}
    return found


def _work_until_asked(context: Context, driver: int | None) -> None:
    kept = context.checkpoints.latest(context.scratch)
    if kept is not None:
        assert kept.read_text() == "so far"
        return
    for number in count(1):
        context.report(number)
        if context.checkpoint_is_due(math.inf):
            (context.scratch / "state").write_text("so far")
            context.keep(context.scratch / "state", number)
        if number == 1 and driver is not None:
            os.kill(driver, signal.SIGTERM)
        time.sleep(0.01)


def total(cell: Cell, context: Context) -> Mapping[str, Any]:
    rows = [int(context.artifact(role, "sum.txt").read_text()) for role in cell.needs]
    return {"sum": sum(rows)}


def reads(cell: Cell, role: str) -> tuple[str, ...] | None:
    """Say nothing of which files a cell reads: all of what it needs."""
    return None


def estimate(settings: Settings, grid: Grid) -> Mapping[str, str]:
    return {"sums": f"{len(grid)} of [width {settings.width}]"}


def durations(settings: Settings, grid: Grid) -> Mapping[str, float]:
    return dict.fromkeys(grid.cells, 10.0)


def write_report(results: GridResults, out: Path) -> Report:
    rows = [
        [str(dict(t.labels)), results.results[t.cell].metrics["sum"]]
        for t in results.grid.targets
        if t.cell in results.results
    ]
    table = Table(["where", "sum"], rows, "Sums")
    return Report(write_page(results, out, tables=[table]), [table])


task = Task(
    name="toy",
    summary="Sums over a small graph.",
    settings=Settings,
    suites=Path(__file__).parent / "toy_suites",
    plan=plan,
    weights={"step": Weights("sum.txt")},
    reads="toy_task:reads",
    cells={"step": "toy_task:step", "total": "toy_task:total"},
    report="toy_task:write_report",
    progress_metric="sum",
    estimate="toy_task:estimate",
    durations="toy_task:durations",
)
