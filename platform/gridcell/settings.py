"""What the settings of every task are made of."""

from collections.abc import Hashable, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Values = TypeVar("Values", bound=Sequence[Hashable])


class Strict(BaseModel):
    """Settings that refuse unknown keys and numbers that are not finite, and don't change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def distinct(values: Values) -> Values:
    """Return the values.

    Raises:
        ValueError: one of them is listed twice.
    """
    if len(set(values)) != len(values):
        raise ValueError("a value is listed twice")
    return values


Distinct = AfterValidator(distinct)
"""Annotates a list none of whose values may be listed twice."""

Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), Distinct]
"""What a suite is repeated with."""

_LATER = "added later"


def added_later(default: Any, **constraints: Any) -> Any:
    """Declare a setting that came after cells with these settings had been stored.

    At its default such a setting has no part in a cell's identity (:func:`identity_of`), so that the cells of
    before are found again. Its default must therefore be what happened before there was the setting.
    """
    return Field(default, json_schema_extra={_LATER: True}, **constraints)


def identity_of(settings: BaseModel) -> dict[str, Any]:
    """Return settings as JSON values for a cell's configuration, see :func:`added_later`."""
    found = settings.model_dump(mode="json")
    for name, field in type(settings).model_fields.items():
        later = isinstance(field.json_schema_extra, dict) and _LATER in field.json_schema_extra
        if later and getattr(settings, name) == field.default:
            del found[name]
    return found
