"""Named parts that are found by themselves: every module of a package that defines one."""

from collections.abc import Iterable
from functools import cached_property
from importlib import import_module
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
    """The parts that a package's modules define, by name.

    Args:
        package: whose modules are looked through, when a part is first asked for.
        attribute: under which a module defines a part, or a tuple of them; modules without it define none.
        what: a part is, in messages, e.g. ``corruption``; its plural ends in s.
    """

    def __init__(self, package: str, attribute: str, what: str) -> None:
        self._package = package
        self._attribute = attribute
        self._what = what

    @cached_property
    def all(self) -> dict[str, Part]:
        """All parts by name, in the order of their names.

        Raises:
            UserError: two have one name.
        """
        return by_name(self._defined(), self._what)

    def get(self, name: str) -> Part:
        """Return the part called ``name``.

        Raises:
            UserError: there is none; the message names the nearest.
        """
        if name not in self.all:
            raise unknown(self._what, name, self.all)
        return self.all[name]

    def _defined(self) -> Iterable[Part]:
        spec = find_spec(self._package)
        folders = spec.submodule_search_locations if spec else None
        for module in iter_modules(folders):
            defined: Any = getattr(import_module(f"{self._package}.{module.name}"), self._attribute, ())
            yield from defined if isinstance(defined, tuple) else (defined,)


def by_name(parts: Iterable[Part], what: str) -> dict[str, Part]:
    """Index parts by name, in alphabetical order.

    Raises:
        UserError: two have one name.
    """
    found: dict[str, Part] = {}
    for part in parts:
        if part.name in found:
            raise UserError(f"Two {what}s are called '{part.name}'")
        found[part.name] = part
    return dict(sorted(found.items()))
