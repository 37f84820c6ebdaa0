"""A task whose cells can pause: a walker climbs a hill in steps, and a second cell measures how high it is.

How high a walker is after a share of its steps tells exactly which walker ends highest: there halving the
trials is known to find what training all of them to their end finds.
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
    Strict,
    Task,
    Tuning,
    Weights,
)


class Walker(Strict):
    """Where a walker goes; the top is at x = 0.3."""

    x: float = Field(0.9, ge=0, le=1)
    steps: int = Field(27, ge=1)
    falls_at: int | None = None


class Settings(Strict):
    """Walkers x seeds."""

    walkers: dict[str, Walker] = Field(min_length=1)
    seeds: Seeds = Field([0])


def plan(settings: Settings) -> Grid:
    grid = GridBuilder("climb")
    base = grid.add("base", {}, title="base")
    for name, walker in settings.walkers.items():
        for seed in settings.seeds:
            config = walker.model_dump(mode="json")
            climb = grid.add("climb", config, needs={"base": base}, seed=seed, title=f"{name} climbs")
            view = grid.add("view", {}, needs={"climb": climb}, seed=seed, title=f"{name} looks")
            grid.target({"walker": name, "seed": seed}, view)
    return grid.build()


def base(cell: Cell, context: Context) -> Mapping[str, Any]:
    (context.outputs / "map.txt").write_text("a hill")
    return {"sea": 0.0}


def climb(cell: Cell, context: Context) -> Mapping[str, Any]:
    total, done = cell.config["steps"], 0
    if last := context.checkpoints.latest(context.scratch):
        done = json.loads(last.read_text())["steps"]
    goal = total if context.stop is None else min(total, context.stop)
    while done < goal:
        done += 1
        if done == cell.config["falls_at"]:
            raise Diverged("the walker fell")
        if log := os.environ.get("CLIMB_LOG"):
            with Path(log).open("a") as file:
                file.write(f"{cell.id.partition('@')[0]} {done}\n")
        file = context.scratch / "steps.json"
        file.write_text(json.dumps({"steps": done}))
        context.checkpoints.save(file, done)
        context.report(done, height=float(done))
    (context.outputs / "place.json").write_text(json.dumps({"x": cell.config["x"], "steps": done}))
    return {"steps": done}


def view(cell: Cell, context: Context) -> Mapping[str, Any]:
    place = json.loads(context.artifact("climb", "place.json").read_text())
    return {"height": place["steps"] * (1 - (place["x"] - 0.3) ** 2) + 1e-3 * (cell.seed or 0)}


def steps_of(cell: Cell) -> int:
    return int(cell.config["steps"])


rule = Rule("all", "nothing is held out", score="gridcell.search.objective:mean_over_targets", oracle=True)
task = Task(
    name="climb",
    summary="Walkers climb a hill.",
    settings=Settings,
    suites={"mini": {"walkers": {"one": {}}}},
    plan=plan,
    weights={"base": Weights("map.txt"), "climb": Weights("place.json")},
    cells={"base": "climb_task:base", "climb": "climb_task:climb", "view": "climb_task:view"},
    tuning=Tuning(
        {"height": "max"},
        (rule,),
        {"walkers": "walker"},
        Fidelity("climb", "steps", "climb_task:steps_of"),
    ),
)
