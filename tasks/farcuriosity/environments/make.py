"""From an environment's id to a vector of environments whose observations the agent can take as they are.

Every vector environment resets a finished episode within the step that ended it (``AutoresetMode.SAME_STEP``)
and hands over the last observation in ``infos["final_obs"]``, so that each step is a real transition.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from farcuriosity.environments.constructors import arguments_of, check_arguments
from farcuriosity.environments.ids import bare, is_atari, is_own
from farcuriosity.environments.options import (
    AtariOptions,
    atari_options,
    check_registered,
    refuse_old_atari,
    rooms_options,
)
from farcuriosity.environments.spaces import adapt, channels_first, is_image, symbols
from gridcell import UserError

if TYPE_CHECKING:
    from gymnasium import Env
    from gymnasium.vector import VectorEnv

_MINIGRID = ("MiniGrid-", "BabyAI-")
SYMBOLS = 10  # the largest number in MiniGrid's grids of objects, colours and states

# Prefix of the ids -> module whose import registers them.
_PROVIDERS = {
    "ALE/": "ale_py",
    "MiniGrid-": "minigrid",
    "BabyAI-": "minigrid",
    "gridcell/": "farcuriosity.environments.rooms",
}


def register(environment: str) -> None:
    """Import what registers an id, in this process: Ray's workers start without registrations.

    Args:
        environment: Gymnasium id, or ``module:id`` where importing a module of one's own registers it.

    Raises:
        UserError: no such environment, the nearest of which is named; or no such module.
    """
    refuse_old_atari(environment)
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
    check_registered(environment)


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
    last four grey frames, uint8 of shape (4, 84, 84). Other images come as channels, rows, columns; all else
    as vectors, actions as one choice or as numbers: see ``environments.spaces``.

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
    if not is_image(made.single_observation_space):
        return made
    last = is_own(environment) or bare(environment).startswith(_MINIGRID)
    return channels_first(environment, made, (2, 0, 1) if last else None)


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
    gives them; an episode lasts until the game ends and is cut at ``max_steps``. ``infos["lives"]`` tells of
    lost lives, which end nothing here.

    Args:
        environment: ``ALE/Name-v5``.
        count: how many.
        options: what can be set.
        threads: that step the emulators.
        colour: show one frame as the game draws it, (1, 210, 160, 3): for people, not for agents.
    """
    import gymnasium
    from gymnasium.vector import AutoresetMode

    nearest = options.resize == "nearest" and not colour
    shown = {"grayscale": not colour, "img_height": 210, "img_width": 160} if colour or nearest else {}
    made = gymnasium.make_vec(
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
    if not nearest:
        return made
    from farcuriosity.environments.nearest import nearest_pixels

    return nearest_pixels(made)


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
    except (TypeError, ValueError, LookupError, AssertionError, ImportError, gymnasium.error.Error) as error:
        # Also of a package that is missing: gymnasium.error.DependencyNotInstalled
        given = f" with the options {dict(options)}" if options else ""
        raise UserError(f"'{environment}' can't be made{given}: {error}") from error
    if bare(environment).startswith(_MINIGRID):
        from minigrid.wrappers import ImgObsWrapper  # the grid of symbols, without the mission's text

        made = symbols(ImgObsWrapper(made), SYMBOLS)
    return adapt(environment, made)


def _check_options(environment: str, options: Mapping[str, Any]) -> None:
    """Raise UserError for an option that an environment's constructor doesn't take or would misread."""
    import gymnasium

    entry = gymnasium.spec(bare(environment)).entry_point
    creator = gymnasium.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
    if creator is not None:
        arguments, others = arguments_of(creator)
        check_arguments(environment, options, arguments, "options", others=others)
