"""What a search varies: settings, each with the values that it may take."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from gridcell.errors import UserError
from gridcell.settings.core_yaml import read_yaml
from gridcell.settings.ranges import Range, looks_like_range, parse_range
from gridcell.settings.retention import KEEP_WEIGHTS
from gridcell.settings.stages import STAGES
from gridcell.settings.sweeps import SWEEP

Params = Mapping[str, Any]
"""Setting, as ``--set`` takes it -> value."""

_FEW = 10_000  # points of a grid search, at most
_ELSEWHERE = (0.3, 0.7, 0.0, 1.0)  # the ends of a range are never equal, shares within a narrow one may be
_OF_SUITES = frozenset({SWEEP, STAGES, KEEP_WEIGHTS})


@dataclass(frozen=True)
class Space:
    """Settings and their ranges.

    Attributes:
        ranges: setting, as ``--set`` takes it -> the values that it may take.

    Example:
        >>> space = Space.parse(["training.lr=loguniform(1e-4, 1e-1)", "methods.lora.rank=choice(2, 4, 8)"])
        >>> space.at([0.5, 0.9])
        {'training.lr': 0.00316228, 'methods.lora.rank': 8}
    """

    ranges: Mapping[str, Range]

    @classmethod
    def parse(cls, params: Sequence[str]) -> "Space":
        """Parse ``KEY=SPEC`` texts, as ``--param`` takes them.

        Raises:
            UserError: one doesn't look like that, its range is wrong, or a key stands twice.
        """
        return cls.of(params_of(params), "--param ")

    @classmethod
    def of(cls, given: Mapping[str, Any], said: str = "") -> "Space":
        """Make a space of setting -> text of a range, or a list of values to choose from.

        Raises:
            UserError: a range is wrong, or there is none.
        """
        if not given:
            raise UserError("A search needs something to vary: --param 'training.lr=loguniform(1e-4, 1e-1)'")
        _check_keys(given)
        ranges = {}
        for key, spec in given.items():
            try:
                ranges[key] = _range(spec)
            except UserError as error:
                raise UserError(f"{said}{key}: {error}") from error
        return cls(ranges)

    @property
    def size(self) -> int | None:
        """How many points there are; None where they can't be listed."""
        counts = [_count(one) for one in self.ranges.values()]
        return None if None in counts else prod(count for count in counts if count is not None)

    @property
    def text(self) -> str:
        """All settings with their ranges; equal for equal spaces.

        Example:
            >>> Space.parse(["b=int(0, 9)", "a=choice(x, y)"]).text
            'a=choice(x, y), b=int(0, 9)'
        """
        return ", ".join(f"{key}={' '.join(one.text.split())}" for key, one in sorted(self.ranges.items()))

    def at(self, shares: Sequence[float]) -> dict[str, Any]:
        """Return the point at a share of each range, from 0 to 1."""
        return {key: one.at(share) for (key, one), share in zip(self.ranges.items(), shares, strict=True)}

    def point(self, index: int) -> dict[str, Any]:
        """Return one of the points of a grid; the last setting changes fastest."""
        found: dict[str, Any] = {}
        for key, one in reversed(list(self.ranges.items())):
            values = listed(one)
            index, place = divmod(index, len(values))
            found[key] = values[place]
        return {key: found[key] for key in self.ranges}

    def apart(self, params: Params) -> dict[str, Any] | None:
        """Return a point with the same values of the settings whose values can be listed, and no other.

        Returns:
            None where all values can be listed, so that any of them may come again.

        Example:
            >>> Space.parse(["lr=uniform(0, 1)", "rank=choice(2, 4)"]).apart({"lr": 0.1, "rank": 4})
            {'lr': 0.3, 'rank': 4}
        """
        free = {key: one for key, one in self.ranges.items() if _count(one) is None}
        moved = {
            key: next(at for at in map(one.at, _ELSEWHERE) if at != params[key]) for key, one in free.items()
        }
        return {**params, **moved} if moved else None

    def check_grid(self) -> None:
        """Make sure that all points can be listed.

        Raises:
            UserError: they can't, or are too many.
        """
        for key, one in self.ranges.items():
            if _count(one) is None:
                raise UserError(
                    f"A grid search lists all values, and '{one.text}' of '{key}' has no end of them: write "
                    f"{'logspace' if one.log else 'linspace'}({one.low:g}, {one.high:g}, 5)"
                )
        if (size := self.size or 0) > _FEW:
            raise UserError(f"A grid search of {size} points is too large: at most {_FEW}")

    def holds(self, params: Params) -> bool:
        """Tell whether a trial with these values is a point of the space."""
        return params.keys() == self.ranges.keys() and all(
            one.holds(params[key]) for key, one in self.ranges.items()
        )


def params_of(texts: Sequence[str]) -> dict[str, str]:
    """Return setting -> text of its range, of ``KEY=SPEC`` texts as ``--param`` takes them.

    Raises:
        UserError: one doesn't look like that, or a setting stands twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        key, equals, spec = text.partition("=")
        key = key.strip()
        if not equals or not key or not spec.strip():
            raise UserError(f"'--param {text}' must look like --param 'training.lr=loguniform(1e-4, 1e-1)'")
        if key in found:
            raise UserError(f"'--param {text}' and '--param {key}={found[key]}' vary the same: leave one out")
        found[key] = spec
    return found


def _check_keys(keys: Iterable[str]) -> None:
    """Make sure that each setting is one to choose, and that none lies within another.

    Raises:
        UserError: one is a seed, or they overlap.
    """
    keys = list(keys)
    for key in keys:
        if not all(part.strip() for part in key.split(".")):
            raise UserError(f"'{key}' is no setting's name: write it as --set takes it, such as training.lr")
        if key.partition(".")[0] in _OF_SUITES:
            raise UserError(f"'{key}' is of the suite, and no setting that a search could vary")
        if key.rpartition(".")[2] in ("seed", "seeds"):
            raise UserError(
                f"'{key}' can't be searched: the best of several seeds is luck, not a setting. Set it by "
                f"--set '{key}=...'; a trial runs all seeds of the suite"
            )
        within = next((other for other in keys if key.startswith(f"{other}.")), None)
        if within is not None:
            raise UserError(f"'{key}' lies within '{within}', which is searched, too: leave one out")


def overlap(key: str, others: Iterable[str]) -> bool:
    """Tell whether a setting is one of others, or lies within one, or holds one.

    Example:
        >>> overlap("methods.ewc", ["methods.ewc.strength"]), overlap("methods.ewc2", ["methods.ewc"])
        (True, False)
    """
    return any(f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.") for other in others)


def _range(spec: Any) -> Range:
    found = _parsed(spec)
    if found.kind != "choice" and not found.listed and (found.count is not None or "=" in found.text):
        raise UserError(
            f"'{found.text}' says how many values a sweep draws, or by which seed: a search takes "
            f"--trials and --seed. Write {found.kind}({found.low:g}, {found.high:g})"
        )
    if len(found.listed) == 1:
        raise UserError(f"'{found.text}' has one value, and so nothing to search: give it by --set")
    return found


def _parsed(spec: Any) -> Range:
    if isinstance(spec, list):
        return parse_range(f"choice({', '.join(map(_as_yaml, spec))})")
    if not isinstance(spec, str):
        raise UserError(f"'{spec}' is one value: give a range, such as choice(1, 2)")
    if spec.strip().startswith("["):
        return _parsed(read_yaml(spec, f"'{spec}'", lines=False).values)
    if not looks_like_range(spec):
        raise UserError(
            f"'{spec}' is no range: write uniform(a, b), loguniform(a, b), int(a, b), logint(a, b), "
            "choice(a, b, ...), linspace(a, b, n) or logspace(a, b, n)"
        )
    return parse_range(spec)


def _as_yaml(value: Any) -> str:
    import json

    return json.dumps(value)


def listed(one: Range) -> list[Any]:
    """Return all values of a range that can be listed."""
    if one.listed:
        return list(one.listed)
    assert one.low is not None
    assert one.high is not None
    return list(range(int(one.low), int(one.high) + 1))


def _count(one: Range) -> int | None:
    if one.listed:
        return len(one.listed)
    return int((one.high or 0) - (one.low or 0)) + 1 if one.whole else None
