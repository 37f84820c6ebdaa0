"""``plan --gpus``: how long GPUs that aren't there would take, by the real scheduler."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gridcell.cli.common import Request
from gridcell.errors import UserError
from gridcell.execute.schedule import Schedule

MOST = 1_000_000


def parse_gpus(text: str) -> tuple[str, ...]:
    """Return the kind of each of the GPUs that ``8`` or ``H100=4,A100=8`` stands for; empty where not said.

    Raises:
        UserError: it stands for none, or too many.
    """
    kinds: list[str] = []
    for part in text.split(","):
        told = re.fullmatch(r"\s*(?:(?P<kind>[A-Za-z][\w.-]*)\s*=\s*)?(?P<number>\d+)\s*", part)
        if told is None or not 1 <= int(told["number"]) <= MOST or ("," in text and not told["kind"]):
            raise UserError(
                f"--gpus {text}: give a number from 1 to {MOST}, or numbers of kinds, as in H100=4,A100=8"
            )
        kinds += [told["kind"] or ""] * int(told["number"])
    return tuple(kinds)


def simulated_on(asked: Request, states: Mapping[str, str], gpus: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Simulate what is to run on each of several sets of GPUs.

    Args:
        asked: whose cells.
        states: id -> state of each cell.
        gpus: sets, each as :func:`parse_gpus` reads it.

    Raises:
        UserError: the task can't say how long its cells take, or a cell asks for a kind that a set lacks.
    """
    sets = {text: parse_gpus(text) for text in gpus}  # first: what is wrong here needs no durations
    if not sets:
        return {}
    from gridcell.execute.simulate import Cluster, simulate

    seconds = asked.suite.task.estimate_durations(asked.suite.settings, asked.grid)
    if not seconds:
        raise UserError(f"--gpus: nobody can say how long the cells of {asked.title} take on a GPU")
    done, diverged = (
        {cell for cell, state in states.items() if state == wanted} for wanted in ("done", "diverged")
    )
    wanted = {
        cell.resources.gpu_type: cell.kind for cell in asked.grid.cells.values() if cell.resources.gpu_type
    }
    found = {}
    for text, kinds in sets.items():
        named = any(kinds)
        for lacking in sorted(wanted.keys() - set(kinds)) if named else ():
            raise UserError(
                f"--gpus {text}: cells of kind '{wanted[lacking]}' ask for a {lacking}, and there is none"
            )
        cluster = Cluster(nodes=len(kinds), gpu_types=kinds if named else ())
        found[text] = asdict(simulate(Schedule(asked.grid, done, diverged), seconds, cluster))
    return found
