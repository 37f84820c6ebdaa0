"""What can be set of an environment, checked before it is built and without importing what builds it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from farcuriosity.environments.constructors import arguments_in_source, check_arguments
from farcuriosity.environments.ids import bare, is_atari, is_own
from gridcell import Mistake, SettingsError, Strict, UserError, canonical_json, nearest, parse_settings

ROOMS = "gridcell/Rooms-v0"
_MINIGRID = ("MiniGrid-", "BabyAI-")
_MINIGRID_DRAWN = "MiniGrid-WFC-"  # named by presets, not one by one
# Prefix of entry points -> what has to be importable, and how to install it.
_BUILT_BY = {
    "gymnasium.envs.box2d": ("Box2D", "pip install 'gridcell[box2d]'"),
    "gymnasium.envs.mujoco": ("mujoco", "pip install 'gridcell[mujoco]'"),
    "gymnasium.envs.phys2d": ("jax", "pip install jax"),
    "gymnasium.envs.tabular": ("jax", "pip install jax"),
}
_FOR_TWO = {"combat", "joust", "maze_craze", "warlords"}  # ale-py registers no environment of these


class World(Strict):
    """A grid world of rooms; its colours and doors come from the seed.

    Attributes:
        rows: rooms down.
        columns: rooms across.
        size: side of a room in cells.
        view: side of what is seen in cells, odd.
        alike: how much rooms resemble each other: 0, each has its own colour; 1, all have the same one, and
            differ in texture alone.
    """

    rows: int = Field(2, ge=1)
    columns: int = Field(2, ge=1)
    size: int = Field(7, ge=2)
    view: int = Field(7, ge=3)
    alike: float = Field(0.0, ge=0, le=1)

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
        lives: an episode ends for the agent with every lost life, though the game goes on (released); scores
            are of whole games all the same.
        resize: how frames become 84 x 84: ``area``: means of pixels; ``nearest``: pixels of the frame without
            its two top rows (released).
    """

    sticky: float = Field(0.0, ge=0, le=1)
    noops: int = Field(30, ge=0)
    max_steps: int = Field(4_500, ge=1)
    full_actions: bool = False
    lives: bool = False
    resize: Literal["area", "nearest"] = "area"


def check(environment: str, options: Mapping[str, Any], where: str) -> None:
    """Check as much of an environment as can be without making it.

    Of Atari games and our own rooms: the id and all options, without importing anything. Of others: that
    Gymnasium knows the id, that what it needs is installed, and that its constructor takes the options; of
    ids with a module of their own, that the module is there.

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
    refuse_old_atari(environment)
    if module and find_spec(module.partition(".")[0]) is None:
        raise UserError(f"The module '{module}' of environment '{environment}' isn't found: is it installed?")
    if not (module or is_atari(environment) or is_own(environment)):
        check_registered(environment)
    try:
        canonical_json(options)
    except TypeError as error:
        told = str(error).removeprefix("value.")
        raise SettingsError([Mistake((where,), f"The setting '{{where}}' is wrong: {told}")]) from error
    model = AtariOptions if is_atari(environment) else RoomsOptions if is_own(environment) else None
    if model is not None:
        parse_settings(model, options, where)
    elif not module:
        _check_constructor(environment, options, where)


def _check_constructor(environment: str, options: Mapping[str, Any], where: str) -> None:
    """Check what constructors of Gymnasium and MiniGrid can say of options without being imported."""
    if environment.startswith(_MINIGRID):
        entry: Any = (minigrid_worlds() or {}).get(environment)
    else:
        import gymnasium

        entry = gymnasium.spec(environment).entry_point
    if isinstance(entry, str) and entry.startswith(("gymnasium.", "minigrid.")):
        check_arguments(environment, options, arguments_in_source(entry), where)


def refuse_old_atari(environment: str) -> None:
    """Refuse ale-py's ids of earlier days: they step raw frames, and which of them exist depends on imports.

    Raises:
        UserError: it is one; names the id and options to write instead.
    """
    module, _, name = environment.rpartition(":")
    if module not in ("", "ale_py") or name.startswith("ALE/"):
        return
    given = re.fullmatch(r"(\w+?)(-ram)?(NoFrameskip|Deterministic)?-v(0|4|5)", name)
    if given is None or f"ALE/{given[1]}-v5" not in atari_games():
        return
    sticky = "{sticky: 0.25}" if given[4] == "0" else "{sticky: 0}"
    raise UserError(
        f"'{environment}' is one of ale-py's older ids, which leave preprocessing to others: write "
        f"'ALE/{given[1]}-v5' with options {sticky}, which skips 4 frames and stacks 4, grey, 84 x 84"
    )


def check_registered(environment: str) -> None:
    """Make sure that Gymnasium knows an id, and that the packages which build it are installed.

    Raises:
        UserError: it doesn't, or one isn't.
    """
    if environment.startswith(_MINIGRID):
        known = minigrid_worlds()
        if known is None:
            raise UserError(f"'{environment}' needs the package minigrid: pip install 'gridcell[rl]'")
        if known and environment not in known and not environment.startswith(_MINIGRID_DRAWN):
            raise no_environment(environment, known)
        return
    try:
        import gymnasium
    except ModuleNotFoundError as error:
        raise UserError(f"'{environment}' needs gymnasium: pip install 'gridcell[rl]'") from error
    try:
        spec = gymnasium.spec(environment)
    except gymnasium.error.Error as error:
        family = environment.partition("/")[0] + "/" if "/" in environment else ""
        names = [
            name for name in gymnasium.registry if name.startswith(family) and ("/" in name) == bool(family)
        ]
        raise no_environment(environment, names) from error
    if callable(spec.entry_point) and spec.entry_point.__module__ == "gymnasium.envs":
        try:
            spec.entry_point()  # of environments that moved elsewhere: it only says so
        except (ImportError, gymnasium.error.Error) as error:
            raise UserError(f"'{environment}' can't be made: {error}") from error
    entry = spec.entry_point if isinstance(spec.entry_point, str) else ""
    for prefix, (package, install) in _BUILT_BY.items():
        if entry.startswith(prefix) and find_spec(package) is None:
            raise UserError(f"'{environment}' needs the package {package}, which isn't installed: {install}")


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


@cache
def minigrid_worlds() -> Mapping[str, str] | None:
    """Return the ids that the installed minigrid registers, as its source writes them; None: not installed.

    Its import takes seconds and a window library, so planning reads the source instead.

    Returns:
        Of each id its entry point, ``module:class``.
    """
    found = find_spec("minigrid")  # of a package this imports nothing
    if found is None:
        return None
    if found.origin is None or not Path(found.origin).is_file():
        return {}
    source = Path(found.origin).read_text("utf-8")
    written = r"\bregister\(\s*(?:id=)?\"((?:MiniGrid|BabyAI)-[^\"]+)\",\s*(?:entry_point=)?\"([^\"]+)\""
    return dict(re.findall(written, source))


def no_environment(environment: str, names: Iterable[str]) -> UserError:
    """Build the error for an id that is none of ``names``, of which the nearest alone is told."""
    near = nearest(bare(environment), names)
    hint = f"did you mean '{near}'?" if near else "there is none with a similar name"
    return UserError(f"Unknown environment '{environment}': {hint}")
