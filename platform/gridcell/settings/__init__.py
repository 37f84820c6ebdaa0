"""Settings: what they are made of, how they are read, checked and described."""

from gridcell.settings.base import (
    Distinct,
    Parts,
    Seeds,
    Strict,
    added_later,
    distinct,
    identity_of,
    spell_out,
    with_preset,
)
from gridcell.settings.lists import read_list
from gridcell.settings.mistakes import Mistake, SettingsError, collect
from gridcell.settings.one_of import OneOf
from gridcell.settings.parse import parse_settings
from gridcell.settings.strictness import AnySize

__all__ = [
    "AnySize",
    "Distinct",
    "Mistake",
    "OneOf",
    "Parts",
    "Seeds",
    "SettingsError",
    "Strict",
    "added_later",
    "collect",
    "distinct",
    "identity_of",
    "parse_settings",
    "read_list",
    "spell_out",
    "with_preset",
]
