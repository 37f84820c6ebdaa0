"""A task whose cells are done several at a time: each adds its number to the sum of one shared list."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from gridcell import BatchFunction, Cell, Context, Grid, GridBuilder, Task

MOST = 8


class Settings(BaseModel):
    """``cells`` of each of ``lists`` lists; ``fail`` says how some fail, by title."""

    model_config = ConfigDict(extra="forbid")
    cells: int = 5
    lists: int = 2
    fail: dict[str, str] = {}


def plan(settings: Settings) -> Grid:
    grid = GridBuilder("batch")
    for which in range(settings.lists):
        numbers = grid.add("numbers", {"of": which}, title=f"list{which}")
        for add in range(settings.cells):
            title = f"l{which}a{add}"
            how = {"fail": settings.fail[title]} if title in settings.fail else {}
            cell = grid.add("score", {"add": add, **how}, needs={"numbers": numbers}, title=title)
            grid.target({"list": which, "add": add}, cell)
    return grid.build()


def numbers(cell: Cell, context: Context) -> Mapping[str, Any]:
    return {"numbers": [cell.config["of"], 10]}


def score(cell: Cell, context: Context) -> Mapping[str, Any]:
    _note(context, "alone")
    _fail(context, together=1)
    return _answer(context, sum(context.need("numbers").metrics["numbers"]))


def score_together(contexts: Sequence[Context]) -> Iterator[tuple[Context, Mapping[str, Any] | Exception]]:
    for context in contexts:
        _note(context, f"with {len(contexts)}")
    total = sum(contexts[0].need("numbers").metrics["numbers"])
    for context in contexts:
        if context.cell.config.get("fail") == "own":
            yield context, ZeroDivisionError("this one alone")
            continue
        _fail(context, together=len(contexts))
        if context.cell.config.get("fail") == "silent":
            continue
        with context.own_time():
            answer = _answer(context, total)
        yield context, answer


def _answer(context: Context, total: int) -> Mapping[str, Any]:
    context.report(1, sum=total)
    (context.outputs / "add.txt").write_text(str(context.cell.config["add"]))
    return {"sum": total + context.cell.config["add"]}


def _note(context: Context, how: str) -> None:
    if "markers" in context.locations:
        marker = Path(context.locations["markers"]) / context.cell.id
        marker.parent.mkdir(parents=True, exist_ok=True)
        with marker.open("a") as file:
            file.write(f"{how}\n")


def _fail(context: Context, together: int) -> None:
    how = context.cell.config.get("fail")
    if how == "own":
        raise ZeroDivisionError("this one alone")
    if how == "bug":
        raise ValueError("nobody knows whose")
    if how == "memory" and together > 2:
        raise MemoryError(f"{together} are too many")
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "killed-once" and together > 1:
        os.kill(os.getpid(), signal.SIGKILL)


def same_list(cell: Cell, cells: Mapping[str, Cell]) -> str | None:
    return None if cell.config["add"] == 99 else cell.needs["numbers"]


task = Task(
    name="batch",
    summary="Cells that are done several at a time.",
    settings=Settings,
    suites={"all": {}},
    plan=plan,
    cells={"numbers": "batch_task:numbers", "score": "batch_task:score"},
    batches={"score": BatchFunction("batch_task:score_together", key="batch_task:same_list", most=MOST)},
    progress_metric="sum",
)
