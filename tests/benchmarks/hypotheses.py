"""Hypotheses per second against the usual ways of training them, and a Cholesky solve against Adam's.

Networks are 784-100-10 (the published code's kind of task), 500 training points, batches of 50, 20 epochs;
the same networks, data and number of steps everywhere. Ratios are of runs that alternate in one process, in
processor time of one thread: what else the machine does then disturbs them least.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from inductive_bias.kernel_space.kernels import median_bandwidth, rbf
from inductive_bias.kernel_space.solve import solve_cholesky
from inductive_bias.network_space.architectures import Architecture, initialise, unflatten
from inductive_bias.network_space.strategy import candidates, fastest, train_hypotheses
from inductive_bias.network_space.strategy import measure as measure_strategies
from inductive_bias.network_space.training import Recipe, hypothesis_generator

AIMS = {
    "hypotheses vs DataLoader, one by one (x)": ">= 5",
    "hypotheses vs tight loop over tensors (x)": ">= 1.5",
}
ARCHITECTURE = Architecture((784,), (), (100,), 10)
EPOCHS = 20
RECIPE = Recipe(batch_size=50, max_epochs=EPOCHS, check_every=EPOCHS, fit_error=1e-12)
POINTS = 500
ROUNDS = 3


def measure() -> dict[str, float]:
    """Measure on one thread; values by name, ratios first."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(POINTS, 784, generator=generator)
    y = torch.eye(10)[torch.randint(10, (POINTS,), generator=generator)]
    strategy = fastest(ARCHITECTURE, x, RECIPE, 32)
    count = max(strategy.chunk, 4)
    data = (x, y)

    def ours() -> float:
        return (
            _timed(
                lambda: train_hypotheses(
                    ARCHITECTURE, RECIPE, data, data, suite_seed=0, indices=range(count), strategy=strategy
                )
            )
            / count
        )

    def loader() -> float:
        return _timed(lambda: _usual(*data, DataLoader(TensorDataset(x, y), 50, shuffle=True)))

    def tight() -> float:
        return _timed(lambda: _tight(*data))

    times: dict[str, list[float]] = {"ours": [], "loader": [], "tight": []}
    for _ in range(ROUNDS):
        for name, run in (("ours", ours), ("loader", loader), ("tight", tight)):
            times[name].append(run())
    best = {name: min(values) for name, values in times.items()}
    steps = EPOCHS * POINTS // 50
    flops = 2 * 50 * 10 * 100 * 3 + 2 * 50 * 784 * 100 * 2  # no gradient of the inputs
    rates = measure_strategies(candidates("cpu", 32), ARCHITECTURE, x, y, RECIPE, seconds=0.5)
    found = {
        "hypotheses vs DataLoader, one by one (x)": best["loader"] / best["ours"],
        "hypotheses vs tight loop over tensors (x)": best["tight"] / best["ours"],
        "hypotheses per second": 1 / best["ours"],
        "hypotheses per second, DataLoader": 1 / best["loader"],
        "hypotheses per second, tight loop": 1 / best["tight"],
        "at once": float(strategy.chunk),
        "GFLOP/s of training": flops * steps / best["ours"] / 1e9,
        "share of the measured matrix product's FLOP/s": flops * steps / best["ours"] / _peak_flops(),
        "share of the measured memory bandwidth": 7
        * 4
        * ARCHITECTURE.size
        * steps
        / best["ours"]
        / _bandwidth(),
    }
    found |= {f"steps per second, {name.name}": rate for name, rate in rates.items()}
    return found | _kernel()


def _timed(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def _module() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    flat = initialise(ARCHITECTURE, hypothesis_generator(0, 0))
    with torch.no_grad():
        for layer, (weight, bias) in zip(model[::2], unflatten(flat, ARCHITECTURE), strict=True):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    return model


def _usual(x: torch.Tensor, y: torch.Tensor, batches: DataLoader) -> float:
    model = _module()
    optimiser = torch.optim.Adam(model.parameters(), lr=RECIPE.lr)
    for _ in range(EPOCHS):
        for inputs, targets in batches:
            optimiser.zero_grad()
            nn.functional.mse_loss(model(inputs), targets).backward()
            optimiser.step()
    with torch.no_grad():
        return nn.functional.mse_loss(model(x), y).item()


def _tight(x: torch.Tensor, y: torch.Tensor) -> float:
    model = _module()
    optimiser = torch.optim.Adam(model.parameters(), lr=RECIPE.lr)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for start in range(0, len(x), 50):
            rows = order[start : start + 50]
            optimiser.zero_grad()
            nn.functional.mse_loss(model(x[rows]), y[rows]).backward()
            optimiser.step()
    with torch.no_grad():
        return nn.functional.mse_loss(model(x), y).item()


def _peak_flops() -> float:
    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    out = torch.empty(1024, 1024)
    return 2 * 1024**3 / min(_timed(lambda: torch.mm(a, b, out=out)) for _ in range(8))


def _bandwidth() -> float:
    """Bytes a second that a copy much larger than the caches reads and writes."""
    a = torch.rand(64_000_000)
    b = torch.empty_like(a)
    return 2 * 4 * len(a) / min(_timed(lambda: b.copy_(a)) for _ in range(4))


def _kernel() -> dict[str, float]:
    """50 training and 100 test points, as the published code was run: solve K X = [Y, K_*^T]."""
    draws = np.random.default_rng(0)
    x, z = draws.normal(size=(50, 64)), draws.normal(size=(100, 64))
    kernel = rbf(median_bandwidth(x))
    matrix = kernel(x, x)
    right = np.concatenate([np.eye(10)[draws.integers(0, 10, 50)], kernel(z, x).T], axis=1)
    residual = 1e-4
    adam_seconds, adam_epochs, reached = _adam_solve(matrix, right, residual)
    solved = solve_cholesky(matrix, right)
    seconds = min(_timed(lambda: solve_cholesky(matrix, right)) for _ in range(20))
    return {
        "kernel: Cholesky vs Adam to a residual of 1e-4 or its end (x)": adam_seconds / seconds,
        "kernel: Cholesky, ms": seconds * 1e3,
        "kernel: Cholesky's residual": solved.residual,
        "kernel: Adam, seconds": adam_seconds,
        "kernel: Adam, epochs": float(adam_epochs),
        "kernel: Adam's residual": reached,
    }


def _adam_solve(matrix: np.ndarray, right: np.ndarray, residual: float) -> tuple[float, int, float]:
    """Minimise |K X - B|^2 by Adam, at most 10,000 epochs as published; the better of two step sizes."""
    a, b = torch.from_numpy(matrix), torch.from_numpy(right)
    scale = float(b.norm())
    best: tuple[float, int, float] | None = None
    for lr in (1e-2, 1e-3):
        x = torch.zeros_like(b, requires_grad=True)
        optimiser = torch.optim.Adam([x], lr=lr)
        started, epoch, error = time.process_time(), 0, 1.0
        while epoch < 10_000:
            epoch += 1
            optimiser.zero_grad()
            loss = (a @ x - b).square().sum()
            loss.backward()
            optimiser.step()
            error = loss.item() ** 0.5 / scale
            if error <= residual:
                break
        found = (time.process_time() - started, epoch, error)
        done, before = error <= residual, best is not None and best[2] <= residual
        if best is None or (done and (not before or found[0] < best[0])) or (not before and error < best[2]):
            best = found
    assert best is not None
    return best
