"""I(eps) = -log P(test error <= eps), from sampled errors: with intervals, goodness of fit and warnings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError
from inductive_bias.distributions.fit import MINIMUM_SAMPLES, POOR, check_errors, fit, goodness_of_fit
from inductive_bias.distributions.ncx2 import ScaledNcx2, sankaran_information
from inductive_bias.distributions.weighted import WeightedChi2

Floats = NDArray[np.float64]

BITS = 1 / math.log(2)
"""Bits in a nat."""

ROUNDING = 1e-6
"""Training errors up to this, a thousandth of the targets' deviation, are called a fit without a warning."""

FAR = 3.0
"""An extrapolation is called far where I is more than so many times log(samples), what samples can show."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """The information of one hypothesis space for one problem, at errors ``epsilons``.

    Attributes:
        epsilons: shape (E,), in the unit of the errors.
        nats: I at them by the fitted distribution, shape (E,).
        low: lower ends of 95 % intervals, shape (E,).
        high: upper ends.
        replicates: I of the bootstrap's resamples, shape (resamples, E).
        fitted: the distribution.
        ks: Kolmogorov-Smirnov distance of the fit.
        p_value: of that distance.
        exact: I by the exact distribution, shape (E,); None where there is none.
    """

    epsilons: Floats
    nats: Floats
    low: Floats
    high: Floats
    replicates: Floats
    fitted: ScaledNcx2
    ks: float
    p_value: float
    exact: Floats | None


def estimate(
    errors: Floats,
    epsilons: Sequence[float],
    *,
    resamples: int,
    generator: np.random.Generator,
    exact: WeightedChi2 | None = None,
) -> Estimate:
    """Estimate I(eps) from sampled errors.

    Intervals are 95 %, basic percentiles of a bootstrap over the sampled hypotheses.

    Args:
        errors: test errors of hypotheses that fit, shape (n,), mean squared.
        epsilons: errors asked for, in the same unit.
        resamples: of the bootstrap and, unless they are too few for it, of the goodness of fit.
        generator: of the resamples.
        exact: the errors' exact distribution, where it is known.

    Raises:
        UserError: too few errors, errors that no distribution fits, or an eps that is not possible.
    """
    values = check_errors(errors)
    targets = np.asarray(epsilons, dtype=np.float64)
    check_epsilons(targets, exact)
    fitted = fit(values)
    replicates = np.empty((resamples, len(targets)))
    for index in range(resamples):
        again = generator.choice(values, len(values))
        replicates[index] = -fit(again, fitted).log_cdf(targets)
    low, high = np.percentile(replicates, [2.5, 97.5], axis=0)
    ks, p_value = goodness_of_fit(values, fitted, resamples=resamples, generator=generator)
    return Estimate(
        epsilons=targets,
        nats=-fitted.log_cdf(targets),
        low=low,
        high=high,
        replicates=replicates,
        fitted=fitted,
        ks=ks,
        p_value=p_value,
        exact=None if exact is None else np.array([-exact.log_cdf(float(eps)) for eps in targets]),
    )


def check_epsilons(epsilons: Floats, exact: WeightedChi2 | None = None) -> None:
    """Raise UserError for target errors that can't be had: not positive, or below the exact floor."""
    if not np.isfinite(epsilons).all() or (epsilons <= 0).any():
        raise UserError("A target error must be positive: a mean squared error can't be zero or below")
    if exact is not None and (epsilons <= exact.floor).any():
        raise UserError(
            f"The target error {epsilons.min():.4g} is not possible: no function of this space that fits "
            f"the training data has an error below {exact.floor:.4g}"
        )


def too_few(samples: int, unfitted: int) -> None:
    """Raise UserError where too few hypotheses fit the training data to estimate from."""
    if samples < MINIMUM_SAMPLES and unfitted:
        raise UserError(
            f"Only {samples} of {samples + unfitted} hypotheses reached the training error, and an estimate "
            f"takes {MINIMUM_SAMPLES}: train longer (training.max_epochs) or allow a larger "
            "training.fit_error"
        )


def rows(found: Estimate) -> list[dict[str, Any]]:
    """Return one record of JSON values per eps; information in nats and bits, null where not finite."""
    long = sankaran_information(found.epsilons, found.fitted)
    short = sankaran_information(found.epsilons, found.fitted, short=True)
    return [
        {
            "error": float(eps),
            "nats": plain(found.nats[i]),
            "bits": plain(found.nats[i] * BITS),
            "ci95": [plain(found.low[i]), plain(found.high[i])],
            "exact": None if found.exact is None else plain(found.exact[i]),
            "sankaran": plain(long[i]),
            "sankaran_short": plain(short[i]),
        }
        for i, eps in enumerate(found.epsilons)
    ]


def fit_warning(training_error: float, jitter: float) -> list[str]:
    """Say where a kernel's functions miss the training data by more than rounding, and by what jitter.

    Args:
        training_error: mean squared, in the unit of the errors.
        jitter: added to the kernel matrix's diagonal.
    """
    if training_error <= ROUNDING:
        return []
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
    modelled = found.exact is None  # an exact I rests on no sample and no model, wherever it is asked for
    beyond = found.epsilons[modelled & (found.epsilons < errors.min())]
    far = found.epsilons[modelled & (found.epsilons < errors.min()) & (found.nats > FAR * math.log(n))]
    if len(far):
        distance = (float(errors.mean()) - float(far.max())) / float(errors.std())
        said.append(
            f"target errors up to {far.max():.3g} lie far below the smallest of {n} sampled errors "
            f"({errors.min():.3g}; {distance:.0f} standard deviations below the mean): I there rests on the "
            "fitted model's tail alone"
        )
    elif len(beyond):
        said.append(
            f"target errors up to {beyond.max():.3g} lie below the smallest sampled ({errors.min():.3g})"
        )
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
        gap = np.abs(found.nats - found.exact)
        worst = int(np.argmax(gap))
        if gap[worst] > max(1.0, 0.1 * found.exact[worst]):
            said.append(
                f"the fitted model is up to {gap[worst]:.3g} nats from the exact tail (at error "
                f"{found.epsilons[worst]:.3g}: {found.nats[worst]:.4g} against {found.exact[worst]:.4g})"
            )
    return said


def plain(value: float | np.floating[Any]) -> float | None:
    """Return a number as a JSON value: to nine decimals, and None where it is not finite."""
    return round(float(value), 9) + 0.0 if math.isfinite(value) else None
