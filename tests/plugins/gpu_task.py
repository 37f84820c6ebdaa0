"""A task whose cells use a GPU, and can be told to spoil it."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridcell import Cell, Context, Grid, GridBuilder, Resources, Strict, Task


class Settings(Strict):
    """Cells by their title, each with what it is to do; ``gpus`` is what each asks for."""

    cells: dict[str, str]
    gpus: float = 1.0


def plan(settings: Settings) -> Grid:
    grid = GridBuilder("gpu")
    for title, how in settings.cells.items():
        resources = Resources(gpus=settings.gpus)
        cell = grid.add("use", {"how": how, "title": title}, title=title, resources=resources)
        grid.target({"title": title}, cell)
    return grid.build()


def use(cell: Cell, context: Context) -> Mapping[str, Any]:
    import torch

    how, device = cell.config["how"], context.device
    if how == "too-large":  # until the batch of 64 is a quarter of that
        batch, accumulation = context.batch_and_accumulation(64)
        _, total = torch.cuda.mem_get_info()
        torch.empty(total * batch // 32, dtype=torch.uint8, device=device)
        return {"batch": batch, "accumulation": accumulation}
    if how == "asserts":  # an index beyond the end: this process can't use the GPU again
        torch.zeros(4, device=device)[torch.tensor([9], device=device)].sum().item()
    if how == "waits":
        _wait_for_another(Path(context.locations["markers"]) / cell.id)
    return {"sum": float(torch.ones(1000, device=device).sum())}


def _wait_for_another(mine: Path) -> None:
    mine.touch()
    until = time.monotonic() + 120
    while len(list(mine.parent.iterdir())) < 2:
        if time.monotonic() > until:
            raise TimeoutError("no other cell ran beside this one")
        time.sleep(0.05)


task = Task(
    name="gpu",
    summary="Cells that use a GPU.",
    settings=Settings,
    suites={"mini": {"cells": {"one": "sums"}}},
    plan=plan,
    cells={"use": "gpu_task:use"},
)
