"""A boolean is never a number, and neither is text; what a check refuses is collected with other mistakes."""

from collections.abc import Callable
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from gridcell.errors import UserError
from gridcell.settings.mistakes import Mistake, SettingsError

_LEFT_ALONE = {"cls", "config", "default", "expected", "keys_schema", "metadata", "ref", "serialization"}
_LARGEST = 2**63 - 1  # that arrays, seeds and databases hold
_ANY_SIZE = "gridcell_any_size"  # in the metadata of a whole number's schema
_FUNCTIONS = {"function-after", "function-before", "function-plain", "function-wrap"}


class AnySize:
    """Annotates a whole number that may exceed 64 bits: it enters a formula, and no array or database.

    Example:
        >>> from typing import Annotated
        >>> from pydantic import Field
        >>> Count = Annotated[int, Field(ge=1), AnySize()]
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Mark the schema for ``checked``."""
        schema: dict[str, Any] = dict(handler(source))
        return {**schema, "metadata": {**schema.get("metadata", {}), _ANY_SIZE: True}}


def checked(node: Any) -> Any:
    """Return a core schema whose numbers and booleans take nothing else.

    A UserError that a validator raises is collected like any other mistake.
    """
    if isinstance(node, list | tuple):
        return type(node)(checked(item) for item in node)
    if not isinstance(node, dict):
        return node
    changed = {key: value if key in _LEFT_ALONE else checked(value) for key, value in node.items()}
    kind = node.get("type")
    if not isinstance(kind, str):  # a mapping of fields, one of which may be called "type"
        return changed
    if kind in _FUNCTIONS:
        changed["function"] = {**node["function"], "function": _collected(node["function"]["function"])}
    if kind == "int" and node.get("metadata", {}).get(_ANY_SIZE):
        return core_schema.no_info_before_validator_function(_any_whole, changed)
    if kind in _CHECKS:
        return core_schema.no_info_before_validator_function(_CHECKS[kind], changed)
    return changed


def _collected(validator: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any) -> Any:
        try:
            return validator(*arguments)
        except SettingsError:
            raise
        except UserError as error:
            raise SettingsError([Mistake((), str(error))]) from error

    return called


def _whole(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise PydanticCustomError("too_large", "a whole number is expected, and this one is too large")
    return _any_whole(value)


def _any_whole(value: Any) -> Any:
    return _number(value, "a whole number")


def _finite(value: Any) -> Any:
    return _number(value, "a finite number")


def _number(value: Any, what: str) -> Any:
    if isinstance(value, bool | str | bytes):
        given = "true or false" if isinstance(value, bool) else "text"
        raise PydanticCustomError(
            "not_a_number", "{what} is expected, not {given}", {"what": what, "given": given}
        )
    return value


def _boolean(value: Any) -> Any:
    if not isinstance(value, bool):
        raise PydanticCustomError("not_a_boolean", "it must be true or false")
    return value


_CHECKS: dict[str, Callable[[Any], Any]] = {"int": _whole, "float": _finite, "bool": _boolean}
