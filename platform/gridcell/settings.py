"""What the settings of every task are made of."""

from collections.abc import Hashable, Sequence
from typing import Annotated, TypeVar

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
