"""Hypotheses per second on two cores against the usual ways of training them; Cholesky against Adam.

The same networks, data and number of steps everywhere: 784-100-10 and 784-100-100-10, 500 training points,
20 epochs of 10 steps of 50. The usual ways train one network after another in one process with one thread
or two, whichever is faster; ours trains in two processes of one thread each, as the grid's cells do. Rounds
of all ways alternate; the best round of each counts, by the clock. Shares of peak, and the kernel's solvers,
are of one core, in processor time of one thread.
"""

import multiprocessing
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from inductive_bias.kernel_space.kernels import median_bandwidth, rbf
from inductive_bias.kernel_space.solve import solve_cholesky
from inductive_bias.network_space.architectures import Architecture, initialise, unflatten
from inductive_bias.network_space.module import train_hypotheses
from inductive_bias.network_space.training import Recipe, Stack, hypothesis_generator, stack_size

WIDTHS = {"784-100-10": (100,), "784-100-100-10": (100, 100)}
AIMS = {f"{name}: against a DataLoader, one by one (x)": ">= 5" for name in WIDTHS}
AIMS |= {f"{name}: against a tight loop (x)": ">= 1.5" for name in WIDTHS}
AIMS["kernel: Cholesky against Adam to the residual that Adam reached (x)"] = ">= 1000"

CORES = 2
EPOCHS = 20
BATCH = 50
POINTS = 500
STEPS = EPOCHS * POINTS // BATCH
COUNT = 16  # hypotheses a process and round
ROUNDS = 5
RECIPE = Recipe(batch_size=BATCH, max_epochs=EPOCHS, check_every=EPOCHS, fit_error=1e-12)
ADAM_EPOCHS = 10_000  # as published


def measure() -> dict[str, float]:
    """Measure; ratios first."""
    found: dict[str, float] = {}
    with multiprocessing.get_context("spawn").Pool(
        CORES, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        for name, widths in WIDTHS.items():
            found |= {f"{name}: {key}": value for key, value in _networks(widths, pool).items()}
    with threadpool_limits(limits=1):
        return found | _kernel()


def _networks(widths: tuple[int, ...], pool: Any) -> dict[str, float]:
    architecture, data = Architecture((784,), (), widths, 10), _data()
    ours = (ours_in_one_process, [(widths, range(i * COUNT, (i + 1) * COUNT)) for i in range(CORES)])
    seconds: dict[str, list[float]] = {"ours": [], "DataLoader": [], "tight loop": []}
    for _ in range(ROUNDS):
        seconds["ours"].append(_clock(lambda: pool.starmap(*ours)) / (CORES * COUNT))
        for threads in (1, CORES):
            torch.set_num_threads(threads)
            seconds["DataLoader"].append(_clock(lambda: usual(architecture, *data)))
            seconds["tight loop"].append(_clock(lambda: tight(architecture, *data)))
    best = {way: min(values) for way, values in seconds.items()}
    torch.set_num_threads(1)
    stacks = {count: _step(architecture, data, count) for count in (1, 4, 16)}
    step = stacks[stack_size(architecture, "cpu", BATCH)]
    macs = [out * into for out, into in architecture.layers]
    flops = 2 * BATCH * (3 * sum(macs) - macs[0])  # no gradient of the inputs
    return {
        "against a DataLoader, one by one (x)": best["DataLoader"] / best["ours"],
        "against a tight loop (x)": best["tight loop"] / best["ours"],
        **{f"hypotheses/s on {CORES} cores, {way}": 1 / value for way, value in best.items()},
        **{f"steps/s on one core, {count} at once": 1 / value for count, value in stacks.items()},
        "steps/s on one core, DataLoader": STEPS / _processor(lambda: usual(architecture, *data)),
        "steps/s on one core, tight loop": STEPS / _processor(lambda: tight(architecture, *data)),
        "share of a large product's FLOP/s": flops / step / _peak_flops(),
        # Weights, gradient and two moments: what Adam and the gradient read and write a step.
        "share of a large copy's bytes/s": 8 * 4 * architecture.size / step / _bandwidth(),
    }


def _data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(POINTS, 784, generator=generator)
    return x, torch.eye(10)[torch.randint(10, (POINTS,), generator=generator)]


def ours_in_one_process(widths: tuple[int, ...], indices: range) -> None:
    """Train hypotheses as a cell does."""
    data = _data()
    train_hypotheses(Architecture((784,), (), widths, 10), RECIPE, data, data, suite_seed=0, indices=indices)


def usual(architecture: Architecture, x: torch.Tensor, y: torch.Tensor) -> None:
    """Train one network from a DataLoader."""
    batches = DataLoader(TensorDataset(x, y), BATCH, shuffle=True)
    _train(architecture, (batch for _ in range(EPOCHS) for batch in batches))


def tight(architecture: Architecture, x: torch.Tensor, y: torch.Tensor) -> None:
    """Train one network in a loop over preloaded tensors."""
    rows = (rows for _ in range(EPOCHS) for rows in torch.randperm(len(x)).split(BATCH))
    _train(architecture, ((x[chosen], y[chosen]) for chosen in rows))


def _train(architecture: Architecture, batches: Any) -> None:
    layers = unflatten(initialise(architecture, hypothesis_generator(0, 0)), architecture)
    linear = [nn.Linear(weight.shape[1], weight.shape[0]) for weight, _ in layers]
    with torch.no_grad():
        for module, (weight, bias) in zip(linear, layers, strict=True):
            module.weight.copy_(weight)
            module.bias.copy_(bias)
    model = nn.Sequential(*(part for module in linear for part in (module, nn.ReLU())))[:-1]
    optimiser = torch.optim.Adam(model.parameters(), lr=RECIPE.lr)
    for inputs, targets in batches:
        optimiser.zero_grad()
        nn.functional.mse_loss(model(inputs), targets).backward()
        optimiser.step()


def _step(architecture: Architecture, data: tuple[torch.Tensor, torch.Tensor], count: int) -> float:
    """Return the processor seconds of one step of one hypothesis, ``count`` side by side."""
    generators = [hypothesis_generator(0, index) for index in range(count)]
    stack = Stack(architecture, generators, *data, RECIPE, alone=count == 1)
    return min(_processor(stack.epoch) for _ in range(30)) / (count * POINTS // BATCH)


def _clock(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _processor(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def _peak_flops() -> float:
    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    out = torch.empty(1024, 1024)
    return 2 * 1024**3 / min(_processor(lambda: torch.mm(a, b, out=out)) for _ in range(20))


def _bandwidth() -> float:
    """Bytes a second that a copy much larger than the caches reads and writes."""
    a = torch.rand(64_000_000)
    b = torch.empty_like(a)
    return 2 * 4 * len(a) / min(_processor(lambda: b.copy_(a)) for _ in range(4))


def _kernel() -> dict[str, float]:
    """50 training and 100 test points, as the published code was run: solve K X = [Y, K_*^T]."""
    draws = np.random.default_rng(0)
    x, z = draws.normal(size=(50, 64)), draws.normal(size=(100, 64))
    kernel = rbf(median_bandwidth(x))
    matrix = kernel(x, x)
    right = np.concatenate([np.eye(10)[draws.integers(0, 10, 50)], kernel(z, x).T], axis=1)
    adam_seconds, reached = min((_adam_solve(matrix, right, lr) for lr in (1e-2, 1e-3)), key=lambda r: r[1])
    solved = solve_cholesky(matrix, right)
    seconds = min(
        _processor(lambda: [solve_cholesky(matrix, right) for _ in range(20)]) / 20 for _ in range(5)
    )
    if solved.residual > reached:
        raise AssertionError("Cholesky's residual is larger than Adam's")
    return {
        "kernel: Cholesky against Adam to the residual that Adam reached (x)": adam_seconds / seconds,
        "kernel: Cholesky, ms": seconds * 1e3,
        "kernel: Cholesky's residual": solved.residual,
        f"kernel: Adam, seconds for {ADAM_EPOCHS} epochs": adam_seconds,
        "kernel: Adam's residual": reached,
    }


def _adam_solve(matrix: np.ndarray, right: np.ndarray, lr: float) -> tuple[float, float]:
    """Minimise |K X - B|^2 by Adam for the published number of epochs; return seconds and |K X - B| / |B|."""
    a, b = torch.from_numpy(matrix), torch.from_numpy(right)
    x = torch.zeros_like(b, requires_grad=True)
    optimiser = torch.optim.Adam([x], lr=lr)

    def epochs() -> None:
        for _ in range(ADAM_EPOCHS):
            optimiser.zero_grad()
            (a @ x - b).square().sum().backward()
            optimiser.step()

    seconds = _processor(epochs)
    return seconds, float((a @ x - b).detach().norm() / b.norm())
