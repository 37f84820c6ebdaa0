"""Named parts that are found by themselves: in a package, in installed plug-ins, and in the user's own files.

A part is one file: a module that defines it under the attribute of its kind, e.g. ``method``. It may lie
in the package of the registry, in another distribution that names it by an entry point, or in a file that
a suite or the command line names (:mod:`gridcell.plugins`).
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any, Generic, Protocol, TypeVar, cast

from gridcell import plugins
from gridcell.errors import UserError, unknown


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """As typed on the command line."""


Part = TypeVar("Part", bound=Named)


class Registry(Generic[Part]):
    """The parts of one kind, by name.

    Args:
        package: whose modules are looked through, when a part is first asked for.
        attribute: under which a module defines a part, or a tuple of them; modules without it define none.
        what: a part is, in messages, e.g. ``corruption``.
        plural: of ``what``, if not with an s.
        kinds: class or classes of the parts.
        group: of entry points by which other distributions add a part each; none by default.

    Example:
        >>> agents = Registry("farmap.agents", "agent", "agent", kinds=Kind)  # doctest: +SKIP
        >>> agents.get("frontier")  # doctest: +SKIP
    """

    def __init__(
        self,
        package: str,
        attribute: str,
        what: str,
        *,
        plural: str = "",
        kinds: type | tuple[type, ...] = object,
        group: str = "",
    ) -> None:
        self.package = package
        self.attribute = attribute
        self.what = what
        self.group = group
        self._plural = plural or f"{what}s"
        self._kinds = kinds

    @property
    def all(self) -> dict[str, Part]:
        """All parts by name, in the order of their names.

        Raises:
            UserError: two have one name, or a file or an entry point gives something else.
        """
        return {name: part for name, (part, _) in sorted(self._found().items())}

    def get(self, name: object) -> Part:
        """Return the part called ``name``, which may be any value that a user gave in its place.

        Raises:
            UserError: there is none; the message names the nearest.
        """
        return self._get(name)[0]

    def module_of(self, name: str) -> str:
        """Return where a part is defined: the dotted name of its module, or the path of the user's file."""
        return self._get(name)[1]

    def _get(self, name: object) -> tuple[Part, str]:
        found = self._found()
        if not isinstance(name, str) or name not in found:
            raise unknown(self.what, name, found, plugins.hint())
        return found[name]

    def plugged(self, plugin: plugins.Plugin) -> list[Part]:
        """Return the parts of this kind that a user's file defines.

        Raises:
            UserError: the file defines something else under the attribute of this kind.
        """
        return [part for part, _ in self._checked(self._in_plugin(plugin))]

    def _found(self) -> dict[str, tuple[Part, str]]:
        loaded = plugins.loaded()
        if not loaded:
            return self._installed
        return self._by_name(
            [*self._installed.values(), *(pair for plugin in loaded for pair in self._in_plugin(plugin))]
        )

    @cached_property
    def _installed(self) -> dict[str, tuple[Part, str]]:
        return self._by_name([*self._defined(), *self._pointed()])

    def _defined(self) -> Iterator[tuple[Any, str]]:
        spec = find_spec(self.package)
        folders = spec.submodule_search_locations if spec else None
        for module in iter_modules(folders):
            name = f"{self.package}.{module.name}"
            try:
                loaded = import_module(name)
            except SyntaxError as error:  # a part that is being edited
                raise UserError(
                    f"'{error.filename}' is not valid Python: {error.msg} (line {error.lineno})"
                ) from error
            yield from ((part, name) for part in self._parts_of(loaded))

    def _pointed(self) -> Iterator[tuple[Any, str]]:
        for point in entry_points(group=self.group) if self.group else ():
            yield point.load(), point.value.partition(":")[0]

    def _in_plugin(self, plugin: plugins.Plugin) -> Iterator[tuple[Any, str]]:
        return ((part, str(plugin.path)) for part in self._parts_of(plugin.module))

    def _parts_of(self, module: object) -> tuple[Any, ...]:
        defined: Any = getattr(module, self.attribute, ())
        return defined if isinstance(defined, tuple) else (defined,)

    def _by_name(self, parts: Iterable[tuple[Any, str]]) -> dict[str, tuple[Part, str]]:
        found: dict[str, tuple[Part, str]] = {}
        for part, where in self._checked(parts):
            if part.name in found:
                other = found[part.name][1]
                raise UserError(
                    f"Two {self._plural} are called '{part.name}': one in {other}, one in {where}"
                )
            found[part.name] = (part, where)
        return found

    def _checked(self, parts: Iterable[tuple[Any, str]]) -> Iterator[tuple[Part, str]]:
        kinds = self._kinds if isinstance(self._kinds, tuple) else (self._kinds,)
        for part, where in parts:
            if not isinstance(part, kinds):
                names = " or a ".join(kind.__name__ for kind in kinds)
                raise UserError(
                    f"'{self.attribute}' in {where} is {part!r}, and a {self.what} must be a {names}"
                )
            yield cast("Part", part), where


def by_name(parts: Iterable[Part], what: str) -> dict[str, Part]:
    """Index parts by name, in alphabetical order.

    Raises:
        UserError: two have one name.

    Example:
        >>> from types import SimpleNamespace as Part
        >>> list(by_name([Part(name="lwf"), Part(name="ewc")], "method"))
        ['ewc', 'lwf']
    """
    found: dict[str, Part] = {}
    for part in parts:
        if part.name in found:
            raise UserError(f"Two {what}s are called '{part.name}'")
        found[part.name] = part
    return dict(sorted(found.items()))


def version_of(part: object, key: str = "version") -> dict[str, int]:
    """Return what a part's declared version adds to a cell's configuration: nothing where it is 1.

    A part that declares no version has version 1. So cells of before parts had versions keep their ids.

    Args:
        part: of any kind.
        key: of the configuration.

    Raises:
        UserError: the version is no whole number of 1 or more.

    Example:
        >>> version_of(object())
        {}
    """
    version = getattr(part, "version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        name = getattr(part, "name", part)
        raise UserError(f"The version of '{name}' must be a whole number of 1 or more, not {version!r}")
    return {} if version == 1 else {key: version}
