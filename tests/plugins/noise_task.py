"""A task whose cells train in stages: noisy gradient steps on a quadratic, whose mean loss is known exactly.

With step size s the mean square of theta becomes (1 - s)^2 v + s^2: large steps are good at first and small
ones later, so that a schedule of step sizes beats every single one.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from gridcell import (
    Cell,
    Context,
    Diverged,
    Fidelity,
    Grid,
    GridBuilder,
    Rule,
    Seeds,
    Stages,
    Strict,
    Task,
    Tuning,
    Weights,
)

BEGIN = 100.0


class Run(Strict):
    """How one is trained."""

    lr: float = Field(0.5, gt=0)
    repeats: int = Field(1, ge=1)
    kind: str = "plain"
    width: int = 4
    units: int = Field(12, ge=1)
    diverges_above: float = 1e9


class Settings(Strict):
    """Runs x seeds."""

    runs: dict[str, Run] = Field(min_length=1)
    grain: int = 1
    seeds: Seeds = Field([0])


def plan(settings: Settings) -> Grid:
    grid = GridBuilder("noise")
    base = grid.add("base", {}, title="base")
    for name, run in settings.runs.items():
        for seed in settings.seeds:
            config = {**run.model_dump(mode="json"), "grain": settings.grain}
            made = grid.add("train", config, needs={"base": base}, seed=seed, title=f"{name} trains")
            view = grid.add("view", {}, needs={"of": made}, seed=seed, title=f"{name} is measured")
            grid.target({"run": name, "seed": seed}, view)
    return grid.build()


def base(cell: Cell, context: Context) -> Mapping[str, Any]:
    return {"begin": BEGIN}


def train(cell: Cell, context: Context) -> Mapping[str, Any]:
    config = cell.config
    begin, end = context.stage or (0, config["units"])
    state = {"v": BEGIN, "units": 0}
    if last := context.checkpoints.latest(context.scratch):
        state = json.loads(last.read_text())
    elif begin:
        state = json.loads(context.artifact("start", "state.json").read_text())
    while state["units"] < end:
        if config["lr"] > config["diverges_above"]:
            raise Diverged("the step is too large")
        v = state["v"]
        for _ in range(config["repeats"]):
            v = (1 - config["lr"]) ** 2 * v + config["lr"] ** 2
        state = {"v": v, "units": state["units"] + 1}
        if log := os.environ.get("NOISE_LOG"):
            with Path(log).open("a") as file:
                file.write(f"{cell.id} {state['units']}\n")
        (context.scratch / "kept.json").write_text(json.dumps(state))
        context.checkpoints.save(context.scratch / "kept.json", state["units"])
        context.report(state["units"], v=state["v"])
    (context.outputs / "v.json").write_text(json.dumps(state["v"]))
    if end < config["units"]:
        (context.outputs / "state.json").write_text(json.dumps(state))
    return {"units": state["units"], "v": state["v"]}


def view(cell: Cell, context: Context) -> Mapping[str, Any]:
    return {"loss": json.loads(context.artifact("of", "v.json").read_text()) + 1e-6 * (cell.seed or 0)}


def units_of(cell: Cell) -> int:
    return int(cell.config["units"])


def grain_of(cell: Cell) -> int:
    return int(cell.config["grain"])


def changes_of(cell: Cell) -> list[str]:
    return ["lr", "repeats", "kind", "diverges_above"]


rule = Rule("all", "nothing is held out", score="gridcell.search.objective:mean_over_targets", oracle=True)
task = Task(
    name="noise",
    summary="Noisy steps down a quadratic.",
    settings=Settings,
    suites={"mini": {"runs": {"one": {}}}},
    plan=plan,
    weights={"train": Weights("v.json", state="state.json")},
    reads="noise_task:files_of",
    cells={"base": "noise_task:base", "train": "noise_task:train", "view": "noise_task:view"},
    tuning=Tuning(
        {"loss": "min"},
        (rule,),
        {"runs": "run"},
        Fidelity(
            "train",
            "units",
            "noise_task:units_of",
            stages=Stages("noise_task:changes_of", "noise_task:grain_of"),
        ),
    ),
)


def files_of(cell: Cell, role: str) -> tuple[str, ...]:
    return {"start": ("state.json",), "of": ("v.json",)}.get(role, ())
