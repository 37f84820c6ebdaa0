"""Many values written as one: ``logspace(1e-2, 1e4, 7)``, ``loguniform(1e-5, 1e-1, n=8, seed=0)``.

A sweep takes the values of a range one after another; a search draws from it.
"""

import math
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gridcell.errors import UserError, did_you_mean
from gridcell.settings.core_yaml import read_yaml

DIGITS = 6
"""Significant digits of drawn numbers, so that a name shows the whole value."""

MOST = 10_000
"""Values that a range lists or a sweep draws, at most: each becomes a variant or a point of a grid."""

_EXACT_DIGITS = 12  # of the points between the ends of linspace and logspace: 0.1, not 0.09999999999999999
_CALL = re.compile(r"^\s*([A-Za-z_]\w*)\s*\((.*)\)\s*$", re.DOTALL)
_OPTION = re.compile(r"^(n|seed)\s*=\s*(\d+)$")
_FORMS = {
    "uniform": "uniform(low, high)",
    "loguniform": "loguniform(low, high)",
    "int": "int(low, high)",
    "logint": "logint(low, high)",
    "choice": "choice(a, b, ...)",
    "linspace": "linspace(low, high, count)",
    "logspace": "logspace(low, high, count)",
}
_DRAWN = frozenset({"uniform", "loguniform", "int", "logint"})
_WHOLE = frozenset({"int", "logint"})
_LOG = frozenset({"loguniform", "logint", "logspace"})


@dataclass(frozen=True)
class Range:
    """Values of one setting.

    Attributes:
        kind: ``uniform``, ``loguniform``, ``int``, ``logint``, ``choice``, ``linspace`` or ``logspace``.
        low: smallest value, included; None of a ``choice``.
        high: largest value, included; None of a ``choice``.
        listed: values of a ``choice``; points of ``linspace`` and ``logspace``.
        count: how many values a sweep draws; None where nobody said.
        seed: of these draws.
        text: as it was written.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    listed: tuple[Any, ...] = ()
    count: int | None = None
    seed: int = 0
    text: str = ""

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return self.kind in _WHOLE

    @property
    def log(self) -> bool:
        """Whether it is even on a logarithmic scale."""
        return self.kind in _LOG

    def values(self) -> list[Any]:
        """Return the values that a sweep takes: all that are listed, or distinct random draws.

        Raises:
            UserError: nobody said how many to draw, or there aren't so many.
        """
        if self.kind not in _DRAWN:
            return list(self.listed)
        if self.count is None:
            raise UserError(f"'{self.text}' doesn't say how many values: add n, as in {self._with_count()}")
        draws = random.Random(self.seed)
        found: list[Any] = []
        for _ in range(1000 * self.count):
            value = self.at(draws.random())
            if value not in found:
                found.append(value)
            if len(found) == self.count:
                return found
        raise UserError(f"'{self.text}' asks for {self.count} values, and there are only {len(found)}")

    def at(self, share: float) -> Any:
        """Return the value below which this share of the range lies.

        Args:
            share: from 0 to 1.

        Example:
            >>> parse_range("loguniform(0.01, 100)").at(0.5), parse_range("choice(a, b)").at(0.7)
            (1.0, 'b')
        """
        if self.low is None or self.high is None or self.listed:
            return self.listed[min(int(share * len(self.listed)), len(self.listed) - 1)]
        low, high = (self.low - 0.5, self.high + 0.5) if self.whole else (self.low, self.high)
        return self.rounded(low * (high / low) ** share if self.log else low + (high - low) * share)

    def rounded(self, value: float) -> float | int:
        """Return a number of the range, whole or with ``DIGITS`` significant digits."""
        if self.low is None or self.high is None:
            raise TypeError(f"'{self.text}' is no range of numbers")
        kept = round(value) if self.whole else float(f"{value:.{DIGITS}g}")
        inside = min(max(kept, self.low), self.high)
        return int(inside) if self.whole else float(inside)

    def place(self, value: Any) -> int:
        """Return the place of a value among those that are listed.

        Example:
            >>> parse_range("choice(true, 1)").place(1)
            1
        """
        return next(place for place, known in enumerate(self.listed) if is_same(known, value))

    def holds(self, value: Any) -> bool:
        """Tell whether a value is one of the range's."""
        if self.listed or self.low is None or self.high is None:
            return any(is_same(one, value) for one in self.listed)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high and (not self.whole or value == int(value))

    def _with_count(self) -> str:
        return f"{self.kind}({self.low:g}, {self.high:g}, n=5)"


def looks_like_range(value: Any) -> bool:
    """Tell whether a setting's value is text of the form ``name(...)``."""
    return isinstance(value, str) and _CALL.match(value) is not None


def parse_range(text: str) -> Range:
    """Parse the text of a range.

    Raises:
        UserError: it is of no known form, or its numbers make no range.

    Example:
        >>> parse_range("logspace(1e-2, 1e4, 7)").values()
        [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0]
    """
    call = _CALL.match(text)
    if call is None:
        raise UserError(f"'{text}' must look like {', '.join(_FORMS.values())}")
    kind, inner = call.groups()
    if kind not in _FORMS:
        raise UserError(f"There is no range '{kind}' in '{text}': {did_you_mean(kind, _FORMS)}")
    given = read_yaml(f"[{inner}]", f"'{text}'", lines=False).values
    named = [option for one in given if kind in _DRAWN and isinstance(one, str) for option in _options(one)]
    options = {name: int(number) for name, number in named}
    if len(options) < len(named):
        raise UserError(f"'{text}' says {named[-1][0]} twice: leave one out")
    plain = [one for one in given if not (kind in _DRAWN and isinstance(one, str) and _OPTION.match(one))]
    if kind == "choice":
        return _choice(plain, text)
    return _numeric(kind, plain, options, text)


def _options(text: str) -> Iterator[tuple[str, str]]:
    if found := _OPTION.match(text):
        yield found.group(1), found.group(2)


def _choice(values: list[Any], text: str) -> Range:
    if not values:
        raise UserError(f"'{text}' has nothing to choose from: write {_FORMS['choice']}")
    if not all(map(_is_finite, values)):
        raise UserError(f"'{text}' has a number that is not finite, by which no result can be found again")
    check_distinct(values, f"'{text}'")
    return Range("choice", listed=tuple(values), text=text)


def _numeric(kind: str, given: list[Any], options: dict[str, int], text: str) -> Range:
    spaced = kind not in _DRAWN
    if len(given) not in ((3,) if spaced else (2, 3)) or not all(
        isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in given
    ):
        more = "" if spaced else ", and n=COUNT and seed=SEED where a sweep draws from it"
        raise UserError(f"'{text}' must look like {_FORMS[kind]} with numbers{more}")
    low, high = given[:2]
    count = given[2] if len(given) == 3 else options.get("n")
    if len(given) == 3 and "n" in options:
        raise UserError(f"'{text}' says twice how many values: leave one out")
    if low >= high:
        raise UserError(f"'{text}' must begin with its smaller number: {low:g} is not below {high:g}")
    if kind in _LOG and low <= 0:
        raise UserError(f"'{text}' is logarithmic: its numbers must be above 0, not {low:g}")
    if kind in _WHOLE and (low != int(low) or high != int(high)):
        raise UserError(f"'{text}' is of whole numbers: {low:g} or {high:g} is none")
    if count is not None and (count != int(count) or count < (2 if spaced else 1)):
        raise UserError(f"'{text}' can't have {count:g} values")
    count = None if count is None else int(count)
    if count is not None and count > MOST:
        raise UserError(f"'{text}' has {count} values: at most {MOST}")
    if not math.isfinite(high / low if kind in _LOG else high - low):
        raise UserError(f"'{text}' is wider than numbers are exact: bring its ends nearer to each other")
    points = tuple(_points(kind, low, high, count)) if spaced and count is not None else ()
    found = Range(kind, low, high, points, count, options.get("seed", 0), text)
    if not spaced and found.at(0.0) == found.at(1.0):
        raise UserError(
            f"'{text}' holds one number alone: draws have {DIGITS} digits. Bring its ends farther apart"
        )
    return found


def _points(kind: str, low: float, high: float, count: int) -> Iterator[float]:
    between: Callable[[float], float] = (
        (lambda share: low * (high / low) ** share)
        if kind in _LOG
        else lambda share: low + (high - low) * share
    )
    yield float(low)
    for index in range(1, count - 1):
        yield float(f"{between(index / (count - 1)):.{_EXACT_DIGITS}g}")
    yield float(high)


def check_distinct(values: list[Any], what: str) -> None:
    """Make sure that no value stands twice.

    Raises:
        UserError: one does.
    """
    for index, value in enumerate(values):
        if any(is_same(value, other) for other in values[:index]):
            raise UserError(f"{what} has the value {value!r} twice")


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are one: ``1`` and ``1.0`` are, ``1`` and ``true`` are not."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _is_finite(value: Any) -> bool:
    """Whether a value holds no number that is infinite or none, at any depth."""
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
