"""How many numbers a policy reads and gives, from the spaces of a Gymnasium environment."""

import math
from importlib.util import find_spec
from typing import Any

from gridcell import UserError, nearest

_PARTS = ("Tuple", "Dict")


def observation_dimension(space: Any) -> int:
    """Count the numbers of an observation.

    Args:
        space: a Gymnasium space: Box, MultiBinary, or a Tuple or Dict of such.

    Raises:
        UserError: the space is of another kind: its values have no distance.
    """
    kind = type(space).__name__
    if kind == "Box" or kind == "MultiBinary":
        return math.prod(space.shape)
    if kind in _PARTS:
        return sum(observation_dimension(part) for part in _parts(space))
    raise UserError(f"Observations in a {kind} space have no distance, so the formula does not apply to them")


def action_dimension(space: Any) -> int:
    """Count the outputs of a policy: one per continuous action, k - 1 for a choice among k.

    Args:
        space: a Gymnasium space: Box, Discrete, MultiDiscrete, MultiBinary, or a Tuple or Dict of such.

    Raises:
        UserError: the space is of another kind, or leaves no choice.
    """
    kind = type(space).__name__
    if kind == "Box" or kind == "MultiBinary":
        count = math.prod(space.shape)
    elif kind == "Discrete":
        count = int(space.n) - 1
    elif kind == "MultiDiscrete":
        count = sum(int(choices) - 1 for choices in space.nvec.ravel())
    elif kind in _PARTS:
        count = sum(action_dimension(part) for part in _parts(space))
    else:
        raise UserError(
            f"Actions in a {kind} space can't be counted: use Box, Discrete or what is made of them"
        )
    if count < 1:
        raise UserError(f"The action space {space} leaves no choice")
    return count


def check_environment(name: str) -> None:
    """Check that Gymnasium knows an id, without making the environment.

    Ids with a module of their own are not checked, nor any where Gymnasium is not installed: cells tell.

    Raises:
        UserError: it doesn't; names the nearest that it knows.
    """
    if ":" in name or find_spec("gymnasium") is None:
        return
    import gymnasium

    try:
        gymnasium.spec(name)
    except gymnasium.error.Error as error:
        # What is registered depends on what was imported: of a namespace that is not, nothing is near.
        apart = isinstance(error, gymnasium.error.NamespaceNotFound)
        near = "" if apart else nearest(name, gymnasium.registry)
        hint = f". Did you mean '{near}'?" if near else f".{_hint(name, error)}"
        raise UserError(f"Gymnasium has no environment '{name}'{hint}") from error


def environment_dimensions(name: str) -> tuple[int, int]:
    """Make a Gymnasium environment and return the dimensions of its observations and actions.

    Args:
        name: its id, or ``module:id`` where importing a module registers it.

    Raises:
        UserError: Gymnasium is not installed, or there is no such environment.
    """
    try:
        import gymnasium
    except ImportError:
        raise UserError(
            f"The environment '{name}' needs Gymnasium: pip install 'gridcell[rl]', or give m and actions"
        ) from None
    try:
        environment = gymnasium.make(name)
    except (gymnasium.error.Error, ImportError, ModuleNotFoundError) as error:
        raise UserError(f"The environment '{name}' can't be made: {error}{_hint(name, error)}") from error
    try:
        return observation_dimension(environment.observation_space), action_dimension(
            environment.action_space
        )
    finally:
        environment.close()


def _hint(name: str, error: Exception) -> str:
    """Say how an environment is named that may be installed, but that nothing has registered yet."""
    from gymnasium.error import UnregisteredEnv

    if ":" in name or not isinstance(error, UnregisteredEnv):
        return ""
    return " If importing a module registers it, name that module too, as in 'ale_py:ALE/Pong-v5'"


def _parts(space: Any) -> list[Any]:
    spaces = space.spaces
    return list(spaces.values()) if isinstance(spaces, dict) else list(spaces)
