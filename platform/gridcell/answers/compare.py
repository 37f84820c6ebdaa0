"""Two sets of results against each other: what differs in what made them, and in what they say."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from typing import Any

from gridcell.answers.compare_tables import Alone, Number, Numbers, Rows, compare_rows, rows_alone
from gridcell.answers.noise import Mean, Move, Samples, means, moves
from gridcell.errors import UserError
from gridcell.fingerprint import changes
from gridcell.printable import counted
from gridcell.report.record import Done, Record
from gridcell.report.tidy import flatten
from gridcell.store.values import as_float

SEED = "seed"
Place = tuple[tuple[str, str], ...]
"""Labels and their values, as text."""


@dataclass(frozen=True)
class Side:
    """Results under the name by which the user called them.

    Attributes:
        name: as it was typed.
        record: the results.
        fixed: labels whose values were chosen for this side, by which its targets are not told apart.
        notes: sentences on what was not read.
        rows: returns a table of the task by its name, as rows; None where only a record is there.
    """

    name: str
    record: Record
    fixed: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    rows: Callable[[str], Rows] | None = None


@dataclass(frozen=True)
class Changed:
    """A target that both sides have, and whose answers differ.

    Attributes:
        labels: of the target, on the first side.
        first: id of its cell on the first side.
        second: id of its cell on the second side.
        metrics: path -> (value before, value after).
        files_alone: whether the metrics are equal, and only files differ.
    """

    labels: Mapping[str, Any]
    first: str
    second: str
    metrics: Mapping[str, tuple[Any, Any]]
    files_alone: bool = False


@dataclass(frozen=True)
class Comparison:
    """What differs between two sides.

    Attributes:
        first: name of the first side.
        second: name of the second side.
        settings: (path, before, after) of the settings that differ.
        code: (module, cells) that differ in code: how many targets and needs of them run other code.
        commits: of each side.
        versions: (package, before, after).
        data: sentences on cells without needs, such as data, and on readers' notes, that differ.
        equal: targets whose answers are equal.
        changed: targets whose answers differ.
        only_first: labels of the targets that are done on the first side alone.
        only_second: likewise.
        neither: how many targets are done on no side.
        moves: differences of metrics over seeds, those beyond noise first, the largest first.
        other: (labels, path, before, after) of metrics that are no finite numbers on both sides.
        tolerance: share of a metric's size up to which a difference counts as none.
        notes: sentences on what was not compared.
        numbers: of a table of the task that was asked for, those that both sides have.
        numbers_only_first: rows of that table of which the first side alone has numbers.
        numbers_only_second: likewise.
        table: its name; empty where none was asked for.
        means: of each metric that differs, over the places that both sides have; entries of lists have none.
    """

    first: str
    second: str
    settings: Sequence[tuple[str, Any, Any]]
    code: Sequence[tuple[str, int]]
    commits: tuple[Sequence[str], Sequence[str]]
    versions: Sequence[tuple[str, str, str]]
    data: Sequence[str]
    equal: int
    changed: Sequence[Changed]
    only_first: Sequence[Mapping[str, Any]]
    only_second: Sequence[Mapping[str, Any]]
    neither: int
    moves: Sequence[Move]
    other: Sequence[tuple[Mapping[str, Any], str, Any, Any]]
    tolerance: float = 0.0
    notes: Sequence[str] = field(default_factory=tuple)
    numbers: Sequence[Number] = ()
    means: Sequence[Mean] = ()
    numbers_only_first: Sequence[Alone] = ()
    numbers_only_second: Sequence[Alone] = ()
    table: str = ""

    @property
    def moved(self) -> list[Move]:
        """The differences that are more than noise."""
        return [move for move in self.moves if move.moved]

    @property
    def same(self) -> bool:
        """Whether nothing moved by more than its noise, and no result of the first side is missing."""
        return not (self.moved or self.other or self.only_first)

    def with_numbers(self, numbers: Numbers, table: str) -> Comparison:
        """Return the comparison with the numbers of a table of the task beside it."""
        return replace(
            self,
            numbers=numbers.both,
            numbers_only_first=numbers.only_first,
            numbers_only_second=numbers.only_second,
            table=table,
        )

    def sentence(self) -> str:
        """Say in a sentence what came out."""
        if not self.equal and not self.changed:
            return f"Nothing to compare: {self.first} and {self.second} have no result in common."
        lost = _alone(len(self.only_first), self.first)
        if not self.changed:
            return f"Equal: all {self.equal} results that both have are the same to the last bit.{lost}"
        total = self.equal + len(self.changed)
        said = f"{len(self.changed)} of {counted(total, 'result differs', 'results differ')}"
        if not self.moved and not self.other:
            files = sum(change.files_alone for change in self.changed)
            why = "in files alone" if files == len(self.changed) else "but none by more than its noise"
            return f"{said}, {why}.{lost}"
        unknown = sum(math.isnan(move.threshold) for move in self.moved)
        more = len(self.moved) - unknown
        parts = [f"{counted(more, 'metric')} moved by more than noise"] if more else []
        if unknown:
            parts.append(
                f"{counted(unknown, 'metric')} moved, and how much of it is noise is unknown: none of their "
                "places has two seeds"
            )
        parts += (
            [f"{counted(len(self.other), 'value that is no number', 'values that are no numbers')} changed"]
            if self.other
            else []
        )
        return f"{said}: {', '.join(parts)}.{lost}"


def compare(first: Side, second: Side, tolerance: float = 0.0) -> Comparison:
    """Compare two sides target by target.

    Targets are the same if their labels are, without those that a side chose a value for. Metrics that the
    task measures as times are left out.

    Args:
        first: the side that counts as before.
        second: the side that counts as after.
        tolerance: share of a metric's size up to which a difference counts as none.

    Raises:
        UserError: the sides are of different tasks, or targets of a side can't be told apart.
    """
    if first.record.task != second.record.task:
        raise UserError(
            f"'{first.name}' has results of {first.record.task}, '{second.name}' of {second.record.task}: "
            "only results of one task can be compared"
        )
    fixed = first.fixed | second.fixed
    before, after = _by_place(first, fixed), _by_place(second, fixed)
    equal, changed, other = 0, [], []
    samples: dict[tuple[Place, str], list[tuple[float, float]]] = {}
    for place in sorted(before.keys() & after.keys()):
        (labels, one_id), (_, two_id) = before[place], after[place]
        one, two = first.record.cells.get(one_id), second.record.cells.get(two_id)
        if one is None or two is None:
            continue
        metrics = dict(_compared(one, first.record)), dict(_compared(two, second.record))
        differing = {
            name: (metrics[0].get(name), metrics[1].get(name))
            for name in dict.fromkeys([*metrics[0], *metrics[1]])
            if not _alike(metrics[0].get(name), metrics[1].get(name))
        }
        files_alone = not differing and one.files != two.files
        if differing or files_alone:
            changed.append(Changed(labels, one_id, two_id, differing, files_alone))
        else:
            equal += 1
        without_seed = tuple(pair for pair in place if pair[0] != SEED)
        for name in (name for name in metrics[0] if name in metrics[1]):  # in the order of the answer
            pair = metrics[0][name], metrics[1][name]
            if _is_finite(pair[0]) and _is_finite(pair[1]):
                samples.setdefault((without_seed, name), []).append((as_float(pair[0]), as_float(pair[1])))
        other += [
            (labels, name, *pair)
            for name, pair in differing.items()
            if not (_is_finite(pair[0]) and _is_finite(pair[1]))
        ]
    only_first, only_second, neither = _on_one_side(first, second, before, after)
    return Comparison(
        first=first.name,
        second=second.name,
        settings=_differing(first.record.settings, second.record.settings),
        code=_code(first, second, before, after),
        commits=(_commits(first.record), _commits(second.record)),
        versions=_versions(first.record, second.record),
        data=_data(first, second),
        equal=equal,
        changed=sorted(changed, key=lambda change: json.dumps(dict(change.labels), default=str)),
        only_first=only_first,
        only_second=only_second,
        neither=neither,
        moves=moves(_sorted(samples), tolerance),
        other=sorted(other, key=lambda item: (json.dumps(dict(item[0]), default=str), item[1])),
        tolerance=tolerance,
        notes=list(dict.fromkeys([*first.notes, *second.notes])),
        means=means({key: pairs for key, pairs in samples.items() if "[" not in key[1]}),
    )


def numbers_of(first: Side, second: Side, table: str) -> Numbers:
    """Compare a table of the task that both sides are of.

    Raises:
        UserError: a side is a report's folder; or the task has no such table.
    """
    found = []
    for side in (first, second):
        if side.rows is None:
            raise UserError(
                f"'{side.name}' is a report's folder, which holds no tables: name its storage for --table"
            )
        found.append(side.rows(table))
    labels = {name for labels, _ in (*first.record.targets, *second.record.targets) for name in labels}
    labels -= first.fixed | second.fixed
    before, after = found
    return Numbers(
        compare_rows(before, after, labels),
        rows_alone(before, after, labels),
        rows_alone(after, before, labels),
    )


def _sorted(samples: Samples) -> Samples:
    return {key: samples[key] for key in sorted(samples)}


def _by_place(side: Side, fixed: frozenset[str]) -> dict[Place, tuple[Mapping[str, Any], str]]:
    """Return place -> labels and cell. Of several cells with the same labels each has a ``part``.

    Raises:
        UserError: targets with different labels fall on one place.
    """
    found: dict[Place, tuple[Mapping[str, Any], str]] = {}
    parts: Counter[Place] = Counter()
    for labels, cell_id in side.record.targets:
        place = tuple(sorted((name, str(value)) for name, value in labels.items() if name not in fixed))
        parts[place] += 1
        if place in found and dict(found[place][0]) != dict(labels):
            what = ", ".join(f"{name}={value}" for name, value in place) or "the same place"
            raise UserError(
                f"'{side.name}' has two results at {what}: choose one value of {', '.join(sorted(fixed))}"
            )
        found[place if parts[place] == 1 else (*place, ("part", str(parts[place])))] = (labels, cell_id)
    return found


def _compared(done: Done, record: Record) -> Iterator[tuple[str, Any]]:
    """Yield the metrics that are compared, also those within lists, by their paths."""
    for name, value in flatten(done.metrics, done.title).items():
        if not _is_timing(name, record):
            yield from _items(name, value)


def _items(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _items(f"{name}[{index}]", item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _items(f"{name}.{key}", item)
    else:
        yield name, value


def _is_timing(name: str, record: Record) -> bool:
    return any(fnmatch(part, pattern) for part in (name, *name.split(".")) for pattern in record.timings)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(as_float(value))


def _alike(one: Any, two: Any) -> bool:
    both_nan = isinstance(one, float) and isinstance(two, float) and one != one and two != two
    return both_nan or (bool(one == two) and isinstance(one, bool) == isinstance(two, bool))


def _on_one_side(
    first: Side,
    second: Side,
    before: Mapping[Place, tuple[Mapping[str, Any], str]],
    after: Mapping[Place, tuple[Mapping[str, Any], str]],
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]], int]:
    one = {place for place, (_, cell_id) in before.items() if cell_id in first.record.cells}
    two = {place for place, (_, cell_id) in after.items() if cell_id in second.record.cells}
    neither = len((before.keys() | after.keys()) - one - two)
    return (
        [before[place][0] for place in before if place in one - two],
        [after[place][0] for place in after if place in two - one],
        neither,
    )


def _differing(one: Mapping[str, Any], two: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    before, after = flatten(one, "settings"), flatten(two, "settings")
    return [
        (path, before.get(path), after.get(path))
        for path in dict.fromkeys([*before, *after])
        if not _alike(before.get(path), after.get(path))
    ]


def _code(
    first: Side,
    second: Side,
    before: Mapping[Place, tuple[Mapping[str, Any], str]],
    after: Mapping[Place, tuple[Mapping[str, Any], str]],
) -> list[tuple[str, int]]:
    """Return the modules that differ, and for how many cells: those of one id, or at one place."""
    pairs = {(cell_id, cell_id) for cell_id in first.record.cells.keys() & second.record.cells.keys()}
    pairs |= {(before[place][1], after[place][1]) for place in before.keys() & after.keys()}
    counts: Counter[str] = Counter()
    for one_id, two_id in pairs:
        one, two = first.record.cells.get(one_id), second.record.cells.get(two_id)
        if one is None or two is None or not one.code or not two.code or one.code == two.code:
            continue
        files = first.record.codes.get(one.code), second.record.codes.get(two.code)
        if one.kind != two.kind or files[0] is None or files[1] is None:
            counts["code that the store does not describe"] += 1
        else:
            counts.update(changes(files[0], files[1]))
    return counts.most_common()


def _commits(record: Record) -> list[str]:
    return sorted({cell.commit for cell in record.cells.values()} - {""})


def _versions(one: Record, two: Record) -> list[tuple[str, str, str]]:
    before, after = _all_versions(one), _all_versions(two)
    return [
        (name, before.get(name, ""), after.get(name, ""))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _all_versions(record: Record) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for cell in record.cells.values():
        for name, version in cell.versions.items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _data(first: Side, second: Side) -> list[str]:
    """Say which cells without needs, and which notes of the readers of data, differ."""
    before, after = _roots(first.record), _roots(second.record)
    said = []
    for key in sorted({*before, *after}, key=str):
        one, two = before.get(key), after.get(key)
        kind, title, seed = key
        name = f"{kind} '{title}'" + (f", seed {seed}" if seed is not None else "")
        if one is None or two is None:
            there = first.name if two is None else second.name
            said.append(f"{name} is in {there} alone")
        elif one[0] != two[0] and one[1] != two[1]:
            said.append(f"{name} has another configuration and another content")
        elif one[1] != two[1]:
            said.append(f"{name} has another content")
    for mine, others, name in (
        (first.record.notes, second.record.notes, first.name),
        (second.record.notes, first.record.notes, second.name),
    ):
        said += [f"in {name} alone: {note}" for note in mine if note not in others]
    return said


def _roots(record: Record) -> dict[tuple[str, str, int | None], tuple[str, str]]:
    return {
        (done.kind, done.title, done.seed): (cell_id, done.content)
        for cell_id in record.roots
        if (done := record.cells.get(cell_id)) is not None
        and cell_id not in {target for _, target in record.targets}
    }


def _alone(count: int, side: str) -> str:
    return f" {counted(count, 'result is', 'results are')} in {side} alone." if count else ""
