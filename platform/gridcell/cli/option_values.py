"""What is said of an option's value that is wrong, in one sentence as of all other mistakes."""

import re

import typer
from pydantic import ValidationError

from gridcell.errors import UserError, unknown

_WANTED = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
}
"""What pydantic, by which Typer checks values, calls a mistake -> what the value must be."""


def wrong_value(error: typer.BadParameter) -> UserError | None:
    """Return the mistake that a value is; None where Typer says it well, as of an option without a value."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError) or error.param is None:
        return None
    name = next(
        (one for one in error.param.opts if one.startswith("--")), error.param.metavar or error.param.name
    )
    one = cause.errors(include_url=False)[0]
    context = one.get("ctx", {})
    if one["type"] in _WANTED:
        return UserError(f"{name} must be {_WANTED[one['type']].format(**context)}, not '{one['input']}'")
    told = str(context.get("error", one["msg"])).rstrip(".")
    given, is_choice, choices = told.partition(" is not one of ")
    if is_choice:
        return unknown(name, given.strip("'"), re.findall("'([^']*)'", choices))
    return UserError(f"{name} can't be '{one['input']}': {told}")
