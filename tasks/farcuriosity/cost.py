"""What a grid will cost, as far as can be said beforehand: steps, computing, memory. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from farcuriosity.environments.ids import bare, is_atari, is_own
from farcuriosity.environments.options import RoomsOptions
from farcuriosity.settings import Settings
from gridcell import Cell, Grid

# Floating-point operations a second on networks of this size: assumed, and every line that uses one says so.
CORE_PER_SECOND = 60e9
GPU_PER_SECOND = 3e12
# Seconds of one core beside the arithmetic, measured on an AMD EPYC (see ``seconds_beside``).
_SIMULATED = {
    "atari": 300e-6,
    "rooms": 50e-6,
    "minigrid": 170e-6,
}  # a step of one environment and its wrappers
_VECTOR_STEP = 0.7e-3  # a step of all environments: the runner's loop, and a forward pass of any size
_MINIBATCH = 4e-3  # of the policy, and of the curiosity: calls of a forward and a backward pass and of Adam
_HIDDEN = 256  # units over vectors; the same as curiosity.networks
_FRAME = 36  # pixels from which images get strided convolutions

SIZED = ("none", "rnd", "icm", "disagreement")
"""Curiosities whose networks are counted here; of one from elsewhere nobody knows."""


@dataclass(frozen=True)
class Size:
    """Of a network: parameters, and multiplications (each with an addition) of one forward pass."""

    parameters: int = 0
    products: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(self.parameters + other.parameters, self.products + other.products)


def estimate(settings: Settings, grid: Grid) -> Mapping[str, str]:
    """Say how many steps the agents take, how long that computes, and what fragments hold in memory."""
    del settings
    agents = [cell for cell in grid.cells.values() if cell.kind == "train"]
    if not agents:
        return {}
    steps = sum(map(steps_by, agents))
    whole = [cell for cell in agents if cell.stage is None or not cell.stage.begin]
    found = {"steps": f"{steps:,} by {len(whole)} agent{'s' * (len(whole) != 1)}"}
    known = [cell for cell in agents if shape_of(cell.config) is not None and _kind(cell.config) in SIZED]
    if known:
        found["computing"] = _computing(known, len(agents) - len(known))
    if memory := _memory(known):
        found["memory"] = memory
    left_out = sorted({bare(cell.config["environment"]) for cell in agents if _has_mission(cell.config)})
    if left_out:
        found["left out"] = f"agents don't see the mission's text of {', '.join(left_out)}"
    return found


def steps_by(cell: Cell) -> int:
    """Return how many steps a cell takes: those of its stage, or all."""
    return int(cell.config["steps"]) if cell.stage is None else cell.stage.end - cell.stage.begin


def _computing(agents: Sequence[Cell], unknown: int) -> str:
    operations = sum(2 * steps_by(cell) * products_per_step(cell.config) for cell in agents)
    beside = sum(steps_by(cell) * seconds_beside(cell.config) for cell in agents) / 3600
    on_gpus = [cell for cell in agents if cell.resources.gpus]
    networks = operations / CORE_PER_SECOND / 3600
    said = (
        f"about {_hours(networks + beside)} of one core: {_hours(networks)} of networks at "
        f"{CORE_PER_SECOND / 1e9:g} GFLOP/s (a rate assumed, not measured), {_hours(beside)} of environments "
        "and calls (as on an AMD EPYC)"
    )
    if on_gpus:
        days = operations / GPU_PER_SECOND / 86_400 + beside / 24
        rate = f"{GPU_PER_SECOND / 1e12:g} TFLOP/s"
        said += f", or {days:,.1f} GPU-days with networks at {rate} (assumed)"
    return said + (
        f"; {unknown} agents aside: the size of what they see, or of their curiosity, is not known"
        if unknown
        else ""
    )


def _hours(hours: float) -> str:
    minutes = max(1, round(60 * hours))
    return f"{hours:,.0f} hours" if hours >= 10 else f"{minutes} minute{'s' * (minutes != 1)}"


def _memory(agents: Sequence[Cell]) -> str | None:
    """Describe the largest agent's fragments."""
    largest = max(
        (cell for cell in agents if cell.config["curiosity"] == "far"), key=_all_fragments, default=None
    )
    if largest is None:
        return None
    far = largest.config["parameters"]
    each, capacity = fragment_bytes(largest.config), far["capacity"]
    bound = capacity if far["resident"] is None else min(capacity, max(far["resident"], 1))
    said = (
        f"an agent's fragments, {capacity} at most, are {each / 1e6:.3g} MB each with Adam: "
        f"{bound * each / 2**30:.2g} GiB where they compute"
    )
    if bound < capacity:
        said += f", {(capacity - bound) * each / 2**30:.3g} GiB in the temporary folder"
    return f"{said}, {capacity * each / 2**30:.3g} GiB in a checkpoint"


def _all_fragments(cell: Cell) -> int:
    return int(cell.config["parameters"]["capacity"]) * fragment_bytes(cell.config)


def _kind(config: Mapping[str, Any]) -> str:
    """Return the curiosity that computes: of ``far`` the one that it is laid around."""
    kind: str = config["curiosity"]
    return str(config["parameters"]["around"]) if kind == "far" else kind


def _has_mission(config: Mapping[str, Any]) -> bool:
    return bare(config["environment"]).startswith("BabyAI-")


def shape_of(config: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Return the shape of what an agent sees, where its environment need not be made to know it."""
    environment = config["environment"]
    if is_atari(environment):
        return (4, 84, 84)
    if is_own(environment):
        view = config["options"].get("view", RoomsOptions().view)
        return (3, view, view)
    if bare(environment).startswith(("MiniGrid-", "BabyAI-")) and "Obs" not in environment:
        return (3, 7, 7)
    return None


def fragment_bytes(config: Mapping[str, Any]) -> int:
    """Return the bytes of a fragment of an agent's ``far``: weights and Adam's moments in float32.

    Raises:
        ValueError: it is around a curiosity of which this is not known.
    """
    from farcuriosity.curiosity.modules import get

    parameters = config["parameters"]
    module = get(parameters["around"]).parameters(**parameters["module"]).model_dump()
    frame = _frame(config)
    trained = _predictor(parameters["around"], frame, module)
    frozen = _encoder(frame, module["features"]) if parameters["keys"] == "module" else Size()
    return 4 * (3 * trained.parameters + frozen.parameters)


def seconds_beside(config: Mapping[str, Any]) -> float:
    """Return the seconds of one core that a step of an agent takes beside the arithmetic of its networks.

    The simulator and its wrappers, and what a call costs however small the network: a step of the vector of
    environments, and a minibatch. For small environments and networks that is most of the time. Processor
    times of agents in MiniGrid, rooms and Pong, of 4 to 16 environments, were within a factor of 1.5 of
    the sum of this and of ``products_per_step`` at ``CORE_PER_SECOND``.

    Raises:
        ValueError: the environment is none whose size is known, see ``shape_of``.
    """
    training, environment = config["training"], config["environment"]
    if shape_of(config) is None:
        raise ValueError(f"What a step of '{environment}' costs is not known beforehand")
    kind = "atari" if is_atari(environment) else "rooms" if is_own(environment) else "minigrid"
    per_update = training["epochs"] * training["minibatches"] * (1 if _kind(config) == "none" else 2)
    of_calls = _VECTOR_STEP + _MINIBATCH * per_update / training["horizon"]
    return _SIMULATED[kind] + of_calls / training["environments"]


def products_per_step(config: Mapping[str, Any]) -> float:
    """Return the multiplications that a step of an agent takes, learning included.

    A backward pass counts as two forward passes. Each step is acted on once and learned from in each epoch;
    the curiosity scores it once, and learns from its share of the rows in each epoch.
    """
    training, shape = config["training"], shape_of(config)
    if shape is None:
        raise ValueError(f"The size of what '{config['environment']}' shows is not known beforehand")
    policy = _encoder(shape, training["features"], released=training["policy"] == "released", policy=True)
    if training["lstm"]:
        policy += _lstm(training["features"], training["lstm"])
    total = policy.products * (1.0 + 3 * training["epochs"])
    kind, parameters = config["curiosity"], config["parameters"]
    if kind == "far":
        kind, parameters = parameters["around"], _module(parameters)
    if kind != "none":
        frame = _frame(config)
        frozen = _encoder(frame, parameters["features"]).products
        trained = _predictor(kind, frame, parameters).products
        total += frozen + trained + training["epochs"] * parameters["proportion"] * (frozen + 3 * trained)
    return total


def _module(parameters: Mapping[str, Any]) -> dict[str, Any]:
    from farcuriosity.curiosity.modules import get

    return get(parameters["around"]).parameters(**parameters["module"]).model_dump()


def _frame(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of what the curiosity sees: of Atari's stacks the newest frame."""
    shape = shape_of(config) or (1,)
    return (1, *shape[1:]) if is_atari(config["environment"]) else shape


def _predictor(kind: str, frame: tuple[int, ...], parameters: Mapping[str, Any]) -> Size:
    features = parameters["features"]
    if kind == "rnd":
        return _encoder(frame, features) + _linear(features, features) + _linear(features, features)
    actions = 18  # of Atari games at most; it hardly counts
    head = _linear(features + actions, _HIDDEN) + _linear(_HIDDEN, features)
    if kind == "icm":
        inverse = _linear(2 * features, _HIDDEN) + _linear(_HIDDEN, actions)
        return _encoder(frame, features) + head + inverse
    if kind == "disagreement":
        return Size(head.parameters * parameters["models"], head.products * parameters["models"])
    raise ValueError(f"The size of the curiosity '{kind}' is not known beforehand")


def _encoder(shape: tuple[int, ...], features: int, *, released: bool = False, policy: bool = False) -> Size:
    if len(shape) == 1:
        return _linear(shape[0], _HIDDEN) + _linear(_HIDDEN, _HIDDEN) + _linear(_HIDDEN, features)
    channels, *sides = shape
    if min(sides) >= _FRAME:
        layers = [(16, 8, 4, 0), (32, 4, 2, 0)] if released else [(32, 8, 4, 0), (64, 4, 2, 0), (64, 3, 1, 0)]
    else:
        layers = [(16 if policy else 32, 3, 1, 1), (32, 3, 2, 1)]
    size = Size()
    for count, kernel, stride, padding in layers:
        sides = [(side + 2 * padding - kernel) // stride + 1 for side in sides]
        weights = channels * count * kernel**2
        size += Size(weights + count, weights * math.prod(sides))
        channels = count
    return size + _linear(channels * math.prod(sides), features)


def _linear(inputs: int, outputs: int) -> Size:
    return Size(inputs * outputs + outputs, inputs * outputs)


def _lstm(inputs: int, units: int) -> Size:
    weights = 4 * units * (inputs + units)
    return Size(weights + 8 * units, weights)
