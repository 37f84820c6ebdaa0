"""What can be set of an environment, checked before it is built and without importing what builds it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from farcuriosity.environments.ids import bare, is_atari, is_own
from gridcell.cell import canonical_json
from gridcell.errors import UserError, did_you_mean
from gridcell.settings import Mistake, SettingsError, Strict, parse_settings

ROOMS = "gridcell/Rooms-v0"
_FOR_TWO = {"combat", "joust", "maze_craze", "warlords"}  # ale-py registers no environment of these


class World(Strict):
    """A grid world of rooms; its colours and doors come from the seed.

    Attributes:
        rows: rooms down.
        columns: rooms across.
        size: side of a room in cells.
        view: side of what is seen in cells, odd.
    """

    rows: int = Field(2, ge=1)
    columns: int = Field(2, ge=1)
    size: int = Field(7, ge=2)
    view: int = Field(7, ge=3)

    @field_validator("view")
    @classmethod
    def _odd(cls, view: int) -> int:
        if view % 2 == 0:
            raise ValueError("what is seen has a middle, so its side must be odd")
        return view


class RoomsOptions(World):
    """Options of ``gridcell/Rooms-v0``: of its world, and these.

    Attributes:
        layout: seed of colours and doors: every episode is in the same world.
        reward: whether there is a goal.
        max_steps: after which an episode is cut.
    """

    layout: int = Field(0, ge=0)
    reward: bool = True
    max_steps: int = Field(500, ge=1)


class AtariOptions(Strict):
    """Options of an Atari game.

    Attributes:
        sticky: probability of repeating the last action (Machado et al. 2018 use 0.25).
        noops: at most so many no-ops at the start of an episode.
        max_steps: agent steps, of four frames each, after which an episode is cut.
        full_actions: all 18 actions instead of those that the game uses.
    """

    sticky: float = Field(0.0, ge=0, le=1)
    noops: int = Field(30, ge=0)
    max_steps: int = Field(4_500, ge=1)
    full_actions: bool = False


def check(environment: str, options: Mapping[str, Any], where: str) -> None:
    """Check as much of an environment as can be without importing it: Atari games and our own rooms.

    Args:
        environment: Gymnasium id.
        options: of it.
        where: key of the options, for messages.

    Raises:
        UserError: there is no such game or option, or a value does not fit.
    """
    module, _, name = environment.rpartition(":")
    games = atari_games()
    if is_atari(environment) and module in ("", "ale_py") and games and name not in games:
        raise no_environment(environment, games)
    if is_own(environment) and name != ROOMS:
        raise no_environment(environment, [ROOMS])
    try:
        canonical_json(options)
    except TypeError as error:
        told = str(error).removeprefix("value.")
        raise SettingsError([Mistake((where,), f"The setting '{{where}}' is wrong: {told}")]) from error
    model = AtariOptions if is_atari(environment) else RoomsOptions if is_own(environment) else None
    if model is not None:
        parse_settings(model, options, where)


def rooms_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of the rooms that were given, checked.

    Raises:
        UserError: there is no such option, or a value does not fit.
    """
    return parse_settings(RoomsOptions, options, "options").model_dump(exclude_unset=True)


def atari_options(options: Mapping[str, Any]) -> AtariOptions:
    """Return an Atari game's options, checked, with defaults for those that are left out.

    Raises:
        UserError: there is no such option, or a value does not fit.
    """
    return parse_settings(AtariOptions, options, "options")


@cache
def atari_games() -> frozenset[str]:
    """Return the ids of the games that the installed ale-py ships; none where it isn't installed."""
    found = find_spec("ale_py")  # of a package this imports nothing
    for folder in (found and found.submodule_search_locations) or ():
        table = Path(folder) / "roms" / "md5.json"
        if table.is_file():
            games = {file.partition(".")[0] for file in json.loads(table.read_text())} - _FOR_TWO
            return frozenset(f"ALE/{game.title().replace('_', '')}-v5" for game in games)
    return frozenset()


def no_environment(environment: str, names: Iterable[str]) -> UserError:
    """Build the error for an id that is none of ``names``, of which the nearest alone is told."""
    hint = did_you_mean(bare(environment), names).partition("(choose from")[0].strip()
    return UserError(f"Unknown environment '{environment}': {hint or 'there is none with a similar name'}")
