"""What makes an estimate less sure, in plain words."""

import math

import numpy as np

from inductive_bias.distributions.fit import POOR
from inductive_bias.distributions.information import BITS, COVERED, Estimate, Floats

ROUNDING = 1e-6
"""Training errors up to this, a thousandth of the targets' deviation, are called a fit without a warning."""

FAR = 3.0
"""An extrapolation is called far where I is more than so many times log(samples), what samples can show."""

POOR_ACCEPTANCE = 0.1
POOR_CORRELATION = 0.8
"""Particles whose moves are accepted less, or that resemble their ancestors more, mix too slowly."""


def fit_warning(training_error: float, jitter: float, noise: float = 0.0) -> list[str]:
    """Say where a kernel's functions miss the training data by more than rounding, and why.

    Args:
        training_error: mean squared, in the unit of the errors.
        jitter: added to the kernel matrix's diagonal.
        noise: variance of the noise that the suite asks for.
    """
    if training_error <= ROUNDING:
        return []
    if noise:
        return [f"the functions keep a training error of {training_error:.2g}: the noise is {noise:.2g}"]
    if not jitter:
        return [f"equal inputs with different targets leave a training error of {training_error:.2g}"]
    return [
        f"the functions keep a training error of {training_error:.2g}, as the kernel matrix could only be "
        f"factorised by adding {jitter:.2g} to its diagonal"
    ]


def warnings_of(found: Estimate, errors: Floats, unfitted: int) -> list[str]:
    """Say in plain words what makes the estimate less sure; nothing where nothing does."""
    said = []
    n = len(errors)
    if found.p_value < POOR:
        said.append(
            f"the non-central chi-squared model fits the sampled errors poorly (p = {found.p_value:.2g}, "
            f"largest distance {found.ks:.2g})"
        )
    said += _extrapolations(found, errors)
    said += _too_deep(found)
    if found.fitted.df < 1 and found.nats.max() > found.fitted.nc / 4:
        said.append(
            f"the fitted model has next to no degrees of freedom ({found.fitted.df:.2g}), so that its I "
            f"can't exceed {found.fitted.nc / 2:.3g} nats: its far tail is not to be trusted"
        )
    if unfitted:
        said.append(
            f"{unfitted} of {n + unfitted} hypotheses did not reach the training error and are left out"
        )
    if found.exact is not None:
        said += _of_exact(found)
    return said


def _extrapolations(found: Estimate, errors: Floats) -> list[str]:
    """Name the errors at which I rests on the fitted model outside the samples."""
    if found.exact is not None:  # an exact I rests on no sample and no model, wherever it is asked for
        return []
    modelled = np.ones(len(found.epsilons), dtype=bool)
    if found.runs is not None:
        modelled = ~np.isfinite(found.runs.mean())
    below = modelled & (found.epsilons < errors.min())
    beyond = found.epsilons[below]
    far = found.epsilons[below & (found.nats > FAR * math.log(len(errors)))]
    if len(far):
        distance = (float(errors.mean()) - float(far.max())) / float(errors.std())
        return [
            f"target errors up to {far.max():.3g} lie far below the smallest of {len(errors)} sampled errors "
            f"({errors.min():.3g}; {distance:.0f} standard deviations below the mean): I there rests on the "
            "fitted model's tail alone"
        ]
    if len(beyond):
        return [f"target errors up to {beyond.max():.3g} lie below the smallest sampled ({errors.min():.3g})"]
    return []


def _too_deep(found: Estimate) -> list[str]:
    """Say where subset simulation went deeper than its intervals were seen to hold."""
    if found.runs is None:
        return []
    nats = found.runs.mean()
    deep = np.isfinite(nats) & (nats > COVERED)
    if not deep.any():
        return []
    return [
        f"at errors up to {found.epsilons[deep].max():.3g} subset simulation finds more than "
        f"{COVERED * BITS:.0f} bits (up to {nats[deep].max() * BITS:.3g}): so deep, runs find too much, "
        "with few sweeps by more than they differ, so there is no interval: leave splitting.sweeps adaptive "
        "and take more splitting.particles"
    ]


def _of_exact(found: Estimate) -> list[str]:
    assert found.exact is not None
    said = []
    kinds = [found.exact.information(float(eps)) for eps in found.epsilons]
    named = list(zip(found.epsilons, (kind for _, kind in kinds), strict=True))
    withheld = [eps for eps, kind in named if kind == "withheld"]
    if withheld:
        said.append(
            f"I at errors up to {max(withheld):.3g} is withheld: rounding may move it by more than 5 %. The "
            "kernel matrix is too ill-conditioned for float64, and high precision is for fewer points"
        )
    impossible = [eps for eps, kind in named if kind == "impossible"]
    if impossible:
        said.append(
            f"no function of this space that fits the training data has an error below "
            f"{found.exact.distribution.floor:.4g}: I at {max(impossible):.3g} and below is infinite"
        )
    exact = np.array([math.nan if value is None else value for value, _ in kinds])
    gap = np.abs(found.nats - exact)
    if np.isfinite(gap).any():
        worst = int(np.nanargmax(gap))
        if gap[worst] > max(1.0, 0.1 * exact[worst]):
            said.append(
                f"the fitted model is up to {gap[worst]:.3g} nats from the exact tail (at error "
                f"{found.epsilons[worst]:.3g}: {found.nats[worst]:.4g} against {exact[worst]:.4g})"
            )
    return said


def mixing_warnings(
    acceptance: float | None, correlation: float | None, founders: int, missed: int
) -> list[str]:
    """Say where subset simulation mixed badly or did not come down to the target.

    Args:
        acceptance: the smallest share of accepted moves at any level of any run.
        correlation: mean of the particles' ranks with their ancestors', the worst run's.
        founders: the fewest first particles from which a run's last ones descend.
        missed: runs that gave up above the target.
    """
    said = []
    if missed:
        said.append(f"{missed} runs of subset simulation did not come down to the target error")
    if acceptance is not None and acceptance < POOR_ACCEPTANCE:
        said.append(
            f"subset simulation accepted only {acceptance:.0%} of its moves at one level: it mixes badly"
        )
    if correlation is not None and correlation > POOR_CORRELATION:
        said.append(
            f"particles of subset simulation resemble their ancestors (correlation {correlation:.2f}; "
            f"{founders} founders are left): take more splitting.sweeps"
        )
    return said
