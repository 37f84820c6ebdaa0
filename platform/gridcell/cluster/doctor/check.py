"""What a check found."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from gridcell.errors import UserError


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARN = "warn"  # works, but slower or less safely than it could
    BAD = "bad"  # a run will fail


@dataclass(frozen=True)
class CheckResult:
    """One line: what was looked at, what was found, and what to do about it."""

    check: str
    level: Level
    found: str
    advice: str = ""


_UNEXPECTED = "the check itself failed: mend what the message names, or report it with its full text"

Check = Callable[[], Iterable[CheckResult]]


def graded(check: str, good: bool, found: str, advice: str, otherwise: Level = Level.WARN) -> CheckResult:
    """Return a finding that is ok, or ``otherwise`` with advice."""
    return CheckResult(check, Level.OK, found) if good else CheckResult(check, otherwise, found, advice)


def examine(checks: Iterable[tuple[str, Check]]) -> Iterator[CheckResult]:
    """Yield the findings of checks, one check after another.

    Args:
        checks: title and check; the title is used where the check itself breaks.
    """
    for title, check in checks:
        try:
            yield from check()
        except Exception as error:  # a check that breaks has found something
            message = " ".join(str(error).split())[:300]
            if isinstance(error, UserError):  # a sentence that says what is wrong
                yield CheckResult(title, Level.BAD, message, "mend what this sentence names, then ask again")
            else:
                yield CheckResult(title, Level.BAD, f"{type(error).__name__}: {message}", _UNEXPECTED)
