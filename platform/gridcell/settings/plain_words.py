"""What pydantic finds wrong in a setting, in this project's words."""

import json
from collections.abc import Mapping
from typing import Any

from gridcell.errors import did_you_mean

_WHOLE = "a whole number is expected"
_LISTS = ("list_type", "tuple_type", "set_type")
_SENTENCES: Mapping[str, str] = {
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": f"{_WHOLE}, and this one is too large",
    "float_type": "a number is expected",
    "float_parsing": "a number is expected",
    "finite_number": "a finite number is expected",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
    "string_type": "text is expected",
    "invalid_key": "its name must be text",
    "string_pattern_mismatch": "it must match {pattern}",
    "string_too_short": "at least {min_length} letters are expected",
    "string_too_long": "at most {max_length} letters are expected",
    **dict.fromkeys(_LISTS, "a list is expected"),
    "dict_type": "it must hold 'key: value' settings",
    "mapping_type": "it must hold 'key: value' settings",
    "model_type": "it must hold 'key: value' settings",
    "model_attributes_type": "it must hold 'key: value' settings",
    "none_required": "it must be null",
    "greater_than": "it must be greater than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it must be at most {le}",
    "multiple_of": "it must be a multiple of {multiple_of}",
    "too_short": "at least {min_length} entries are expected, and there are {actual_length}",
    "too_long": "at most {max_length} entries are expected, and there are {actual_length}",
}
"""Type of pydantic's error -> the sentence, with the parts of the error's context."""


def in_plain_words(error: Mapping[str, Any]) -> str:
    """Say what is wrong with a value.

    Args:
        error: one of ``ValidationError.errors()``. One of a type unknown here keeps its message.

    Example:
        >>> in_plain_words({"type": "greater_than_equal", "ctx": {"ge": 1}, "input": 0, "msg": "Input ..."})
        'it must be at least 1'
        >>> in_plain_words({"type": "literal_error", "ctx": {"expected": "'sgd' or 'adam'"}, "input": "adm"})
        "it must be one of these: did you mean 'adam'? (choose from: adam, sgd)"
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("literal_error", "enum"):
        return _one_of(context["expected"], error["input"])
    if kind in _LISTS and isinstance(error["input"], str | int | float):
        return f"a list is expected, such as [{written(error['input'])}]"
    if kind in _SENTENCES:
        bounds = {key: f"{bound:g}" if isinstance(bound, float) else bound for key, bound in context.items()}
        said = _SENTENCES[kind].format(**bounds)
        return said.replace("at least 1 entries are", "at least one entry is")
    return str(error["msg"]).removeprefix("Value error, ")


def written(value: Any) -> str:
    """Write a value as a suite's file has it: ``null``, ``true``, ``[1, 2]``.

    Example:
        >>> written(None), written(True), written("fast"), written([1, None])
        ('null', 'true', "'fast'", '[1, null]')
    """
    if isinstance(value, str):
        return repr(value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return repr(value)


def _one_of(expected: str, given: Any) -> str:
    """Name the values of a choice, of which pydantic tells ``'a', 'b' or 'c'``."""
    names = [name.strip("'") for name in expected.replace(" or ", ", ").split(", ")]
    if len(names) == 1:
        return f"it must be '{names[0]}'"
    return f"it must be one of these: {did_you_mean(given, names)}"
