"""Training in stages: a schedule of settings, as a chain of cells in place of each cell that trains.

A stage is an ordinary cell: its id holds its own settings and, by its need, those of all stages before it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gridcell.cell import STAGE, START, Cell
from gridcell.errors import UserError
from gridcell.grid import Grid, checked_grid
from gridcell.task import Task, imported
from gridcell.tuning import Fidelity, Stages


def stages_of(task: Task) -> tuple[Fidelity, Stages]:
    """Return how a task's cells are trained in stages.

    Raises:
        UserError: they can't be.
    """
    fidelity = task.tuning.fidelity if task.tuning is not None else None
    if fidelity is None or fidelity.stages is None:
        raise UserError(
            f"Cells of {task.name} can't be trained in stages, whose settings differ. A task of your own "
            "says so by Fidelity(..., stages=Stages(...))"
        )
    return fidelity, fidelity.stages


def ends_of(total: int, count: int, grain: int = 1, unit: str = "units") -> tuple[int, ...]:
    """Return after how many units each stage ends: as equal as the grain allows, the last one at the total.

    Args:
        total: units of the whole training.
        count: of stages.
        grain: units that are done together.
        unit: what they are, in the plural.

    Raises:
        UserError: there are more stages than grains.

    Example:
        >>> ends_of(10, 4), ends_of(4096, 2, 1024)
        ((3, 5, 8, 10), (2048, 4096))
    """
    grains = -(-total // grain)
    if grains < count:
        together = f", done {grain} at a time," if grain > 1 else ""
        raise UserError(f"{total} {unit}{together} are too few for {count} stages: {grains} at most")
    return tuple(min(total, grain * -(-grains * (place + 1) // count)) for place in range(count))


def in_stages(task: Task, grids: Sequence[Grid], count: int) -> Grid:
    """Join the grids of several stages, each planned with the settings of its stage, to one.

    Args:
        task: whose grids they are.
        grids: of the first stages, in their order.
        count: of all stages that the training is divided into; later ones may be missing.

    Raises:
        UserError: cells of the task can't be trained in stages, nothing of the grids can, or something
            differs between stages that may not.
    """
    fidelity, stages = stages_of(task)
    first, last = grids[0], grids[-1]
    if any([one.labels for one in grid.targets] != [one.labels for one in first.targets] for grid in grids):
        raise UserError(
            "The settings of the stages ask for different things: a schedule changes values alone"
        )
    chains = _Chains(fidelity, stages, grids, count)
    targets = tuple(
        replace(of_stages[-1], cell=chains.joined(tuple(one.cell for one in of_stages)).id)
        for of_stages in zip(*(grid.targets for grid in grids), strict=True)
    )
    if not chains.begun:
        raise UserError(f"There is no cell of kind '{fidelity.kind}', which alone is trained in stages")
    notes = dict.fromkeys([*last.notes, _note(fidelity, chains.begun, len(grids), count)])
    return checked_grid(chains.cells, targets, last.skipped, last.locations, notes)


@dataclass
class _Chains:
    """Builds the cells of a schedule: each from the cells that stand in its place in each stage's grid."""

    fidelity: Fidelity
    stages: Stages
    grids: Sequence[Grid]
    count: int
    cells: dict[str, Cell] = field(default_factory=dict)
    begun: list[Cell] = field(default_factory=list)  # first cells of chains
    _known: dict[tuple[str, ...], Cell] = field(default_factory=dict)

    def joined(self, ids: tuple[str, ...]) -> Cell:
        """Return the cell that stands in the place of those with these ids, one of each stage."""
        if ids not in self._known:
            of_stages = [grid.cells[one] for grid, one in zip(self.grids, ids, strict=True)]
            trains = of_stages[-1].kind == self.fidelity.kind
            self._known[ids] = self._chain(of_stages) if trains else self._other(of_stages)
        return self._known[ids]

    def _other(self, of_stages: Sequence[Cell]) -> Cell:
        """Return a cell that is no part of the training; nothing of it changes but what it needs."""
        _check_same(of_stages, (), f"only cells of kind '{self.fidelity.kind}' are trained in stages")
        last = of_stages[-1]
        needs = {role: self.joined(tuple(one.needs[role] for one in of_stages)).id for role in last.needs}
        cell = last if needs == last.needs else replace(last, needs=needs)
        return self.cells.setdefault(cell.id, cell)

    def _chain(self, of_stages: Sequence[Cell]) -> Cell:
        """Return the last of a chain of cells, one a stage."""
        last = of_stages[-1]
        changes: Collection[str] = imported(self.stages.changes)(last)
        _check_same(of_stages, changes, f"these can: {', '.join(sorted(changes)) or 'none'}")
        for role in last.needs:
            needed = {one.needs[role] for one in of_stages}
            below = self.grids[-1].closure([last.needs[role]]).values()
            if role == START or len(needed) > 1 or any(one.kind == last.kind for one in below):
                raise UserError(f"{last.title}: what it starts from would differ between stages")
            self.joined(tuple(one.needs[role] for one in of_stages))
        total = int(imported(self.fidelity.total)(last))
        grain = int(imported(self.stages.grain)(last)) if self.stages.grain else 1
        try:
            ends = ends_of(total, self.count, grain, self.fidelity.unit)
        except UserError as error:
            raise UserError(f"{last.title}: {error}") from error
        before: Cell | None = None
        for place, cell in enumerate(of_stages):
            stage = {"begin": before.config[STAGE]["end"] if before else 0, "end": ends[place]}
            before = replace(
                cell,
                config={**cell.config, STAGE: stage},
                needs={**cell.needs, **({START: before.id} if before else {})},
                title=f"{cell.title}, stage {place + 1} of {self.count}",
            )
            if place == 0:
                self.begun.append(before)
            before = self.cells.setdefault(before.id, before)
        assert before is not None
        return before


def _check_same(of_stages: Sequence[Cell], changes: Collection[str], otherwise: str) -> None:
    """Make sure that nothing differs between the cells of some stages but what may.

    Raises:
        UserError: something does.
    """
    first = of_stages[0]
    for cell in of_stages[1:]:
        if (cell.kind, cell.seed, cell.version, cell.needs.keys()) != (
            first.kind,
            first.seed,
            first.version,
            first.needs.keys(),
        ):
            raise UserError(f"{first.title}: stages ask for different cells in its place")
        if other := [name for name in _differing(first.config, cell.config) if name not in changes]:
            raise UserError(f"{first.title}: {', '.join(other)} can't change between stages; {otherwise}")


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the entries of two configurations that differ, dotted."""
    missing = object()
    flat, beside = dict(_flat(one)), dict(_flat(other))
    names = dict.fromkeys([*flat, *beside])
    return [name for name in names if flat.get(name, missing) != beside.get(name, missing)]


def _flat(config: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _note(fidelity: Fidelity, begun: Sequence[Cell], done: int, count: int) -> str:
    which = f"the first {done} of {count}" if done < count else f"{count}"
    return (
        f"Cells of kind '{fidelity.kind}' ({len(begun)}) are trained in {which} stages of equal "
        f"{fidelity.unit}, each with settings of its own"
    )
