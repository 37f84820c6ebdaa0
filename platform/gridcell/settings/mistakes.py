"""Mistakes in settings: each knows its place, and all of them are told at once."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from gridcell.errors import UserError
from gridcell.settings.core_yaml import Path, Place

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong in settings.

    Attributes:
        path: of the setting, from the root of what was checked.
        template: the sentence, with ``{where}`` for the setting's dotted path.
        unknown: the key, where there is no such setting.
        missing: whether the setting had to be given and wasn't.
    """

    path: Path
    template: str
    unknown: str = ""
    missing: bool = False

    def within(self, path: Path) -> "Mistake":
        """Return the mistake as seen from further up, where ``path`` leads to what was checked."""
        return replace(self, path=(*path, *self.path))

    @property
    def sentence(self) -> str:
        """What is wrong, for the user."""
        if not self.path:
            return self.template.replace("The setting '{where}' is", "The settings are")
        return self.template.replace("{where}", dotted(self.path))


class SettingsError(UserError, ValueError):
    """Mistakes in settings. It is a ValueError, too, so that pydantic goes on and finds the others.

    Attributes:
        mistakes: all that were found.
    """

    def __init__(self, mistakes: Sequence[Mistake], places: Mapping[Path, Place] | None = None) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(_told(self.mistakes, places or {}))

    def __reduce__(self) -> tuple[Any, ...]:
        return UserError, (str(self),)


def mistakes_of(error: Exception) -> tuple[Mistake, ...]:
    """Return the mistakes of an error that a check raised."""
    return error.mistakes if isinstance(error, SettingsError) else (Mistake((), str(error)),)


def collect(entries: Mapping[Key, Any], make: Callable[[Key, Any], Made]) -> dict[Key, Made]:
    """Make something of each entry of a mapping of settings.

    Args:
        entries: name -> what was given.
        make: called as ``make(name, given)``.

    Raises:
        SettingsError: ``make`` raised a UserError or ValueError for some entries; has the mistakes of all.

    Example:
        >>> collect({"a": "1", "b": "2"}, lambda name, given: int(given))
        {'a': 1, 'b': 2}
    """
    made: dict[Key, Made] = {}
    mistakes: list[Mistake] = []
    for name, given in entries.items():
        try:
            made[name] = make(name, given)
        except (UserError, ValueError) as error:
            mistakes += (mistake.within((str(name),)) for mistake in mistakes_of(error))
    if mistakes:
        raise SettingsError(mistakes)
    return made


def dotted(path: Iterable[str | int]) -> str:
    """Write a path as ``--set`` takes it."""
    return ".".join(str(part) for part in path)


def place_of(path: Path, places: Mapping[Path, Place]) -> Place | None:
    """Return where a setting was written, or what holds it, or what is below it."""
    for length in range(len(path), 0, -1):
        if path[:length] in places:
            return places[path[:length]]
    return next((place for below, place in places.items() if below[: len(path)] == path), None)


def _told(mistakes: Sequence[Mistake], places: Mapping[Path, Place]) -> str:
    """Tell mistakes in the order of their lines; one is a sentence, several are a list.

    A single one that the user typed as an option needs no place: it names the setting.
    """
    placed = [(place_of(mistake.path, places), mistake) for mistake in mistakes]
    if len(placed) == 1:
        place, mistake = placed[0]
        return mistake.sentence if place is None or place.line is None else f"{mistake.sentence} ({place})"
    if not places:
        sentences = [mistake.sentence for _, mistake in placed]
    else:
        known = sorted(
            ((place, mistake) for place, mistake in placed if place),
            key=lambda both: (both[0].line is None, both[0].source, both[0].line or 0),
        )
        sentences = [mistake.sentence for place, mistake in placed if place is None]
        sentences += [f"{place}: {mistake.sentence}" for place, mistake in known]
    sentences = list(dict.fromkeys(sentences))
    if len(sentences) == 1:
        return sentences[0]
    return "\n  ".join([f"The settings have {len(sentences)} mistakes:", *sentences])
