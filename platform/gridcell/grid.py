"""The grid: an acyclic graph of cells, each held once, and the targets that a suite asks for."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from gridcell.cell import Cell
from gridcell.errors import Mistakes, UserError, did_you_mean
from gridcell.printable import as_one_line
from gridcell.settings.mistakes import Mistake, SettingsError, mistakes_of

Labels = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """A place in the answer (``labels``) and the cell whose result belongs there.

    Several targets may name one cell: WiSE-FT with alpha = 1 *is* fine-tuning.

    Attributes:
        labels: the place, e.g. ``{"model": "vit", "method": "ft"}``.
        cell: id.
        whichever: labels whose value a selection overlooks: what others are compared with is always wanted.
    """

    labels: Labels
    cell: str
    whichever: tuple[str, ...] = ()


@dataclass(frozen=True)
class Skipped:
    """A combination that the suite names but that can't be, with its reason."""

    labels: Labels
    reason: str


def order_by_needs(needs: Mapping[str, Iterable[str]], what: str = "cells") -> list[str]:
    """Sort names so that each comes after those it needs.

    Raises:
        UserError: the needs form a circle, which the sentence names.

    Example:
        >>> order_by_needs({"evaluate": ["train"], "train": ["data"], "data": []})
        ['data', 'train', 'evaluate']
    """
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise UserError(f"These {what} need each other in a circle: {circle}") from error


@dataclass(frozen=True)
class Grid:
    """Cells in an order in which each comes after its needs, and what they are for.

    Attributes:
        cells: id -> cell.
        targets: what the suite asks for.
        skipped: what it asks for but can't be.
        locations: name -> path or URI of data on this machine, handed to cells but in no id.
        notes: sentences on what readers of data leave out, convert or take for granted; in no id.
    """

    cells: Mapping[str, Cell]
    targets: tuple[Target, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    locations: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.cells)

    def select(self, wanted: Mapping[str, Iterable[str]], *, hint: str = "") -> "Grid":
        """Keep the targets whose labels match, and the cells they need.

        Args:
            wanted: label -> accepted values, compared as text. A target without the label is kept, so that
                ``downstream=v2`` keeps the pre-trained model it is compared with.
            hint: a sentence to add to the message on a value that no cell has, nor one like it.

        Raises:
            UserError: no target has that label, none has that value (all such mistakes at once), or none has
                all of them.
        """
        if not wanted:
            return self
        mistakes = Mistakes()
        for label, values in wanted.items():
            known = {str(labels[label]) for labels in self._all_labels() if label in labels}
            names = {name for labels in self._all_labels() for name in labels}
            with mistakes.noted():
                if not known:
                    raise UserError(
                        f"Nothing in this suite is labelled '{label}': {did_you_mean(label, names)}"
                    )
            for value in values if known else ():
                with mistakes.noted():
                    if value not in known:
                        raise UserError(f"No cell has {label}={value}: {did_you_mean(value, known, hint)}")
        mistakes.tell()

        def matches(labels: Labels, whichever: tuple[str, ...] = ()) -> bool:
            asked = (name for name in wanted if name in labels and name not in whichever)
            return all(str(labels[name]) in wanted[name] for name in asked)

        targets = tuple(target for target in self.targets if matches(target.labels, target.whichever))
        skipped = tuple(item for item in self.skipped if matches(item.labels))
        if not targets and not skipped:
            asked = " and ".join(f"{label}={','.join(values)}" for label, values in wanted.items())
            raise UserError(f"No cell has {asked}: each is in the suite, but not together")
        return Grid(
            cells=self.closure(target.cell for target in targets),
            targets=targets,
            skipped=skipped,
            locations=self.locations,
            notes=self.notes,
        )

    def _all_labels(self) -> list[Labels]:
        return [target.labels for target in self.targets] + [item.labels for item in self.skipped]

    def closure(self, ids: Iterable[str]) -> dict[str, Cell]:
        """Return the named cells with everything they need, directly or not, in grid order."""
        keep: set[str] = set()
        stack = list(ids)
        while stack:
            cell_id = stack.pop()
            if cell_id not in keep:
                keep.add(cell_id)
                stack.extend(self.cells[cell_id].needs.values())
        return {cell_id: cell for cell_id, cell in self.cells.items() if cell_id in keep}


class GridBuilder:
    """Collects cells and targets; the same cell added twice is held once."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._cells: dict[str, Cell] = {}
        self._targets: list[Target] = []
        self._skipped: list[Skipped] = []
        self._locations: dict[str, str] = {}
        self._notes: list[str] = []
        self._mistakes: list[Mistake] = []

    @contextmanager
    def setting(self, *path: str | int) -> Iterator[None]:
        """Plan what one setting asks for; if that fails, go on with the next, so that all mistakes are told.

        A UserError raised inside ends the block alone. :meth:`check` and :meth:`build` raise what was kept,
        each with the setting's name and the line of the suite's file.

        Args:
            path: the keys that lead to the setting, from the root of all settings.

        Example:
            >>> grid = GridBuilder("example")
            >>> for name in ("a", "b"):
            ...     with grid.setting("agents", name):
            ...         raise UserError(f"The agent '{name}' has no map")
            >>> grid.build()
            Traceback (most recent call last):
            gridcell.settings.mistakes.SettingsError: The settings have 2 mistakes:
              The agent 'a' has no map
              The agent 'b' has no map
        """
        try:
            yield
        except UserError as error:
            self._mistakes += (mistake.within(path) for mistake in mistakes_of(error))

    def check(self) -> None:
        """Tell the mistakes so far, where what follows makes no sense after them.

        Raises:
            SettingsError: planning of some settings failed; see :meth:`setting`.
        """
        if self._mistakes:
            raise SettingsError(self._mistakes)

    def add(
        self, kind: str, config: Mapping[str, Any], *, needs: Mapping[str, Cell] | None = None, **cell: Any
    ) -> Cell:
        """Add a cell of this task and return it; an equal one that is already there is returned instead.

        Args:
            kind: which of the task's cell functions runs it.
            config: JSON values that determine the result.
            needs: role -> cell whose output it starts from.
            cell: further fields of ``Cell``.
        """
        ids = {role: need.id for role, need in (needs or {}).items()}
        new = Cell(task=self._task, kind=kind, config=config, needs=ids, **cell)
        return self._cells.setdefault(new.id, new)

    def target(self, labels: Labels, cell: Cell, *, whichever: tuple[str, ...] = ()) -> None:
        """Say that ``cell`` gives the answer at ``labels``; see ``Target``."""
        self._targets.append(Target(dict(labels), cell.id, whichever))

    def skip(self, labels: Labels, reason: str) -> None:
        """Say that what ``labels`` name can't be run, and why."""
        self._skipped.append(Skipped(dict(labels), reason))

    def locate(self, name: str, uri: str) -> None:
        """Say where on this machine the cells find ``name``; it does not enter any id.

        A relative path is made absolute, since workers run in folders of their own; ``~`` is the user's home.
        """
        self._locations[name] = uri if "://" in uri else str(Path(uri).expanduser().absolute())

    def note(self, *sentences: str) -> None:
        """Say what a reader of data leaves out, converts or takes for granted; shown before a run."""
        self._notes += tuple(map(as_one_line, sentences))

    def build(self) -> Grid:
        """Check and freeze the grid.

        Raises:
            SettingsError: planning of some settings failed; see :meth:`setting`.
            UserError: a cell needs one that was not added, or cells need each other in a circle.
        """
        self.check()
        return checked_grid(self._cells, self._targets, self._skipped, self._locations, self._notes)


def checked_grid(
    cells: Mapping[str, Cell],
    targets: Iterable[Target] = (),
    skipped: Iterable[Skipped] = (),
    locations: Mapping[str, str] | None = None,
    notes: Iterable[str] = (),
) -> Grid:
    """Order the cells by their needs and check that the graph is whole and acyclic.

    Raises:
        UserError: a need or a target's cell is missing, or cells need each other in a circle.
    """
    for cell in cells.values():
        for role, need in cell.needs.items():
            if need not in cells:
                raise UserError(
                    f"Cell {cell.title or cell.id} needs cell {need} as '{role}', which the grid lacks"
                )
    targets = tuple(targets)
    for target in targets:
        if target.cell not in cells:
            raise UserError(
                f"The target {dict(target.labels)} names cell {target.cell}, which the grid lacks"
            )
    order = order_by_needs({cell_id: cell.needs.values() for cell_id, cell in cells.items()})
    return Grid(
        {cell_id: cells[cell_id] for cell_id in order},
        targets,
        tuple(skipped),
        dict(locations or {}),
        tuple(dict.fromkeys(notes)),
    )
