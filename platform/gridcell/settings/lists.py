"""Files of the user's own beside a suite, which hold a list: read by the rules of settings."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from gridcell.errors import UserError
from gridcell.settings.core_yaml import read_yaml
from gridcell.settings.mistakes import Mistake, SettingsError, mistakes_of
from gridcell.settings.parse import parse_settings

Model = TypeVar("Model", bound=BaseModel)


def read_list(model: type[Model], path: Path) -> list[Model]:
    """Read a YAML file that holds a list of mappings.

    Args:
        model: says what each holds.
        path: of the file.

    Raises:
        UserError: the file can't be read, is no YAML or holds no list; or names every mistake, with its line.

    Example:
        >>> read_list(Source, Path("figures.yaml"))  # doctest: +SKIP
    """
    try:
        document = read_yaml(path.read_bytes(), f"'{path}'")
    except OSError as error:
        raise UserError(f"'{path}' can't be read: {error.strerror}") from error
    if not isinstance(document.values, list):
        raise UserError(f"'{path}' must hold a list: each entry begins with '- '")
    found: list[Model] = []
    mistakes: list[Mistake] = []
    for place, given in enumerate(document.values):
        try:
            found.append(parse_settings(model, given))
        except UserError as error:
            mistakes += (mistake.within((place,)) for mistake in mistakes_of(error))
    if mistakes:
        raise UserError(str(SettingsError(mistakes, document.places)))
    return found
