"""Suites: named settings of a task, from YAML and the command line, checked before anything runs."""

import copy
import gc
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace as dataclass_replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gridcell import plugins as plugins_module
from gridcell.errors import UserError, did_you_mean, unknown
from gridcell.grid import Grid
from gridcell.parts import check_useful, joined, load_named
from gridcell.settings.core_yaml import Document, Path as Keys, Place, read_yaml
from gridcell.settings.mistakes import Mistake, SettingsError, dotted
from gridcell.settings.overrides import apply_overrides
from gridcell.settings.parse import parse_settings
from gridcell.settings.ranges import looks_like_range
from gridcell.settings.resources import Occupied, occupied_by, split_resources
from gridcell.settings.retention import Keep, split_retention
from gridcell.settings.schema import belongs
from gridcell.settings.schema_place import SchemaPlace, can_sweep
from gridcell.settings.stages import Changes, Schedule, split_stages
from gridcell.settings.sweeps import Swept, expand_sweeps
from gridcell.stages import in_stages, stages_of
from gridcell.task import Task

__all__ = ["Suite", "load_suite", "parse_settings", "suite_names"]

EXTENDS = "extends"
WITHOUT = "without"
PLUGINS = "plugins"
TUNE = "tune"
ANCHORS = "x-"
_OWN_SUITE = "A suite of your own is named by its file, such as mine.yaml"


@dataclass(frozen=True)
class Suite:
    """A task's settings under a name; ``grid`` are the cells they ask for.

    Attributes:
        task: whose settings they are.
        name: of the suite.
        settings: checked, with a variant for each point of each sweep.
        places: where each setting was written.
        files: of the user's own that were read: the suite's, and those that it extends.
        sweeps: what sweeps added.
        occupied: kind of cell -> what such cells occupy, where the suite says so.
        without_sweeps: the settings without what sweeps added; the same where there are none.
        tune: the block ``tune``: what is searched, as it was written.
        keep_weights: which weights stay once no cell needs them.
        schedule: how settings change while cells train; None where they don't.
        stages: the settings of each stage; ``settings`` are those without the schedule.
    """

    task: Task
    name: str
    settings: BaseModel
    places: Mapping[Keys, Place] = field(default_factory=dict, compare=False, repr=False)
    files: tuple[Path, ...] = field(default=(), compare=False)
    sweeps: tuple[Swept, ...] = ()
    without_sweeps: BaseModel | None = None
    tune: Mapping[str, Any] | None = None
    occupied: Mapping[str, Occupied] = field(default_factory=dict)
    keep_weights: Keep = "all"
    schedule: Schedule | None = None
    stages: tuple[BaseModel, ...] = ()

    def grid(self, plan: Callable[[Any], Grid] | None = None) -> Grid:
        """Plan the suite's grid.

        Args:
            plan: settings -> grid, in place of the task's own.

        Raises:
            UserError: what is asked for can't be planned. A SettingsError has all mistakes that were found,
                with file and line.
        """
        planned = plan or self.task.plan
        try:
            with _without_collections():
                if self.schedule is None:
                    grid = planned(self.settings)
                else:
                    grid = in_stages(
                        self.task, [planned(stage) for stage in self.stages], self.schedule.count
                    )
        except SettingsError as error:
            raise SettingsError(error.mistakes, self.places) from error
        if not self.occupied:
            return grid
        cells = {
            cell_id: dataclass_replace(cell, resources=occupied_by(cell.kind, cell.resources, self.occupied))
            for cell_id, cell in grid.cells.items()
        }
        return dataclass_replace(grid, cells=cells)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Keep the garbage collector away: the cells all stay, and it took a quarter of a large plan."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def suite_names(task: Task) -> list[str]:
    """Return the names of the suites that come with a task."""
    if isinstance(task.suites, Mapping):
        return sorted(task.suites)
    return sorted(path.stem for path in task.suites.glob("*.yaml"))


def load_suite(
    task: Task,
    name: str,
    overrides: Sequence[str] = (),
    seeds: int | None = None,
    plugins: Sequence[str] = (),
    schedule: Schedule | None = None,
) -> Suite:
    """Read a suite by name or from the user's own YAML file and apply overrides.

    A suite may say ``extends: mini`` (or a file beside it) and hold changes alone, leave entries out of what
    it extends by ``without: [methods.lwf]``, and keep YAML anchors below keys that begin with ``x-``.
    Files of the user's own that define parts stand under ``plugins:``, as paths from the suite's folder.
    ``resources:`` may hold what cells of single kinds occupy; see :mod:`gridcell.settings.resources`.
    ``keep_weights:`` may say which weights stay; see :mod:`gridcell.settings.retention`.
    ``stages:`` may say how settings change while cells train; see :mod:`gridcell.settings.stages`.
    A setting of a named entry that is given several values is swept; see :mod:`gridcell.settings.sweeps`.

    Args:
        task: whose suite it is.
        name: a suite of the task, or a path to a YAML file.
        overrides: ``dotted.key=value`` each, the value in YAML.
        seeds: where given, replaces the settings' seeds by 0 .. seeds-1.
        plugins: files of the user's own whose parts join the suite; see :mod:`gridcell.parts`.
        schedule: in place of the suite's own stages.

    Raises:
        UserError: no such suite, unreadable YAML, or wrong settings: all of them, with file and line.

    Example:
        >>> from gridcell.task import find_task
        >>> suite = load_suite(find_task("farmap"), "mini", ["maps.large=1"], seeds=1)
        >>> suite.settings.maps.large, suite.settings.seeds
        (1, [0])
    """
    files: list[Path] = []
    stem, document, below = _layers(task, name, None, (), files)
    check_useful(plugins_module.load(plugins, joins=True), task.parts)
    document = Document(joined(document.values, task.parts), document.places)
    document, overrides, occupied = split_resources(document, overrides, task.cells)
    document, overrides, keep_weights = split_retention(document, overrides, task.weights, task.name)
    document, overrides, written = split_stages(document, overrides)
    schedule = schedule or written
    before = document.values
    tune = document.values.pop(TUNE, None)
    if tune is not None and not isinstance(tune, Mapping):
        raise UserError(f"{document.places[TUNE,]}: 'tune' must hold 'key: value' lines, such as trials: 20")
    document = apply_overrides(document, task.settings, overrides)
    if seeds is not None:
        document = _seeded(document, seeds)
    document, plain, sweeps = expand_sweeps(document, task.settings, before, task.own_settings, below)
    without_sweeps = _checked(task, plain)  # first: a mistake of an entry is one of each of its variants
    settings = _checked(task, document) if sweeps else without_sweeps
    stages: tuple[BaseModel, ...] = ()
    if schedule is not None:
        stages_of(task)
        if sweeps:
            raise UserError(
                f"A suite with stages can't sweep {sweeps[0].keys[0]}: leave out the stages, or the sweep"
            )
        stages = tuple(_stage(task, document, one, place) for place, one in enumerate(schedule.stages))
    return Suite(
        task,
        stem,
        settings,
        places=document.places,
        files=tuple(files),
        sweeps=sweeps,
        without_sweeps=without_sweeps,
        tune=tune,
        occupied=occupied,
        keep_weights=keep_weights,
        schedule=schedule,
        stages=stages,
    )


def _stage(task: Task, document: Document, changes: Changes, place: int) -> BaseModel:
    """Return the settings of one stage of a schedule."""
    overrides = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
    changed = apply_overrides(document, task.settings, overrides, f"stage {place + 1}: ")
    found, _, sweeps = expand_sweeps(changed, task.settings, document.values, task.own_settings)
    if sweeps:
        raise UserError(f"stage {place + 1}: {sweeps[0].keys[0]} has several values, and a stage has one")
    try:
        return _checked(task, found)
    except SettingsError as error:
        mistakes = [
            dataclass_replace(one, template=f"stage {place + 1}: {one.template}") for one in error.mistakes
        ]
        raise SettingsError(mistakes, document.places) from error


def _layers(
    task: Task, name: str, beside: Path | None, above: tuple[str, ...], files: list[Path]
) -> tuple[str, Document, Any]:
    """Read a suite, and below it what it extends; load the plug-ins of each.

    Returns its name, its settings, and those of what it extends.

    The user's own files that are read are appended to ``files``.
    """
    where, folder, document = _document(task, name, beside)
    if not _is_shipped(task, name):
        files.append(Path(where))
    if where in above:
        raise UserError(f"'{name}' extends itself")
    values = {} if document.values is None else document.values
    if not isinstance(values, dict):
        raise UserError(f"'{name}' must hold settings as 'key: value' lines")
    extends, without = values.pop(EXTENDS, None), values.pop(WITHOUT, None)
    load_named(values.pop(PLUGINS, None), folder)
    for key in [key for key in values if isinstance(key, str) and key.startswith(ANCHORS)]:
        del values[key]
    own = Document(values, document.places)
    stem = Path(name).stem if Path(name).suffix else name
    if extends is None:
        if without is not None:
            raise UserError(f"{own.places[WITHOUT,]}: 'without' leaves entries out of what 'extends' names")
        return stem, own, None
    if not isinstance(extends, str):
        raise UserError(f"{own.places[EXTENDS,]}: 'extends' must name one suite or a YAML file")
    try:
        _, base, _ = _layers(task, extends, folder, (*above, where), files)
    except UserError as error:
        if isinstance(error, SettingsError) or not isinstance(own.places.get((EXTENDS,)), Place):
            raise
        raise UserError(f"{own.places[EXTENDS,]}: {error}") from error
    left = _left(base, without, own.places.get((WITHOUT,)))
    return stem, _merged(left, own), left.values


def _is_shipped(task: Task, name: str) -> bool:
    """Whether a suite comes with the task, and is no file of the user's."""
    if isinstance(task.suites, Mapping):
        return name in task.suites
    return (task.suites / f"{name}.yaml").is_file()


def _document(task: Task, name: str, beside: Path | None) -> tuple[str, Path, Document]:
    """Return where a suite stands, the folder that its relative paths start from, and what it says."""
    if isinstance(task.suites, Mapping):
        if name in task.suites:
            return name, Path(), Document(copy.deepcopy(dict(task.suites[name])), {})
    elif (path := task.suites / f"{name}.yaml").is_file():
        return str(path.resolve()), path.parent, _read(path)
    if Path(name).suffix not in {".yaml", ".yml"}:
        raise unknown(f"suite of {task.name}", name, suite_names(task), _OWN_SUITE)
    path = beside / name if beside else Path(name).expanduser()
    if not path.is_file():
        raise UserError(f"There is no suite file '{path}'")
    return str(path.resolve()), path.parent, _read(path)


def _read(path: Path) -> Document:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UserError(f"The suite file '{path}' can't be read: {error.strerror}") from error
    return read_yaml(text, f"'{path}'")


def _left(document: Document, without: Any, place: Place | None) -> Document:
    """Return a document without some entries."""
    if without is None:
        return document
    if not isinstance(without, list):
        raise UserError(f"{place}: 'without' must be a list, such as [methods.lwf]")
    values = document.values
    for entry in without:
        values = _removed(values, str(entry).split("."), f"{place}: 'without' names '{entry}'")
    return Document(values, document.places)


def _removed(values: dict[str, Any], keys: Sequence[str], said: str) -> dict[str, Any]:
    whole = ".".join(keys)
    if whole in values:
        return {key: value for key, value in values.items() if key != whole}
    first = keys[0]
    if first not in values or len(keys) == 1 or not isinstance(values[first], dict):
        raise UserError(f"{said}, which is not there: {did_you_mean(first, values)}")
    return {**values, first: _removed(values[first], keys[1:], said)}


def _merged(base: Document, own: Document) -> Document:
    """Return a suite's settings over those of the one that it extends."""
    values = _over(base.values, own.values)
    return Document(values, {**base.places, **own.places})


def _over(base: Any, own: Any) -> Any:
    """Mappings are merged, anything else is replaced; a key with nothing after it changes no mapping."""
    if isinstance(base, dict) and own is None:
        return base
    if not isinstance(base, dict) or not isinstance(own, dict):
        return own
    return {**base, **{key: _over(base[key], own[key]) if key in base else own[key] for key in own}}


def _seeded(document: Document, seeds: int) -> Document:
    if seeds < 1:
        raise UserError(f"--seeds must be at least 1, not {seeds}")
    for path, place in document.places.items():
        if path[:1] == ("seeds",) and place.line is None:
            raise UserError(f"'{place}' and --seeds {seeds} both set the seeds: leave one of them out")
    places = {path: place for path, place in document.places.items() if path[:1] != ("seeds",)}
    values = {**document.values, "seeds": list(range(seeds))}
    return Document(values, {**places, ("seeds",): Place(f"--seeds {seeds}")})


def _checked(task: Task, document: Document) -> BaseModel:
    """Check settings; the mistakes of all of them are told at once, each with its place."""
    mistakes: list[Mistake] = []
    settings = None
    try:
        settings = parse_settings(task.settings, document.values)
    except SettingsError as error:
        mistakes += error.mistakes
    found = [mistake.path for mistake in mistakes]
    mistakes += (
        mistake
        for mistake in _not_json(document.values, ())
        if not any(mistake.path[: len(path)] == path for path in found)
    )
    if mistakes or settings is None:
        told = [_with_home(task, _of_sweep(task, mistake, document.values)) for mistake in mistakes]
        raise SettingsError(told, document.places)
    return settings


def _of_sweep(task: Task, mistake: Mistake, values: Any) -> Mistake:
    """Say of several values that stand where one belongs how they are swept, or that they can't be there."""
    given = values
    for key in mistake.path:
        given = given[key] if isinstance(given, Mapping) and key in given else None
    several = given.split(",") if isinstance(given, str) and "," in given else []
    if mistake.unknown or not (several or (isinstance(given, list) and given) or looks_like_range(given)):
        return mistake
    place = SchemaPlace.of(task.settings).at([str(key) for key in mistake.path], values)
    if isinstance(given, list) and place.takes_lists:
        return mistake
    advice = "only settings of named entries can be swept"
    if several and can_sweep(task.settings, values, mistake.path, task.own_settings):
        listed = ",".join(one.strip() for one in several)
        advice = f"several values to sweep are a list: {{where}}=[{listed}]"
    return dataclass_replace(mistake, template=f"{mistake.template}; {advice}")


def _not_json(value: Any, path: Keys) -> Iterator[Mistake]:
    """Find what has no place in a cell's identity, which settings that may be anything would let through."""
    if isinstance(value, float) and not math.isfinite(value):
        yield Mistake(path, f"A setting is wrong: {_shown(path)} is {value}, and a number must be finite")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                told = f"{_shown(path) or 'the suite'} has the key {key!r}, which is not text"
                yield Mistake((*path, key), f"A setting is wrong: {told}")
            else:
                yield from _not_json(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _not_json(inner, (*path, index))


def _shown(path: Keys) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _with_home(task: Task, mistake: Mistake) -> Mistake:
    """Say of an unknown setting where settings of its name belong."""
    homes = belongs(task.settings, mistake.unknown, [*map(str, mistake.path)]) if mistake.unknown else []
    homes = [home for home in homes if home != f"'{dotted(mistake.path)}'"]
    if not homes:
        return mistake
    return Mistake(
        mistake.path, f"{mistake.template}; it belongs at {' or '.join(homes[:4])}", mistake.unknown
    )
