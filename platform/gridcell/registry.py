"""Named parts that are found by themselves: of every module of a package, and of plug-ins."""

from collections.abc import Iterable
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any, Generic, Protocol, TypeVar

from gridcell.errors import UserError, unknown


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """As typed on the command line."""


Part = TypeVar("Part", bound=Named)


class Registry(Generic[Part]):
    """The parts that a package's modules and plug-ins define, by name.

    Args:
        package: whose modules are looked through, when a part is first asked for.
        attribute: under which a module defines a part, or a tuple of them; modules without it define none.
        what: a part is, in messages, e.g. ``corruption``.
        plural: of ``what``, if not with an s.
        kinds: class or classes of the parts.
        group: of entry points by which plug-ins add a part each; none by default.
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
        self._package = package
        self._attribute = attribute
        self._what = what
        self._plural = plural
        self._kinds = kinds
        self._group = group

    @cached_property
    def all(self) -> dict[str, Part]:
        """All parts by name, in the order of their names.

        Raises:
            UserError: two have one name, or a plug-in's entry point leads to something else.
        """
        return by_name([*self._defined(), *self._plugged()], self._what, self._plural, self._kinds)

    def get(self, name: object) -> Part:
        """Return the part called ``name``, which may be any value that a user gave in its place.

        Raises:
            UserError: there is none; the message names the nearest.
        """
        if not isinstance(name, str) or name not in self.all:
            raise unknown(self._what, name, self.all)
        return self.all[name]

    def _defined(self) -> Iterable[Part]:
        spec = find_spec(self._package)
        folders = spec.submodule_search_locations if spec else None
        for module in iter_modules(folders):
            defined: Any = getattr(import_module(f"{self._package}.{module.name}"), self._attribute, ())
            yield from defined if isinstance(defined, tuple) else (defined,)

    def _plugged(self) -> Iterable[Part]:
        return (point.load() for point in entry_points(group=self._group)) if self._group else ()


def by_name(
    parts: Iterable[Part], what: str, plural: str = "", kinds: type | tuple[type, ...] = object
) -> dict[str, Part]:
    """Index parts by name, in alphabetical order; the arguments are those of :class:`Registry`.

    Raises:
        UserError: two have one name, or one is of another class.
    """
    found: dict[str, Part] = {}
    for part in parts:
        if not isinstance(part, kinds):
            names = " or a ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
            raise UserError(f"A {what} must be a {names}, but a plug-in gives {part!r}")
        if part.name in found:
            raise UserError(f"Two {plural or what + 's'} are called '{part.name}'")
        found[part.name] = part
    return dict(sorted(found.items()))
