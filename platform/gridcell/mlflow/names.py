"""What MLflow calls the settings and metrics of a cell: it refuses names that Python and YAML allow."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from gridcell.cell import Cell
from gridcell.grid import Grid
from gridcell.store.values import as_float

Labels = Mapping[str, str]

PARENT_TAG = "mlflow.parentRunId"
STATE_TAG = "gridcell.state"
NAMED_TAG = "gridcell.name/"  # of an experiment, before a name that was changed: the own one, as JSON
LONGEST_TAG = 5000
_LONGEST_NAME = 230  # MLflow takes 250 characters; room for a number, and for NAMED_TAG before it
_LONGEST_VALUE = 500
_MOST_NAMED = 20  # cells or reasons in a tag


class Naming:
    """Gives names that MLflow takes: in all runs of an experiment the same name for the same thing.

    MLflow takes letters, digits, underscores, dashes, periods, colons, spaces, and slashes as between the
    parts of a normalised relative path. Any other character becomes an underscore. Where that gives a name
    that another one has already, in any run, a number follows: else one column would show two metrics.

    Args:
        note: is told each name that is changed for the first time, and the new one.

    Attributes:
        renamed: name -> the name that MLflow shows, of those that were asked for.

    Example:
        >>> naming = Naming()
        >>> naming.of(["loss", "acc@1"])
        {'loss': 'loss', 'acc@1': 'acc_1'}
        >>> naming.of(["acc_1", "acc@1"])  # of another cell
        {'acc_1': 'acc_1_2', 'acc@1': 'acc_1'}
    """

    def __init__(self, note: Callable[[str, str], None] = lambda name, new: None) -> None:
        self.renamed: dict[str, str] = {}
        self._note = note
        self._names: dict[str, str] = {}  # name -> what MLflow shows
        self._owners: dict[str, str] = {}  # what MLflow shows -> name

    def recall(self, changed: Mapping[str, str], shown: Iterable[str]) -> None:
        """Learn what an experiment shows already.

        Args:
            changed: name -> the name that MLflow shows, of those that were changed.
            shown: all names that it shows.
        """
        for name, new in changed.items():
            self._take(name, new)
        for name in shown:
            if name not in self._owners:
                self._take(name, name)

    def of(self, names: Iterable[str]) -> dict[str, str]:
        """Return name -> the name that MLflow takes, different names for different ones."""
        distinct = list(dict.fromkeys(names))
        found = {name: self._name(name) for name in sorted(distinct, key=lambda name: _cleaned(name) != name)}
        self.renamed |= {name: new for name, new in found.items() if name != new}
        return found

    def _name(self, name: str) -> str:
        if name not in self._names:
            new = clean = _cleaned(name)
            number = 2
            while new in self._owners:
                new, number = f"{clean}_{number}", number + 1
            self._take(name, new)
            if new != name:
                self._note(name, new)
        return self._names[name]

    def _take(self, name: str, new: str) -> None:
        self._names[name], self._owners[new] = new, name


def _cleaned(name: str) -> str:
    plain = re.sub(r"[^/\w.\- :]", "_", name)
    parts = [part for part in plain.split("/") if part not in ("", ".", "..")]
    return "/".join(parts)[:_LONGEST_NAME].rstrip("/") or "unnamed"


def labels_of(grid: Grid) -> dict[str, Labels]:
    """Return id -> labels of the targets that each cell is for; several values are joined.

    Example:
        A cell that is both ``{"method": "ft"}`` and ``{"method": "wise-ft", "alpha": 1}`` has
        ``{"method": "ft, wise-ft", "alpha": "1"}``.
    """
    values: dict[str, dict[str, dict[str, None]]] = {}  # dicts for their order
    for target in grid.targets:
        of_cell = values.setdefault(target.cell, {})
        for name, value in target.labels.items():
            if value is not None:
                of_cell.setdefault(str(name), {})[_text(value)] = None
    return {
        cell_id: {name: ", ".join(found) for name, found in of_cell.items()}
        for cell_id, of_cell in values.items()
    }


def params_of(cell: Cell, labels: Labels) -> dict[str, str]:
    """Return a cell's parameters: kind, seed, its labels, and its settings, without those that are None.

    A setting that has the name of a label and another value goes by ``config/NAME``.
    """
    params = {**labels, "kind": cell.kind}
    if cell.seed is not None:
        params["seed"] = str(cell.seed)
    for name, value in leaves(cell.config):
        if value is not None:
            text = _text(value)
            params[name if params.get(name, text) == text else f"config/{name}"] = text
    return {name: text[:_LONGEST_VALUE] for name, text in params.items()}


def numbers_of(metrics: Mapping[str, Any], seconds: float) -> dict[str, float]:
    """Return the numbers among a result's metrics and, unless a metric is called so, its seconds."""
    found = {name: as_float(value) for name, value in leaves(metrics) if isinstance(value, int | float)}
    return {**found, "cell seconds" if "seconds" in found else "seconds": seconds}


def tags_of_states(grid: Grid, done: int, without: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the tags that say how many cells are done, and how many and which are not.

    Args:
        grid: what was run; it knows the combinations that were skipped, and why.
        done: number of cells with a result.
        without: state -> ids of the cells that are in it.

    Example:
        ``{"gridcell.done": "9", "gridcell.failed": "1: r0c0", "gridcell.skipped": "0"}``
    """
    tags = {"gridcell.done": str(done)}
    for state, ids in without.items():
        titles = [grid.cells[cell_id].title or cell_id for cell_id in ids]
        tags[f"gridcell.{state.replace(' ', '_')}"] = _counted(titles, len(titles))
    reasons = Counter(item.reason for item in grid.skipped)
    skipped = [f"{count} x {reason}" for reason, count in reasons.items()]
    tags["gridcell.skipped"] = _counted(skipped, len(grid.skipped))
    return tags


def _counted(what: list[str], number: int) -> str:
    more = f" and {len(what) - _MOST_NAMED} more" if len(what) > _MOST_NAMED else ""
    return f"{number}: {', '.join(sorted(what)[:_MOST_NAMED])}{more}" if what else "0"


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings with slash-separated names; lists are leaves."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{name}/{key}" if name else str(key))
    else:
        yield name, value


def _text(value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(map(str, value))
    return str(value)
