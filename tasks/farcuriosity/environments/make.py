"""From an environment's id to a vector of environments whose observations the agent can take as they are.

Every vector environment resets a finished episode within the step that ended it (``AutoresetMode.SAME_STEP``)
and hands over the last observation in ``infos["final_obs"]``, so that each step is a real transition.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell.errors import UserError, did_you_mean

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
        hint = did_you_mean(environment, names).partition(" (choose from")[0]
        raise UserError(f"Unknown environment '{environment}': {hint.removesuffix('?')}?") from error


def make_vector(environment: str, count: int, options: Mapping[str, Any]) -> VectorEnv:
    """Make ``count`` environments that are stepped together.

    Atari games run in ale-py's own vector environment (twice the speed of Gymnasium's wrappers) and show the
    last four grey frames, uint8 of shape (4, 84, 84). Other images come as channels, rows, columns; vectors
    as they are.

    Args:
        environment: Gymnasium id, such as ``ALE/Pong-v5``, ``CartPole-v1`` or ``my_module:Mine-v0``.
        count: how many, at least 1.
        options: of an Atari game: see ``atari``; of others: passed to their constructor.

    Raises:
        UserError: the id is unknown, or its spaces are none that the agent can work with.
    """
    import gymnasium
    from gymnasium.vector import AutoresetMode, SyncVectorEnv

    register(environment)
    if environment.startswith("ALE/"):
        return atari(environment, count, **options)
    if environment.startswith("gridcell/") and gymnasium.spec(environment).vector_entry_point is not None:
        made = gymnasium.make_vec(
            environment,
            num_envs=count,
            vectorization_mode="vector_entry_point",
            autoreset_mode=AutoresetMode.SAME_STEP,
            **options,
        )
    else:
        made = SyncVectorEnv(
            [lambda: _single(environment, options)] * count, autoreset_mode=AutoresetMode.SAME_STEP
        )
    _check(environment, made.single_observation_space, made.single_action_space)
    if not _is_image(made.single_observation_space):
        return made
    from farcuriosity.environments.channels import ChannelsFirst

    return ChannelsFirst(made)


def atari(
    environment: str,
    count: int,
    *,
    sticky: float = 0.0,
    noops: int = 30,
    max_steps: int = 4_500,
    full_actions: bool = False,
    threads: int = 1,
    colour: bool = False,
) -> VectorEnv:
    """Make ale-py's vector environment with the published preprocessing.

    Frame skip 4, the maximum of the last two frames, grey, 84 x 84, the last 4 stacked; rewards as the game
    gives them; an episode lasts until the game ends (losing a life ends nothing) and is cut at ``max_steps``.

    Args:
        environment: ``ALE/Name-v5``.
        count: how many.
        sticky: probability of repeating the last action (Machado et al. 2018 use 0.25).
        noops: at most so many no-ops at the start of an episode.
        max_steps: agent steps, of four frames each, after which an episode is cut.
        full_actions: all 18 actions instead of those that the game uses.
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
        noop_max=noops,
        use_fire_reset=False,
        reward_clipping=False,
        repeat_action_probability=sticky,
        full_action_space=full_actions,
        max_num_frames_per_episode=4 * max_steps,
        num_threads=threads,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )


def frames_per_step(environment: str) -> int:
    """Return how many emulated frames a step of the agent takes."""
    return 4 if environment.startswith("ALE/") else 1


def newest_frame(environment: str, observations: Any) -> Any:
    """Return what the curiosity sees: of stacked Atari frames the newest, else the whole observation.

    Args:
        environment: Gymnasium id.
        observations: array or tensor, shape (..., *observation shape).

    Returns:
        Of shape (..., 1, 84, 84) for Atari games; a view.
    """
    return observations[..., -1:, :, :] if environment.startswith("ALE/") else observations


def _single(environment: str, options: Mapping[str, Any]) -> Env:
    import gymnasium

    made = gymnasium.make(environment, **options)
    if environment.startswith(("MiniGrid-", "BabyAI-")):
        from minigrid.wrappers import ImgObsWrapper  # the grid of symbols, without the mission's text

        made = ImgObsWrapper(made)
    return made


def _is_image(space: Space) -> bool:
    return space.shape is not None and len(space.shape) == 3 and space.dtype == np.uint8


def _check(environment: str, observations: Space, actions: Space) -> None:
    from gymnasium.spaces import Box, Discrete

    if not isinstance(actions, Discrete):
        raise UserError(
            f"The agent chooses among discrete actions, but those of '{environment}' are {actions}"
        )
    vector = isinstance(observations, Box) and len(observations.shape) == 1
    if not (vector or _is_image(observations)):
        raise UserError(
            f"The agent sees images (uint8) or vectors, but '{environment}' shows {observations}; "
            "wrap it, and register the wrapped environment under an id of its own"
        )
