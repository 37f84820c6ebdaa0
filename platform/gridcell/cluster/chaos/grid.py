"""The grid that is run through faults: six small regressions with checkpoints, on data that a cell makes."""

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fsspec
from pydantic import BaseModel, ConfigDict, Field

from gridcell.cell import Cell
from gridcell.cluster.chaos.filesystem import FaultyFileSystem, refuse_links_if_told
from gridcell.cluster.chaos.simulator import allocate_too_much, break_gpu, crash, stall, use_gpu
from gridcell.context import Context
from gridcell.grid import Grid, GridBuilder
from gridcell.report import GridResults, Report
from gridcell.task import Task

CHECKPOINT_EVERY = 3  # steps
STEP_LOG = "steps.log"  # a line a step: title, step, process id

fsspec.register_implementation("faulty", FaultyFileSystem, clobber=True)


class Settings(BaseModel):
    """How many models are trained, for how long."""

    model_config = ConfigDict(extra="forbid")
    models: int = Field(6, ge=1)
    steps: int = Field(18, ge=1)
    step_s: float = Field(0.12, ge=0, description="seconds that each step takes, asleep")
    folder: str = Field("", description="where the steps' log and orders to misbehave are")


def plan(settings: Settings) -> Grid:
    """Plan one data cell, the models trained on its data, and the mean of their losses."""
    refuse_links_if_told()
    grid = GridBuilder("chaos")
    grid.locate("folder", settings.folder)
    data = grid.add("data", {"samples": 256, "features": 16}, seed=0, title="data")
    models = {}
    for seed in range(settings.models):
        config = {"steps": settings.steps, "step_s": settings.step_s}
        models[f"model{seed}"] = grid.add(
            "train", config, needs={"data": data}, seed=seed, title=f"model{seed}"
        )
    grid.target({"what": "mean"}, grid.add("mean", {}, needs=models, title="mean"))
    return grid.build()


def make_data(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Write features and a noisy linear function of them."""
    import numpy as np

    _log_step(context, 0)
    rng = np.random.default_rng(context.seed)
    features = rng.normal(size=(cell.config["samples"], cell.config["features"]))
    targets = features @ rng.normal(size=cell.config["features"]) + rng.normal(size=len(features))
    np.save(context.outputs / "shard.npy", np.column_stack([features, targets]), allow_pickle=False)
    return {"samples": len(features)}


def train(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Fit by stochastic gradient descent; state of the generator and weights are in each checkpoint."""
    import numpy as np

    use_gpu()
    shard = np.load(context.artifact("data", "shard.npy"), allow_pickle=False)
    features, targets = shard[:, :-1], shard[:, -1]
    weights, first = np.zeros(features.shape[1]), 0
    rng = np.random.default_rng(context.seed)
    if (saved := context.checkpoints.latest(context.scratch)) is not None:
        state = json.loads(saved.read_text())
        weights, first = np.array(state["weights"]), state["step"]
        rng.bit_generator.state = state["rng"]
    for step in range(first + 1, cell.config["steps"] + 1):
        told = _taken_order(context, step)  # before the log: who reads of the step finds it taken
        _log_step(context, step)
        if told == "hold":
            _hold(context)
        elif told:
            _ORDERS[told]()
        time.sleep(cell.config["step_s"])
        batch = rng.integers(len(features), size=32)
        error = features[batch] @ weights - targets[batch]
        weights -= 0.05 * features[batch].T @ error / len(batch)
        context.report(step, loss=float(np.mean(error**2)))
        if step % CHECKPOINT_EVERY == 0 or context.checkpoint_is_due(math.inf):
            state = {"weights": weights.tolist(), "step": step, "rng": rng.bit_generator.state}
            path = context.scratch / "state.json"
            path.write_text(json.dumps(state))
            context.keep(path, step)
    return {"loss": float(np.mean((features @ weights - targets) ** 2)), "weights": weights.tolist()}


def mean(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Average the models' losses."""
    _log_step(context, 0)
    losses = [context.need(role).metrics["loss"] for role in cell.needs]
    return {"loss": sum(losses) / len(losses)}


def _log_step(context: Context, step: int) -> None:
    refuse_links_if_told()
    with (Path(context.locations["folder"]) / STEP_LOG).open("a") as log:
        log.write(f"{context.cell.title} {step} {os.getpid()}\n")


def _hold(context: Context) -> None:
    """Wait to be killed or asked to end; unlike the emulator, stalled in native code, this hears signals."""
    while not context.checkpoint_is_due(math.inf):
        time.sleep(0.05)


_ORDERS = {"crash": crash, "stall": stall, "gpu": break_gpu, "memory": allocate_too_much}


def _taken_order(context: Context, step: int) -> str:
    """Return what a file named by cell and step tells, once; nothing where there is none."""
    order = Path(context.locations["folder"]) / f"order-{context.cell.title}-{step}"
    if not order.exists():
        return ""
    what = order.read_text()
    order.unlink()
    return what


def write_report(results: GridResults, out: Path) -> Report:
    """Write the losses."""
    out.mkdir(parents=True, exist_ok=True)
    page = out / "report.json"
    losses = {item.cell.title: item.metrics.get("loss") for item in results.results.values()}
    page.write_text(json.dumps(losses, indent=1))
    return Report(page, [f"mean loss {losses.get('mean')}"])


task = Task(
    name="chaos",
    summary="Small regressions that are run through faults.",
    settings=Settings,
    suites=Path(__file__).parent / "suites",
    plan=plan,
    cells={
        kind: f"{__name__}:{name}"
        for kind, name in {"data": "make_data", "train": "train", "mean": "mean"}.items()
    },
    report=f"{__name__}:write_report",
    progress_metric="loss",
)
