"""Rungs: how far trials are trained before they are compared, and what a trial runs until there.

At a rung all cells of a trial pause at the same share of their fidelity, and what needs them is run from what
they left. So a rung is scored by the very rule of the search. The last rung is the trial itself.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gridcell.cell import Cell
from gridcell.errors import UserError
from gridcell.grid import Grid
from gridcell.task import Task, imported
from gridcell.tuning import Fidelity


@dataclass(frozen=True)
class Ladder:
    """The rungs of a search: the shares of its fidelity at which a trial pauses.

    Attributes:
        fidelity: of the task.
        eta: a rung trains so many times as far as the one below, and one in so many trials comes there.
        rungs: how many there are, the whole among them.

    Example:
        >>> Ladder(Fidelity("train", "epochs", "my_task:epochs"), eta=3, rungs=3).stop_of(10, 0)
        2
    """

    fidelity: Fidelity
    eta: int
    rungs: int

    @property
    def top(self) -> int:
        """Place of the last rung, on which trials are whole; the first has place 0."""
        return self.rungs - 1

    def stop_of(self, total: int, rung: int) -> int:
        """Return after how many of a cell's units a rung pauses; ``total`` on the last one."""
        share = -(-total // self.eta ** (self.top - rung))  # rounded up, exactly
        return min(total, max(self.fidelity.least, share))

    def total_of(self, cell: Cell) -> int:
        """Return how many units a cell has."""
        return int(imported(self.fidelity.total)(cell))

    def at(self, grid: Grid, rung: int) -> Grid:
        """Return what a trial runs at a rung.

        Args:
            grid: of the whole trial.
            rung: its place.
        """
        stops = self.stops(grid, rung)
        if rung == self.top or not stops:
            return grid
        names: dict[str, str] = {}
        cells: dict[str, Cell] = {}
        for cell_id, cell in grid.cells.items():
            stop = stops.get(cell_id)
            paused = _paused(cell, stop, {need: names.get(need, need) for need in cell.needs.values()}, cells)
            names[cell_id] = paused.id
            cells[paused.id] = paused
        targets = tuple(replace(target, cell=names[target.cell]) for target in grid.targets)
        return replace(grid, cells=cells, targets=targets)

    def stops(self, grid: Grid, rung: int) -> dict[str, int]:
        """Return id of each cell that pauses at a rung -> after how many units.

        A cell that another one of the kind starts from, directly or not, doesn't.
        """
        return {
            cell_id: stop
            for cell_id, total in self.totals(grid).items()
            if (stop := self.stop_of(total, rung)) < total
        }

    def totals(self, grid: Grid) -> dict[str, int]:
        """Return id of each cell that can pause -> how many units it has."""
        kind = self.fidelity.kind
        of_kind = [cell for cell in grid.cells.values() if cell.kind == kind]
        below = grid.closure(need for cell in of_kind for need in cell.needs.values())
        return {cell.id: self.total_of(cell) for cell in of_kind if cell.id not in below}

    def units(self, grid: Grid, rung: int) -> dict[str, int]:
        """Return id of each cell that can pause -> how many units it has done by a rung."""
        return {cell_id: self.stop_of(total, rung) for cell_id, total in self.totals(grid).items()}


def _paused(cell: Cell, stop: int | None, names: Mapping[str, str], cells: Mapping[str, Cell]) -> Cell:
    """Return a cell that pauses, or that needs one that does; itself where neither is so."""
    needs = {role: names[need] for role, need in cell.needs.items()}
    if stop is None:
        stop = next((cells[need].stop for need in needs.values() if cells[need].stop is not None), None)
    if stop is None:
        return cell
    return replace(cell, needs=needs, stop=stop, title=f"{cell.title} (pause at {stop})")


def ladder_of(task: Task, grid: Grid, *, eta: int, rungs: int) -> Ladder:
    """Return the rungs that a task's trials can have.

    Args:
        task: whose trials they are.
        grid: of the suite's own values.
        eta: see :class:`Ladder`.
        rungs: how many are wanted; where the fidelity is short there are fewer.

    Raises:
        UserError: nothing of the task can pause, or its fidelity is too short for two rungs.
    """
    fidelity = task.tuning.fidelity if task.tuning is not None else None
    if fidelity is None:
        raise UserError(
            f"Cells of {task.name} can't pause, so there is nothing that a scheduler could stop early: leave "
            "out --scheduler. A task of your own says how they can by Tuning(fidelity=Fidelity(...))"
        )
    totals = Ladder(fidelity, eta, 1).totals(grid)
    if not totals:
        raise UserError(
            f"A trial has no cell of kind '{fidelity.kind}', which alone can pause: leave out --scheduler"
        )
    shortest = min(totals.values())
    fit = 1 + math.floor(math.log(shortest / fidelity.least, eta) + 1e-9) if shortest > fidelity.least else 1
    if fit < 2:
        raise UserError(
            f"A trial has {shortest} {fidelity.unit}: too few for a rung of a {eta}th of them (at least "
            f"{fidelity.least}). Leave out --scheduler"
        )
    return Ladder(fidelity, eta, min(rungs, fit))
