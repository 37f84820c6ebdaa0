"""From an environment's id to a vector of environments whose observations the agent can take as they are.

Every vector environment resets a finished episode within the step that ended it (``AutoresetMode.SAME_STEP``)
and hands over the last observation in ``infos["final_obs"]``, so that each step is a real transition.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from farcuriosity.environments.ids import bare, is_atari, is_own
from farcuriosity.environments.options import (
    AtariOptions,
    atari_options,
    no_environment,
    rooms_options,
)
from gridcell.errors import UserError, unknown

if TYPE_CHECKING:
    from gymnasium import Env, Space
    from gymnasium.vector import VectorEnv

# Prefix of the ids -> module whose import registers them.
_PROVIDERS = {
    "ALE/": "ale_py",
    "MiniGrid-": "minigrid",
    "BabyAI-": "minigrid",
    "gridcell/": "farcuriosity.environments.rooms",
}


_OF_EVERY_ENVIRONMENT = {"max_episode_steps", "disable_env_checker"}  # gymnasium.make takes them itself


def register(environment: str) -> None:
    """Import what registers an id, in this process: Ray's workers start without registrations.

    Args:
        environment: Gymnasium id, or ``module:id`` where importing a module of one's own registers it.

    Raises:
        UserError: no such environment, the nearest of which is named; or no such module.
    """
    import gymnasium

    module, _, environment = environment.rpartition(":")
    if module:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            raise UserError(
                f"The module of environment '{module}:{environment}' is missing: {error}"
            ) from error
    for prefix, module in _PROVIDERS.items():
        if environment.startswith(prefix):
            import_module(module)
    try:
        gymnasium.spec(environment)
    except gymnasium.error.Error as error:
        family = environment.partition("/")[0] + "/" if "/" in environment else ""
        names = [
            name for name in gymnasium.registry if name.startswith(family) and ("/" in name) == bool(family)
        ]
        raise no_environment(environment, names) from error


def make_vector(
    environment: str,
    count: int,
    options: Mapping[str, Any],
    *,
    threads: int = 1,
    render_mode: str | None = None,
) -> VectorEnv:
    """Make ``count`` environments that are stepped together.

    Atari games run in ale-py's own vector environment (twice the speed of Gymnasium's wrappers) and show the
    last four grey frames, uint8 of shape (4, 84, 84). Other images come as channels, rows, columns; vectors
    as they are.

    Args:
        environment: Gymnasium id, such as ``ALE/Pong-v5``, ``CartPole-v1`` or ``my_module:Mine-v0``.
        count: how many, at least 1.
        options: of Atari games and rooms: see ``environments.options``; of others: passed to their
            constructor.
        threads: that step the emulators of an Atari game; its results don't depend on them.
        render_mode: Gymnasium's, of others than Atari games.

    Raises:
        UserError: the id is unknown, it doesn't take these options, or its spaces are none that the agent can
            work with.
    """
    import gymnasium
    from gymnasium.vector import AutoresetMode, SyncVectorEnv

    register(environment)
    if is_atari(environment):
        return atari(environment, count, atari_options(options), threads=threads)
    rendering = {} if render_mode is None else {"render_mode": render_mode}
    if is_own(environment):
        made = gymnasium.make_vec(
            environment,
            num_envs=count,
            vectorization_mode="vector_entry_point",
            autoreset_mode=AutoresetMode.SAME_STEP,
            **rooms_options(options),
            **rendering,
        )
    else:
        _check_options(environment, options)
        made = SyncVectorEnv(
            [lambda: _single(environment, {**options, **rendering})] * count,
            autoreset_mode=AutoresetMode.SAME_STEP,
        )
    _check(environment, made.single_observation_space, made.single_action_space)
    if not _is_image(made.single_observation_space):
        return made
    from farcuriosity.environments.channels import ChannelsFirst

    return ChannelsFirst(made)


def atari(
    environment: str,
    count: int,
    options: AtariOptions,
    *,
    threads: int = 1,
    colour: bool = False,
) -> VectorEnv:
    """Make ale-py's vector environment with the published preprocessing.

    Frame skip 4, the maximum of the last two frames, grey, 84 x 84, the last 4 stacked; rewards as the game
    gives them; an episode lasts until the game ends (losing a life ends nothing) and is cut at ``max_steps``.

    Args:
        environment: ``ALE/Name-v5``.
        count: how many.
        options: what can be set.
        threads: that step the emulators.
        colour: show one frame as the game draws it, (1, 210, 160, 3): for people, not for agents.
    """
    import gymnasium
    from gymnasium.vector import AutoresetMode

    shown = {"grayscale": False, "img_height": 210, "img_width": 160} if colour else {}
    return gymnasium.make_vec(
        environment,
        num_envs=count,
        vectorization_mode="vector_entry_point",
        **shown,
        frameskip=4,
        stack_num=1 if colour else 4,
        noop_max=options.noops,
        use_fire_reset=False,
        reward_clipping=False,
        repeat_action_probability=options.sticky,
        full_action_space=options.full_actions,
        max_num_frames_per_episode=4 * options.max_steps,
        num_threads=threads,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )


def newest_frame(environment: str, observations: Any) -> Any:
    """Return what the curiosity sees: of stacked Atari frames the newest, else the whole observation.

    Args:
        environment: Gymnasium id.
        observations: array or tensor, shape (..., *observation shape).

    Returns:
        Of shape (..., 1, 84, 84) for Atari games; a view.
    """
    return observations[..., -1:, :, :] if is_atari(environment) else observations


def _single(environment: str, options: Mapping[str, Any]) -> Env:
    import gymnasium

    try:
        made = gymnasium.make(environment, **options)
    except (TypeError, ValueError) as error:
        given = f" with the options {dict(options)}" if options else ""
        raise UserError(f"'{environment}' can't be made{given}: {error}") from error
    if bare(environment).startswith(("MiniGrid-", "BabyAI-")):
        from minigrid.wrappers import ImgObsWrapper  # the grid of symbols, without the mission's text

        made = ImgObsWrapper(made)
    return made


def _check_options(environment: str, options: Mapping[str, Any]) -> None:
    """Raise UserError for an option that an environment's constructor doesn't name, if it names all."""
    import gymnasium

    entry = gymnasium.spec(bare(environment)).entry_point
    creator = gymnasium.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
    if creator is None:
        return
    arguments = inspect.signature(creator).parameters.values()
    if any(argument.kind is argument.VAR_KEYWORD for argument in arguments):
        return
    known = {argument.name for argument in arguments} | _OF_EVERY_ENVIRONMENT
    for name in options:
        if name not in known:
            raise unknown(f"option of '{environment}'", name, known - {"render_mode"})


def _is_image(space: Space) -> bool:
    return space.shape is not None and len(space.shape) == 3 and space.dtype == np.uint8


def _check(environment: str, observations: Space, actions: Space) -> None:
    from gymnasium.spaces import Box, Discrete

    if not isinstance(actions, Discrete):
        raise UserError(
            f"The agent chooses among discrete actions, but those of '{environment}' are {actions}"
        )
    if actions.start != 0:
        raise UserError(
            f"The agent numbers its actions from 0, but those of '{environment}' begin at {actions.start}; "
            "wrap it, and register the wrapped environment under an id of its own"
        )
    vector = isinstance(observations, Box) and len(observations.shape) == 1
    if not (vector or _is_image(observations)):
        raise UserError(
            f"The agent sees images (uint8) or vectors, but '{environment}' shows {observations}; "
            "wrap it, and register the wrapped environment under an id of its own"
        )
