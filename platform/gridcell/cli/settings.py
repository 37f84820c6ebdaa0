"""The command that lists what can be set."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from textwrap import shorten
from typing import Annotated, Any

import typer
from rich.table import Table

from gridcell import plugins
from gridcell.cli import common
from gridcell.cli.common import Plugins, TaskName, print_json
from gridcell.errors import UserError
from gridcell.settings.listing import joined, overview
from gridcell.settings.schema import Setting, find, json_schema
from gridcell.suite import load_suite, suite_names
from gridcell.task import Task, find_task

_MOST = {"value": 27, "default": 12}
"""Characters of a value or a default in the list of all settings, where each has one line."""

_LEAST = 16
"""Characters of a description there, also where the terminal is narrow."""

_KINDS = 3
"""Kinds of entries that are named of those that have a setting."""


def settings(
    task: TaskName,
    path: Annotated[
        str, typer.Argument(metavar="[PATH]", help="Only what is below, e.g. training or methods.ewc.")
    ] = "",
    suite: Annotated[
        str | None,
        typer.Option("--suite", metavar="SUITE", help="With a PATH: show what this suite has, too."),
    ] = None,
    plugin: Plugins = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the JSON schema of a suite file, for editors.")
    ] = False,
) -> None:
    """List what a suite or --set can set: values with their ranges, and defaults.

    Of all settings a terminal shows the first words. With a PATH, and into a file or pipe, nothing is cut.
    """
    plugins.load(plugin or (), joins=True)
    found = find_task(task)
    if as_json:
        print_json(json_schema(found.settings))
        return
    if suite is not None and not path:
        raise UserError("--suite shows values below a PATH: name one, e.g. 'training'")
    rows = find(found.settings, path, partial(_parts_of_entries, found))
    console = common.console()
    if path:
        values = None if suite is None else load_suite(found, suite).settings.model_dump(mode="json")
        console.print(_table(joined(rows), values, f"in {suite}"))
        return
    shown = overview(rows, found.own_settings)
    if console.is_terminal:
        section = rows[0].path[0]
        console.print(_lines(shown, console.width))
        console.print(
            f"What does not fit is cut: 'gridcell settings {task} {section}' shows all of '{section}'."
        )
    else:  # whoever searches a file or a pipe for a word must find it
        for line in _whole_lines(shown):
            console.print(line, soft_wrap=True)
    console.print(
        "A suite file may also say 'extends: SUITE' and hold changes alone, leave entries out of what it "
        "extends by 'without: [ENTRY]', sweep settings by 'sweep: {methods.ewc.strength: [1, 10]}', and "
        "keep YAML anchors below keys that begin with 'x-'."
    )


def _parts_of_entries(task: Task, section: str) -> dict[str, str]:
    """Return the entries of a section in the suites of a task, each with the part that it is of."""
    found: dict[str, str] = {}
    for name in suite_names(task):
        with contextlib.suppress(UserError):  # it needs data of the user's own
            entries = load_suite(task, name).settings.model_dump(mode="json").get(section)
            for entry, given in entries.items() if isinstance(entries, dict) else ():
                parts = [given[key] for key in ("kind", "source") if key in given] if given else []
                found[entry] = next(iter(parts), entry)
    return found


def _table(rows: Sequence[Setting], values: Mapping[str, Any] | None, heading: str) -> Table:
    """Lay out settings with their whole texts, and what a suite has of them, if one is given."""
    table = _empty(*([] if values is None else [heading]))
    for one in rows:
        kind = f"[{one.kind}] " if one.kind else ""
        has = [] if values is None else [_has(values, one.path)]
        table.add_row(".".join(one.path), one.type, _default(one), *has, f"{kind}{_plain(one)}")
    return table


def _has(values: Any, path: Sequence[str]) -> str:
    """Write what a suite has at a path; a dash where it says nothing there."""
    for name in path:
        values = values.get(name) if isinstance(values, Mapping) else None
    return _written(values)


def _lines(rows: Sequence[Setting], width: int) -> Table:
    """Lay out settings in a line each; what does not fit is cut."""
    texts = [
        (
            ".".join(one.path),
            shorten(one.type, _MOST["value"], placeholder=" …"),
            shorten(_default(one), _MOST["default"], placeholder=" …"),
            f"{_kinds(one)}{_plain(one)}",
        )
        for one in rows
    ]
    room = width - 8 - sum(max(len(text[column]) for text in texts) for column in range(3))
    table = _empty()
    for name, values, default, told in texts:
        table.add_row(name, values, default, shorten(told, max(_LEAST, room), placeholder=" …"))
    return table


def _whole_lines(rows: Sequence[Setting]) -> Iterator[str]:
    """Yield a heading and a line for each setting, of which nothing is cut."""
    name = max(len(".".join(one.path)) for one in rows)
    widths = name, _MOST["value"], _MOST["default"]
    texts = [
        (".".join(one.path), one.type, _default(one), f"{_kinds(one, len(one.kind))}{_plain(one)}")
        for one in rows
    ]
    for *cells, told in [("setting", "value", "default", "what it is"), *texts]:
        padded = (text.ljust(width) for text, width in zip(cells, widths, strict=True))
        yield f" {'  '.join([*padded, ' '.join(told.split())])}"


def _empty(*beside: str) -> Table:
    table = Table("setting", "value", "default", *beside, "what it is", box=None, header_style="bold")
    table.columns[0].no_wrap = True
    return table


def _default(setting: Setting) -> str:
    if setting.required:
        return "(required)"
    return _written(setting.default)


def _written(value: Any) -> str:
    if value is None or value in ({}, []):
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(setting: Setting) -> str:
    return setting.description.replace("``", "")


def _kinds(setting: Setting, most: int = _KINDS) -> str:
    """Name the kinds of entries that have a setting; of many the first."""
    names = list(filter(None, setting.kind.partition(": ")[2].split(" | ")))
    shown = [*names[:most], "…"] if len(names) > most + 1 else names
    return f"[{', '.join(shown)}] " if shown else ""
