"""The kinds of parts that files of the user's own can add, and how a suite takes them up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from gridcell import plugins
from gridcell.errors import UserError
from gridcell.registry import Registry


@dataclass(frozen=True)
class PartKind:
    """A kind of part.

    Attributes:
        registry: ``module:object`` of the :class:`~gridcell.registry.Registry` that holds the parts; imported
            when it is asked for.
        section: of a suite, which names parts; empty where no suite does.
        named_by: how the section names a part: by its own ``key`` (``methods: {mine: {}}``), as an ``item``
            of a list (``downstream: [mine]``), or under any name by the value of ``kind`` or ``source``
            (``agents: {a: {kind: mine}}``).
        default: of a list, what a suite has that does not say it.
        template: ``module:file`` of the text from which ``gridcell new`` makes such a part; empty where it
            can't.
        use: the command that uses such a part, with ``$name`` and ``$module``; ``gridcell run`` by default.
        checks: ``module:function`` that returns further checks of such a part, called with it; see
            :mod:`gridcell.testing`.
    """

    registry: str
    section: str = ""
    named_by: Literal["key", "item", "kind", "source"] = "key"
    default: Sequence[str] = ()
    template: str = ""
    use: str = ""
    checks: str = ""

    def parts(self) -> Registry[Any]:
        """Import and return the registry."""
        module, _, name = self.registry.partition(":")
        registry: Registry[Any] = getattr(import_module(module), name)
        return registry


DATA_KINDS: Mapping[str, PartKind] = {
    "corruption": PartKind(
        "gridcell.data.corruptions.registry:corruption_registry",
        template="gridcell.data.corruptions:new_corruption.txt",
        use="gridcell data derive --plugin $module.py --base PHOTOGRAPHS --out suite",
        checks="gridcell.testing.corruption:checks",
    ),
    "shift": PartKind(
        "gridcell.data.shifts.registry:shift_registry",
        template="gridcell.data.shifts:new_shift.txt",
        use="gridcell data derive --plugin $module.py --base PHOTOGRAPHS --out suite",
        checks="gridcell.testing.shift:checks",
    ),
    "importer": PartKind(
        "gridcell.data.importers.registry:registry",
        template="gridcell.data.importers:new_importer.txt",
        use="gridcell data import $name --plugin $module.py --from FOLDER --to shards",
    ),
}
"""Kinds that gridcell itself has, for every task."""


def load_named(files: Any, folder: Path) -> None:
    """Load the plug-ins that a suite names; their parts do not join a suite that does not name them.

    Args:
        files: what the suite says under ``plugins``.
        folder: of the suite's file, from which relative paths start.

    Raises:
        UserError: it is no list of paths, or a file can't be loaded.
    """
    if files is None:
        return
    if not isinstance(files, list) or not all(isinstance(path, str) for path in files):
        raise UserError("'plugins' must be a list of Python files, e.g. [my_method.py]")
    plugins.load(files, folder=folder)


def check_useful(loaded: Iterable[plugins.Plugin], kinds: Mapping[str, PartKind]) -> None:
    """Make sure that each plug-in defines a part of a task's kinds or of gridcell's own, or a task.

    Raises:
        UserError: one defines none; says what it could define.
    """
    for plugin in loaded:
        registries = [kind.parts() for kind in {**DATA_KINDS, **kinds}.values()]
        if hasattr(plugin.module, "task") or any(each.plugged(plugin) for each in registries):
            continue
        wanted = ", ".join(sorted({f"'{each.attribute}'" for each in registries} | {"'task'"}))
        raise UserError(f"The plug-in '{plugin.path}' defines no part: it needs one of {wanted}")


def joined(values: Mapping[str, Any], kinds: Mapping[str, PartKind]) -> dict[str, Any]:
    """Return a suite's values with the parts that join it.

    A part of a file that the command line gives joins its section with its defaults, if the section does not
    name it.
    """
    left = dict(values)
    for kind in kinds.values():
        if kind.section:
            left = _joined(left, kind)
    return left


def _joined(values: dict[str, Any], kind: PartKind) -> dict[str, Any]:
    registry = kind.parts()
    new = [part.name for plugin in plugins.loaded() if plugin.joins for part in registry.plugged(plugin)]
    section = values.get(kind.section) or (list(kind.default) if kind.named_by == "item" else {})
    wanted = list if kind.named_by == "item" else Mapping
    if not new or not isinstance(section, wanted):  # what else it is, the settings refuse
        return values
    if isinstance(section, list):
        return {**values, kind.section: [*section, *(name for name in new if name not in section)]}
    if kind.named_by == "key":
        missing: dict[str, dict[str, str]] = {name: {} for name in new if name not in section}
    else:
        taken = {each.get(kind.named_by) for each in section.values() if isinstance(each, Mapping)}
        missing = {name: {kind.named_by: name} for name in new if name not in taken}
    return {**values, kind.section: {**section, **missing}}
