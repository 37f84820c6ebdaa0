"""Spaces of any environment as the agent takes them: images, vectors; one choice, or numbers.

Observations: images stay images; everything else becomes a vector, in which a choice is one-hot. Actions: all
discrete ones become a single choice among all combinations, all continuous ones a vector of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces, wrappers
from numpy.typing import NDArray

from farcuriosity.environments.channels import move_channels
from gridcell import UserError

if TYPE_CHECKING:
    from gymnasium import Env, Space
    from gymnasium.vector import VectorEnv

MOST_CHOICES = 4_096  # combinations of discrete actions
_WRAP = "wrap it, and register the wrapped environment under an id of its own"

Decode = Callable[[int], Any]


def adapt(environment: str, made: Env) -> Env:
    """Wrap an environment so that its spaces are those that the agent takes.

    Args:
        environment: its id, for messages.
        made: the environment.

    Returns:
        One with a ``Box`` to see, and a ``Discrete`` from 0 or a one-dimensional ``Box`` to act.

    Raises:
        UserError: it has spaces that can't be adapted.
    """
    return _acting(environment, _seeing(environment, made))


def channels_first(environment: str, made: VectorEnv, axes: tuple[int, ...] | None = None) -> VectorEnv:
    """Bring images to (channels, rows, columns).

    Args:
        environment: its id, for messages.
        made: shows images.
        axes: their order, where it is known.

    Raises:
        UserError: it is not clear which axis holds the channels.
    """
    try:
        return move_channels(made, axes)
    except ValueError as error:
        told = f"'{environment}' shows images, but {error}"
        raise UserError(f"{told}: {_WRAP} as (rows, columns, channels)") from error


def is_image(space: Space) -> bool:
    """Tell whether observations are images: arrays of two to four axes."""
    return isinstance(space, spaces.Box) and 2 <= len(space.shape) <= 4


def scale_of(space: Space) -> float:
    """Return what observations are divided by so that images, and bytes, are at most 1.

    It is the largest value that the space allows; 1 for vectors of other numbers, and where there is none.

    >>> scale_of(spaces.Box(0, 255, (84, 84, 3), np.uint8)), scale_of(spaces.Box(-1e9, 1e9, (4,), np.float32))
    (255.0, 1.0)
    """
    if not isinstance(space, spaces.Box) or not (is_image(space) or space.dtype == np.uint8):
        return 1.0
    largest = float(max(abs(space.low.astype(float).min()), abs(space.high.astype(float).max())))
    return largest if 0 < largest < 1e6 else 1.0


def _seeing(environment: str, made: Env) -> Env:
    space = made.observation_space
    if (odd := _without_a_size(space)) is None and not spaces.flatdim(space):
        raise UserError(f"'{environment}' shows nothing, {space}: the agent needs a number to see, at least")
    if isinstance(space, spaces.Box):
        if len(space.shape) > 4:
            raise UserError(f"'{environment}' shows arrays of {len(space.shape)} axes, {space}: {_WRAP}")
        return made if space.shape else wrappers.ReshapeObservation(made, (1,))
    if odd is not None:
        raise UserError(f"The agent sees images or vectors, but '{environment}' shows {odd}: {_WRAP}")
    flat = wrappers.FlattenObservation(made)
    box, scale = flat.observation_space, _scales(space)
    low, high = ((end / scale).astype(np.float32) for end in (box.low, box.high))
    return wrappers.TransformObservation(
        flat,
        lambda seen: (np.asarray(seen) / scale).astype(np.float32),
        spaces.Box(low, high, dtype=np.float32),
    )


def _scales(space: Space) -> NDArray[np.float64]:
    """Return what each number of a flattened space is divided by: bytes by their largest, others by 1."""
    if isinstance(space, spaces.Tuple | spaces.Dict):
        parts = space.spaces.values() if isinstance(space, spaces.Dict) else space.spaces
        return np.concatenate([np.empty(0), *map(_scales, parts)])
    largest = scale_of(space) if space.dtype == np.uint8 else 1.0
    return np.full(spaces.flatdim(space), largest)


def _without_a_size(space: Space) -> Space | None:
    """Return the first part of a space that makes no vector of fixed length."""
    if isinstance(space, spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
        return None
    if isinstance(space, spaces.Tuple | spaces.Dict):
        parts = space.spaces.values() if isinstance(space, spaces.Dict) else space.spaces
        return next((odd for odd in map(_without_a_size, parts) if odd is not None), None)
    return space


def _acting(environment: str, made: Env) -> Env:
    space = made.action_space
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return made
    discrete = _choices(space)
    if discrete is not None:
        count, decode = discrete
        if count > MOST_CHOICES:
            raise UserError(
                f"The actions of '{environment}', {space}, are {count:,} combinations, but the agent chooses "
                f"among {MOST_CHOICES:,} at most: {_WRAP}"
            )
        return wrappers.TransformAction(made, lambda action: decode(int(action)), spaces.Discrete(count))
    flat = _numbers(space)
    if flat is None:
        raise UserError(
            f"The agent acts by choices or by numbers, but actions of '{environment}' are {space}: {_WRAP}"
        )
    return _continuous(made, space, flat)


def _continuous(made: Env, space: Space, flat: spaces.Box) -> Env:
    """Let the agent's numbers from -1 to 1 span the range of each action that has one; clip to it."""
    low, high = flat.low.astype(np.float64), flat.high.astype(np.float64)
    bounded = np.isfinite(low) & np.isfinite(high)
    middle = np.where(bounded, (np.where(bounded, low, 0) + np.where(bounded, high, 0)) / 2, 0.0)
    half = np.where(bounded, (np.where(bounded, high, 0) - np.where(bounded, low, 0)) / 2, 1.0)

    def decode(action: np.ndarray) -> Any:
        numbers = np.clip(middle + half * np.asarray(action, np.float64), low, high)
        if isinstance(space, spaces.Box):
            return numbers.reshape(space.shape).astype(space.dtype)
        return spaces.unflatten(space, numbers.astype(flat.dtype))

    own = spaces.Box(-np.inf, np.inf, flat.shape, np.float32)
    return wrappers.TransformAction(made, decode, own)


def _numbers(space: Space) -> spaces.Box | None:
    """Return a space of numbers as one flat box; None if it is of another kind."""
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        return spaces.flatten_space(space)
    if isinstance(space, spaces.Tuple | spaces.Dict):
        parts = list(space.spaces.values() if isinstance(space, spaces.Dict) else space.spaces)
        if parts and all(_numbers(part) is not None for part in parts):
            return spaces.flatten_space(space)
    return None


def _choices(space: Space) -> tuple[int, Decode] | None:
    """Return how many actions a discrete space has, and what turns a number into one; None if it isn't."""
    if isinstance(space, spaces.Discrete):
        start = int(space.start)
        return int(space.n), lambda chosen: start + chosen
    if isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary):
        sizes = space.nvec if isinstance(space, spaces.MultiDiscrete) else np.full(space.shape, 2)
        starts = space.start if isinstance(space, spaces.MultiDiscrete) else 0
        flat = tuple(int(size) for size in np.ravel(sizes))
        return math.prod(flat), lambda chosen: (
            np.reshape(np.unravel_index(chosen, flat), sizes.shape) + starts
        ).astype(space.dtype)
    if not isinstance(space, spaces.Tuple | spaces.Dict):
        return None
    names = list(space.spaces) if isinstance(space, spaces.Dict) else None
    parts = [_choices(part) for part in (space.spaces.values() if names is not None else space.spaces)]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or not parts:
        return None
    counts = tuple(count for count, _ in known)

    def decode(chosen: int) -> Any:
        each = np.unravel_index(chosen, counts)
        values = [part(int(index)) for (_, part), index in zip(known, each, strict=True)]
        return tuple(values) if names is None else dict(zip(names, values, strict=True))

    return math.prod(counts), decode


def symbols(made: Env, largest: int) -> Env:
    """Declare that an environment's images are symbols from 0 to ``largest``, not grey levels to 255."""
    space = made.observation_space
    return wrappers.TransformObservation(
        made, lambda seen: seen, spaces.Box(0, largest, space.shape, space.dtype)
    )
