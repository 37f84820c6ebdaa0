"""Bandwidth and amplitude of a kernel by marginal likelihood: what the training data themselves prefer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inductive_bias.kernel_space.kernels import Floats, Kernel, median_bandwidth
from inductive_bias.kernel_space.solve import cholesky
from inductive_bias.spaces import registry as spaces
from inductive_bias.spaces.kind import KernelKind

SPREAD = 64.0
"""Bandwidths from the median distance divided by this to the median distance times this are tried."""

RIDGE = 1e-8
"""Noise beside a noiseless kernel's diagonal, relative: it bounds what rounding does to the likelihood."""

_STEPS = 25


@dataclass(frozen=True)
class MostLikely:
    """What was chosen.

    Attributes:
        bandwidth: None for a kernel that has none.
        amplitude: prior variance, in units of the kernel's usual form.
        nats: log marginal likelihood of the training targets.
        at_end: the bandwidth lies at an end of what was tried.
    """

    bandwidth: float | None
    amplitude: float
    nats: float
    at_end: bool = False


def log_evidence(kernel: Kernel, x: Floats, y: Floats, noise: float) -> float:
    """Return the log marginal likelihood of targets (n, k), outputs independent, in nats.

    Source: Rasmussen and Williams, "Gaussian processes for machine learning" (2006), equation 2.30.
    """
    from scipy.linalg import solve_triangular

    matrix = kernel(x, x)
    matrix[np.diag_indices_from(matrix)] += noise
    factor, _ = cholesky(matrix)
    white = solve_triangular(factor, y, lower=True)
    n, outputs = y.shape
    log_det = 2 * float(np.log(np.diag(factor)).sum())
    return float(-0.5 * (white**2).sum() - 0.5 * outputs * (log_det + n * math.log(2 * math.pi)))


def most_likely(config: Mapping[str, Any], x: Floats, y: Floats, noise: float) -> MostLikely:
    """Maximise the marginal likelihood over what the configuration leaves to it.

    Without noise the best amplitude of a bandwidth is known in closed form, ``y^T K^-1 y / (n k)``, and the
    bandwidth is searched on a grid of logarithms and refined between its neighbours; with noise, both are
    searched. ``RIDGE`` of the amplitude is added to a noiseless kernel's diagonal while searching.

    Args:
        config: of a kernel cell; ``bandwidth`` or ``amplitude`` is ``evidence``.
        x: training inputs, shape (n, d).
        y: training targets, shape (n, k).
        noise: variance of the noise on training targets.
    """
    free_amplitude = config["amplitude"] == "evidence"

    def best(bandwidth: float | None) -> MostLikely:
        amplitude = _amplitude(made(config, bandwidth, 1.0), x, y, noise) if free_amplitude else None
        amplitude = float(config["amplitude"]) if amplitude is None else amplitude
        kernel = made(config, bandwidth, amplitude)
        ridge = noise or RIDGE * amplitude
        return MostLikely(bandwidth, amplitude, log_evidence(kernel, x, y, ridge))

    if "bandwidth" not in config:
        return best(None)
    if config["bandwidth"] != "evidence":
        return best(median_bandwidth(x) if config["bandwidth"] == "median" else float(config["bandwidth"]))
    middle = math.log(median_bandwidth(x))
    grid = np.linspace(middle - math.log(SPREAD), middle + math.log(SPREAD), _STEPS)
    tried = [best(math.exp(point)) for point in grid]
    top = max(range(_STEPS), key=lambda index: tried[index].nats)
    if top in (0, _STEPS - 1):
        found = tried[top]
        return MostLikely(found.bandwidth, found.amplitude, found.nats, at_end=True)
    from scipy.optimize import minimize_scalar

    refined = minimize_scalar(
        lambda point: -best(math.exp(point)).nats, bounds=(grid[top - 1], grid[top + 1]), method="bounded"
    )
    return max(best(math.exp(float(refined.x))), tried[top], key=lambda found: found.nats)


def made(config: Mapping[str, Any], bandwidth: float | None, amplitude: float) -> Kernel:
    """Make the kernel of a kernel cell's configuration; a bandwidth of None stands for a kernel without."""
    kind = spaces.get(config["kind"])
    assert isinstance(kind, KernelKind)
    own = {name: config[name] for name in kind.own}
    if bandwidth is not None:
        own["bandwidth"] = bandwidth
    return kind.make(amplitude=amplitude, **own)


def _amplitude(shape: Kernel, x: Floats, y: Floats, noise: float) -> float:
    """Return the most likely amplitude of a kernel of amplitude 1, by its eigenvalues."""
    values, vectors = np.linalg.eigh(shape(x, x))
    along = ((vectors.T @ y) ** 2).sum(axis=1)
    outputs = y.shape[1]
    ridged = np.maximum(values, 0) + RIDGE * float(values.mean())
    start = float((along / ridged).mean()) / outputs
    if not noise:
        return start
    from scipy.optimize import minimize_scalar

    def cost(log_amplitude: float) -> float:
        spread = math.exp(log_amplitude) * np.maximum(values, 0) + noise
        return float((along / spread + outputs * np.log(spread)).sum())

    ends = (math.log(start) - 12, math.log(start) + 12)
    return math.exp(float(minimize_scalar(cost, bounds=ends, method="bounded").x))
