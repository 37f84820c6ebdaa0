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
        named_by: how the section names a part: by its own ``key`` (``methods: {mine: {}}``), or under any
            name by the value of ``kind`` or ``source`` (``agents: {a: {kind: mine}}``).
        template: ``module:file`` of the text from which ``gridcell new`` makes such a part; empty where it
            can't.
        use: the command that uses such a part, with ``$name`` and ``$module``; ``gridcell run`` by default.
        checks: ``module:function`` that returns further checks of such a part, called with it; see
            :mod:`gridcell.testing`.
    """

    registry: str
    section: str = ""
    named_by: Literal["key", "kind", "source"] = "key"
    template: str = ""
    use: str = ""
    checks: str = ""

    def parts(self) -> Registry[Any]:
        """Import and return the registry."""
        module, _, name = self.registry.partition(":")
        registry: Registry[Any] = getattr(import_module(module), name)
        return registry


DATA_KINDS: Mapping[str, PartKind] = {
    "corruption": PartKind("gridcell.data.corruptions.registry:registry"),
    "importer": PartKind("gridcell.data.importers.registry:registry"),
}
"""Kinds that gridcell itself has, for every task."""


def take_up(
    values: Mapping[str, Any], kinds: Mapping[str, PartKind], folder: Path, given: Sequence[str] = ()
) -> dict[str, Any]:
    """Load a suite's plug-ins and those of the command line; return the suite's values without ``plugins``.

    A part of a file that the command line gives joins the suite's section with its defaults, if the
    section does not name it; one of a file that the suite gives does not.

    Args:
        values: of the suite, as read.
        kinds: of the task's parts, by name.
        folder: of the suite's file, from which its relative paths start.
        given: files of the command line, from the working folder.

    Raises:
        UserError: a file can't be loaded, or defines no part.
    """
    own = values.get("plugins") or []
    if not isinstance(own, list) or not all(isinstance(path, str) for path in own):
        raise UserError("'plugins' must be a list of Python files, e.g. [my_method.py]")
    known = {**DATA_KINDS, **kinds}
    check_useful([*plugins.load(own, folder=folder), *plugins.load(given, joins=True)], known)
    left = {key: value for key, value in values.items() if key != "plugins"}
    for kind in kinds.values():
        if kind.section:
            left = _joined(left, kind)
    return left


def check_useful(loaded: Iterable[plugins.Plugin], kinds: Mapping[str, PartKind]) -> None:
    """Make sure that each plug-in defines a part of some kind, or a task.

    Raises:
        UserError: one defines none; says what it could define.
    """
    for plugin in loaded:
        registries = {name: kind.parts() for name, kind in kinds.items()}
        if hasattr(plugin.module, "task") or any(each.plugged(plugin) for each in registries.values()):
            continue
        wanted = ", ".join(sorted({f"'{each.attribute}'" for each in registries.values()} | {"'task'"}))
        raise UserError(f"The plug-in '{plugin.path}' defines no part: it needs one of {wanted}")


def _joined(values: dict[str, Any], kind: PartKind) -> dict[str, Any]:
    registry = kind.parts()
    new = [part.name for plugin in plugins.loaded() if plugin.joins for part in registry.plugged(plugin)]
    section = values.get(kind.section) or {}
    if not new or not isinstance(section, Mapping):  # what else it is, the settings refuse
        return values
    if kind.named_by == "key":
        missing: dict[str, dict[str, str]] = {name: {} for name in new if name not in section}
    else:
        taken = {each.get(kind.named_by) for each in section.values() if isinstance(each, Mapping)}
        missing = {name: {kind.named_by: name} for name in new if name not in taken}
    return {**values, kind.section: {**section, **missing}}
