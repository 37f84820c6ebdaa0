"""What a cell answers, as JSON: numbers of other libraries, and numbers that JSON doesn't have."""

import math
from collections.abc import Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

Place = list[str | int]


def plain(value: Any, where: str = "metrics") -> Any:
    """Return a value in Python's own types: arrays of NumPy and tensors of torch as numbers and lists.

    Args:
        value: numbers, text, None, and lists and mappings of them.
        where: it is, for the message.

    Raises:
        TypeError: it holds something else, or a key that is not text.

    Example:
        >>> import numpy as np
        >>> plain({"accuracy": np.float32(0.5), "hits": np.arange(2)})
        {'accuracy': 0.5, 'hits': [0, 1]}
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}, which is not text")
        return {str(key): plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if hasattr(value, "detach"):  # a tensor, on whatever device and with whatever gradient
        value = value.detach().cpu()
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays, and tensors
        return plain(value.tolist(), where)
    if isinstance(value, bool | int | float | str):  # of a class derived from these, such as an enumeration
        kind = next(kind for kind in (bool, int, float, str) if isinstance(value, kind))
        return kind(value.value) if hasattr(value, "value") else kind(value)
    if isinstance(value, Decimal | Real):
        return as_float(value)
    raise TypeError(f"{where} is a {type(value).__name__}, which is not JSON")


def as_float(value: Any) -> float:
    """Return a number as a float; a whole number or fraction beyond floats is infinite, as 1e400 is.

    Python's whole numbers have no end, and ``float`` raises an error for those that it can't hold.

    Example:
        >>> as_float(3), as_float(-(10**400))
        (3.0, -inf)
    """
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def without_not_finite(value: Any) -> tuple[Any, list[tuple[Place, str]]]:
    """Return a value with None for each float that JSON doesn't have; and (place, ``repr``) of these."""
    found: list[tuple[Place, str]] = []

    def visit(item: Any, place: Place) -> Any:
        if isinstance(item, float) and not math.isfinite(item):
            found.append((place, repr(item)))
            return None
        if isinstance(item, Mapping):
            return {key: visit(inner, [*place, key]) for key, inner in item.items()}
        if isinstance(item, list | tuple):
            return [visit(inner, [*place, index]) for index, inner in enumerate(item)]
        return item

    finite = visit(value, [])
    return finite, sorted(found, key=repr)  # the order of keys is no part of an answer


def with_not_finite(value: Any, places: list[tuple[Place, str]]) -> Any:
    """Undo ``without_not_finite``, in place.

    Raises:
        ValueError, KeyError, IndexError, TypeError: there are no such places.
    """
    for place, text in places:
        inner = value
        for key in place[:-1]:
            inner = inner[key]
        if inner[place[-1]] is not None or text not in ("nan", "inf", "-inf"):
            raise ValueError(f"{place} is no number that JSON doesn't have")
        inner[place[-1]] = float(text)
    return value
