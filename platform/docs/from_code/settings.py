"""A page a task: its suites, its parts, and what can be set, with ranges and defaults."""

from from_code.markdown import code, from_docstring, table
from gridcell.parts import DATA_KINDS, PartKind
from gridcell.settings.listing import joined
from gridcell.settings.schema import Setting, settings_of
from gridcell.suite import suite_names
from gridcell.task import Task, find_task, task_names

ABOUT = """`gridcell settings {task}` prints the same list; with `--json` it prints the JSON schema for an
editor. `NAME` stands for a name of your own. Brackets hold the kind of entry that has the setting.
"""


def pages() -> dict[str, str]:
    """Return a page for each installed task, and one of the kinds of parts that every task has."""
    return {
        **{f"settings/{name}.md": page(find_task(name)) for name in task_names()},
        "parts.md": _shared_parts(),
    }


def page(task: Task) -> str:
    """Return a task's page."""
    lines = [f"# {task.name}\n", f"{task.summary}\n", f"Suites: {', '.join(map(code, suite_names(task)))}.\n"]
    lines += [f"Kinds of cells: {', '.join(map(code, task.cells))}.\n"]
    lines += ["## Settings\n", ABOUT.format(task=task.name)]
    sections: dict[str, list[Setting]] = {}
    for setting in joined(settings_of(task.settings)):
        sections.setdefault(setting.path[0], []).append(setting)
    for name, found in sections.items():
        lines += [f"### {name}\n", table(["setting", "value", "default", "what it is"], map(_row, found))]
    for name, kind in task.parts.items():
        lines += [f"## Parts: {name}\n", _parts(name, kind)]
    return "\n".join(lines)


def _row(setting: Setting) -> tuple[str, str, str, str]:
    kind = f"[{setting.kind}] " if setting.kind else ""
    return (
        code(".".join(setting.path)),
        setting.type,
        _default(setting),
        kind + from_docstring(setting.description),
    )


def _default(setting: Setting) -> str:
    if setting.required:
        return "(required)"
    if setting.default is None or setting.default in ({}, []):
        return ""
    return code(str(setting.default).lower() if isinstance(setting.default, bool) else setting.default)


def _parts(name: str, kind: PartKind) -> str:
    rows = [
        [code(each), code(getattr(part, "version", 1)), from_docstring(str(getattr(part, "summary", "")))]
        for each, part in kind.parts().all.items()
    ]
    own = f"`gridcell new {name} mine` writes one of your own.\n\n" if kind.template else ""
    return own + table([name, "version", "what it is"], rows)


def _shared_parts() -> str:
    lines = ["# Parts of every task\n"]
    for name, kind in DATA_KINDS.items():
        lines += [f"## {name}\n", _parts(name, kind)]
    return "\n".join(lines)
