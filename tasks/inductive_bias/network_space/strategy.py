"""How many hypotheses to train at once: measured on the machine and data at hand, not guessed.

On a GPU a stack of hundreds hides the launch of each kernel. On a CPU memory bandwidth decides: weights,
gradients and moments of one small network stay in cache, those of a large stack don't.
"""

import time
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from inductive_bias.network_space.architectures import Architecture
from inductive_bias.network_space.training import Recipe, Stack, Trained, hypothesis_generator, train_stack

_CPU_CHUNKS = (1, 4, 16)
_GPU_CHUNKS = (64, 256, 1024)


@dataclass(frozen=True)
class Strategy:
    """``chunk`` hypotheses at once; ``together``: by batched products, else one after another."""

    chunk: int
    together: bool

    @property
    def name(self) -> str:
        """For people."""
        return (
            f"{'stacks' if self.together else 'one by one'} of {self.chunk}"
            if self.chunk > 1
            else "one by one"
        )


def candidates(device: str, count: int) -> list[Strategy]:
    """Return what is worth measuring for ``count`` hypotheses on ``cpu`` or ``cuda``."""
    if device != "cpu":
        return [Strategy(min(chunk, count), True) for chunk in _GPU_CHUNKS if chunk <= count or chunk == 64]
    stacks = [Strategy(chunk, True) for chunk in (*_CPU_CHUNKS[1:], count) if chunk <= count and chunk > 1]
    return [Strategy(1, False), *dict.fromkeys(stacks)]


def measure(
    strategies: list[Strategy],
    architecture: Architecture,
    x: Tensor,
    y: Tensor,
    recipe: Recipe,
    *,
    seconds: float,
) -> dict[Strategy, float]:
    """Return hypothesis-steps per second of each strategy, from about ``seconds`` of training each."""
    found = {}
    for strategy in strategies:
        generators = [hypothesis_generator(0, index) for index in range(strategy.chunk)]
        stack = Stack(architecture, generators, x, y, recipe, together=strategy.together)
        stack.epoch()  # the first is slower: libraries choose their kernels
        best = float("inf")
        started = time.perf_counter()
        while time.perf_counter() - started < seconds:
            before = time.perf_counter()
            stack.epoch()
            if x.device.type == "cuda":
                torch.cuda.synchronize()
            best = min(best, time.perf_counter() - before)
        found[strategy] = strategy.chunk * max(1, len(x) // min(recipe.batch_size, len(x))) / best
    return found


@lru_cache(maxsize=64)
def _fastest(
    device: str, architecture: Architecture, shape: tuple[int, ...], recipe: Recipe, count: int
) -> Strategy:
    strategies = candidates(device, count)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)
    y = torch.zeros(shape[0], architecture.outputs, device=device)
    rates = measure(strategies, architecture, x, y, recipe, seconds=0.15)
    return max(rates, key=lambda strategy: rates[strategy])


def fastest(architecture: Architecture, x: Tensor, recipe: Recipe, count: int) -> Strategy:
    """Return the fastest strategy for ``count`` hypotheses on inputs like ``x``; measured once."""
    return _fastest(x.device.type, architecture, tuple(x.shape), recipe, count)


def train_hypotheses(
    architecture: Architecture,
    recipe: Recipe,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    suite_seed: int,
    indices: range,
    strategy: Strategy | None = None,
) -> Trained:
    """Train hypotheses number ``indices`` of a suite; rows of the answer in that order.

    Args:
        architecture: of all.
        recipe: how to train.
        train: float32 inputs (n, ...) and targets (n, k) on the device to train on.
        test: likewise.
        suite_seed: with the index, decides everything about a hypothesis.
        indices: which.
        strategy: how many at once; by default the fastest by measurement.

    Raises:
        Diverged: a training error is not finite.
    """
    strategy = strategy or fastest(architecture, train[0], recipe, len(indices))
    parts = []
    for first in range(0, len(indices), strategy.chunk):
        chosen = indices[first : first + strategy.chunk]
        generators = [hypothesis_generator(suite_seed, index) for index in chosen]
        stack = Stack(architecture, generators, *train, recipe, together=strategy.together)
        parts.append(train_stack(stack, recipe, train, test))
    return Trained(
        *(torch.cat([getattr(part, name) for part in parts]) for name in Trained.__dataclass_fields__)
    )
