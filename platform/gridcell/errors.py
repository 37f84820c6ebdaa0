"""Errors that mean something to the person at the terminal or to the scheduler."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches


class UserError(Exception):
    """A mistake in what the user asked for; its text is the one sentence they read (exit code 2)."""


class Mistakes:
    """Collects a user's mistakes, so that all of them are told at once.

    Example:
        >>> mistakes = Mistakes()
        >>> with mistakes.noted():
        ...     raise UserError("the first")
        >>> with mistakes.noted():
        ...     raise UserError("the second")
        >>> mistakes.tell()
        Traceback (most recent call last):
            ...
        gridcell.errors.UserError: the first
        the second
    """

    def __init__(self) -> None:
        self.found: list[UserError] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Keep a mistake that is made in the block, and go on after it."""
        try:
            yield
        except UserError as error:
            self.found.append(error)

    def tell(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            UserError: the one mistake; of several, a line each.
        """
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            raise UserError("\n".join(dict.fromkeys(map(str, self.found))))


class CellsFailed(Exception):  # noqa: N818 - names what happened to the cells
    """Cells of a run that was asked for from Python failed, or the run was ended early; the rest is kept.

    Attributes:
        failed: id -> (title, class and message) of each cell that failed.
        blocked: how many cells were not run because what they need failed or diverged.
        stopped: why the run was ended early; empty where it was not.
    """

    def __init__(self, failed: Mapping[str, tuple[str, str]], blocked: int = 0, stopped: str = "") -> None:
        super().__init__(failed, blocked, stopped)
        self.failed, self.blocked, self.stopped = dict(failed), blocked, stopped

    def __str__(self) -> str:
        named = "; ".join(f"{title}: {why}" for title, why in list(self.failed.values())[:3])
        more = f"; and {len(self.failed) - 3} more" if len(self.failed) > 3 else ""
        blocked = (
            f"; {self.blocked} not run because what they need failed or diverged" if self.blocked else ""
        )
        stopped = f"; stopped: {self.stopped}" if self.stopped else ""
        cells = f"{len(self.failed)} cell{'s' * (len(self.failed) != 1)}"
        return f"{cells} failed ({named}{more}){blocked}{stopped}"


class Diverged(Exception):  # noqa: N818 - an outcome, not a defect
    """Training reached a loss that is not finite; the cell has no result and is not retried."""


class NodeUnusable(Exception):  # noqa: N818 - names the state of the machine
    """This machine can't do what a cell asks for, such as compute on a GPU; another one may."""


class Preempted(BaseException):
    """A cell has saved a checkpoint and left, because its process is to end soon; it goes on from there.

    No ``Exception``, so that what a cell does about its own errors lets it through.
    """


class CorruptData(Exception):  # noqa: N818 - names the state of the data
    """Stored bytes do not match the checksum or size under which they were committed.

    Attributes:
        cell_id: the cell that must be run again to mend them, where it is known.
    """

    def __init__(self, message: str, cell_id: str | None = None) -> None:
        super().__init__(message, cell_id)
        self.cell_id = cell_id

    def __str__(self) -> str:
        return str(self.args[0])


def did_you_mean(word: object, choices: Iterable[str], otherwise: str = "") -> str:
    """Return a clause that names the valid choice nearest to ``word``, then all of them.

    Args:
        word: what the user wrote.
        choices: what would have been right.
        otherwise: a sentence to add where no choice is near.

    Example:
        >>> did_you_mean("ewd", ["ewc", "lwf"])
        "did you mean 'ewc'? (choose from: ewc, lwf)"
        >>> did_you_mean("mine", ["ewc", "lwf"])
        'choose from ewc, lwf'
    """
    names = sorted({str(choice) for choice in choices})
    if not names:
        return "there is nothing to choose from"
    near, listed = nearest(word, names), ", ".join(names)
    if near:
        return f"did you mean '{near}'? (choose from: {listed})"
    return f"choose from {listed}" + (f". {otherwise}" if otherwise else "")


def nearest(word: object, choices: Iterable[str]) -> str | None:
    """Return the choice that is written most like ``word``, else its initials or their words.

    A word that the user wrote in YAML may turn out to be a number or a list.

    Returns:
        The choice; None where none is near, or where several have these initials.

    Example:
        >>> nearest("EWD", ["ewc", "lwf"]), nearest("mine", ["ewc", "lwf"])
        ('ewc', None)
        >>> nearest("learning_rate", ["lr", "epochs"]), nearest("wd", ["momentum", "weight_decay"])
        ('lr', 'weight_decay')
    """
    by_letters = {choice.lower(): choice for choice in sorted(choices, reverse=True)}
    letters = str(word).lower()
    close = get_close_matches(letters, list(by_letters), n=1, cutoff=0.5)
    if not close:
        close = [one for one in by_letters if one == _initials(letters) or _initials(one) == letters]
    return by_letters[close[0]] if len(close) == 1 else None


def _initials(name: str) -> str:
    """Return the first letters of a name of several words; nothing for a single word."""
    words = [word for word in re.split(r"[^a-z0-9]+", name) if word]
    return "".join(word[0] for word in words) if len(words) > 1 else ""


def unknown(what: str, word: object, choices: Iterable[str], otherwise: str = "") -> UserError:
    """Build the error for a name that is not one of ``choices``, e.g. an unknown suite.

    Args:
        what: the name is of.
        word: the name.
        choices: the names that there are.
        otherwise: a sentence to add where none is near.

    Example:
        >>> print(unknown("method", "ewd", ["ewc", "lwf"]))
        Unknown method 'ewd': did you mean 'ewc'? (choose from: ewc, lwf)
    """
    return UserError(f"Unknown {what} '{word}': {did_you_mean(word, choices, otherwise)}")
