"""I(eps) = -log P(test error <= eps), from sampled errors: with intervals and goodness of fit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError
from inductive_bias.distributions.exact import Exact
from inductive_bias.distributions.fit import MINIMUM_SAMPLES, check_errors, fit, goodness_of_fit
from inductive_bias.distributions.ncx2 import ScaledNcx2, sankaran_information
from inductive_bias.distributions.profile import profile_interval

Floats = NDArray[np.float64]

BITS = 1 / math.log(2)
"""Bits in a nat."""


COVERED = 60 * math.log(2)
"""Nats down to which intervals over runs were seen to hold the truth, see ``test_splitting.py``."""


@dataclass(frozen=True, eq=False)
class Runs:
    """What independent runs of subset simulation found at the same errors.

    Attributes:
        nats: I, shape (runs, E); NaN where a run did not come, and below the target.
    """

    nats: Floats

    def mean(self) -> Floats:
        """Return the mean over runs, shape (E,), NaN where one of them did not come."""
        return np.asarray(self.nats.mean(axis=0))

    def interval(self) -> tuple[Floats, Floats]:
        """Return 95 % ends by Student's t over the runs, at least 0.

        NaN for a single run, and where the mean is above ``COVERED``: all runs then err to the same side, by
        more than they differ.
        """
        from scipy.stats import t

        count = len(self.nats)
        if count < 2:
            unknown = np.full(self.nats.shape[1], math.nan)
            return unknown, unknown
        half = t.ppf(0.975, count - 1) * self.nats.std(axis=0, ddof=1) / math.sqrt(count)
        known = self.mean() <= COVERED
        return (
            np.where(known, np.maximum(self.mean() - half, 0), math.nan),
            np.where(known, self.mean() + half, math.nan),
        )


@dataclass(frozen=True, eq=False)
class Estimate:
    """The information of one hypothesis space for one problem, at errors ``epsilons``.

    Attributes:
        epsilons: shape (E,), in the unit of the errors.
        nats: I at them by the fitted distribution, shape (E,).
        low: lower ends of 95 % intervals, shape (E,).
        high: upper ends.
        fitted: the distribution.
        ks: Kolmogorov-Smirnov distance of the fit.
        p_value: of that distance.
        exact: the exact distribution and how far it may be off; None where there is none.
        runs: of subset simulation; None where there are none.
        bound: ends of a 95 % interval that assumes no model, each of shape (E,); see ``count_bound``.
    """

    epsilons: Floats
    nats: Floats
    low: Floats
    high: Floats
    fitted: ScaledNcx2
    ks: float
    p_value: float
    exact: Exact | None
    runs: Runs | None
    bound: tuple[Floats, Floats]


def estimate(
    errors: Floats,
    epsilons: Sequence[float],
    *,
    resamples: int,
    generator: np.random.Generator,
    exact: Exact | None = None,
    runs: Runs | None = None,
) -> Estimate:
    """Estimate I(eps) from sampled errors.

    Intervals of the fit are 95 %, by profile likelihood.

    Args:
        errors: test errors of hypotheses that fit, shape (n,), mean squared.
        epsilons: errors asked for, in the same unit.
        resamples: of the goodness of fit.
        generator: of the resamples.
        exact: the errors' exact distribution, where it is known.
        runs: of subset simulation, where there are any.

    Raises:
        UserError: too few errors, errors that no distribution fits, or an eps that is not positive.
    """
    values = check_errors(errors)
    targets = np.asarray(epsilons, dtype=np.float64)
    check_epsilons(targets)
    fitted = fit(values)
    low, high = profile_interval(values, fitted, targets)
    ks, p_value = goodness_of_fit(values, fitted, resamples=resamples, generator=generator)
    bound = count_bound(values, targets)
    return Estimate(targets, -fitted.log_cdf(targets), low, high, fitted, ks, p_value, exact, runs, bound)


def count_bound(errors: Floats, epsilons: Floats) -> tuple[Floats, Floats]:
    """Return the 95 % bound on I that the number of hypotheses gives, whatever the errors' distribution.

    The share of n sampled errors up to eps is off by at most sqrt(log(2 / 0.05) / (2 n)), for every eps;
    the upper end is infinite where that reaches zero.

    Source: Massart, "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", Annals of Probability
    18 (1990).
    """
    share = (errors[:, None] <= epsilons[None, :]).mean(axis=0)
    reach = math.sqrt(math.log(2 / 0.05) / (2 * len(errors)))
    with np.errstate(divide="ignore"):
        return -np.log(np.minimum(share + reach, 1)), -np.log(np.maximum(share - reach, 0))


def share_interval(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share by Clopper and Pearson (Biometrika 26, 1934)."""
    from scipy.stats import binomtest

    found = binomtest(hits, count).proportion_ci(0.95, method="exact")
    return float(found.low), float(found.high)


def check_epsilons(epsilons: Floats) -> None:
    """Raise UserError for target errors that can't be had: zero or below, or not finite."""
    if not np.isfinite(epsilons).all() or (epsilons <= 0).any():
        raise UserError("A target error must be positive: a mean squared error can't be zero or below")


def too_few(samples: int, unfitted: int) -> None:
    """Raise UserError where too few hypotheses fit the training data to estimate from."""
    if samples < MINIMUM_SAMPLES and unfitted:
        raise UserError(
            f"Only {samples} of {samples + unfitted} hypotheses reached the training error, and an estimate "
            f"takes {MINIMUM_SAMPLES}: train longer (training.max_epochs) or allow a larger "
            "training.fit_error"
        )


def rows(found: Estimate) -> list[dict[str, Any]]:
    """Return one record of JSON values per eps; information in nats and bits, null where not finite.

    ``best`` is the most reliable I there is and ``basis`` says what it rests on: ``exact`` (a kernel's
    tail), ``splitting``, or ``fitted``; ``withheld`` (best is null) where rounding may move a kernel's tail,
    and ``impossible`` (null: infinite) where no function of the space has so small an error. ``nats``,
    ``bits`` and ``ci95`` are the fitted model's everywhere.
    """
    long = sankaran_information(found.epsilons, found.fitted)
    short = sankaran_information(found.epsilons, found.fitted, short=True)
    out = []
    for i, eps in enumerate(found.epsilons):
        exact, basis = None, "fitted"
        best, ends = found.nats[i], (found.low[i], found.high[i])
        if found.exact is not None:
            exact, basis = found.exact.information(float(eps))
            best, ends = (math.nan if exact is None else exact), (math.nan, math.nan)
        splitting, split_ends = math.nan, (math.nan, math.nan)
        if found.runs is not None and math.isfinite(found.runs.mean()[i]):
            splitting = found.runs.mean()[i]
            lower, upper = found.runs.interval()
            split_ends = float(lower[i]), float(upper[i])
            best, ends, basis = splitting, split_ends, "splitting"
        out.append(
            {
                "error": float(eps),
                "nats": plain(found.nats[i]),
                "bits": plain(found.nats[i] * BITS),
                "ci95": [plain(found.low[i]), plain(found.high[i])],
                "exact": None if exact is None else plain(exact),
                "splitting": plain(splitting),
                "splitting_ci95": [plain(end) for end in split_ends],
                "best": plain(best),
                "best_ci95": [plain(end) for end in ends],
                "basis": basis,
                "bound": [plain(end[i]) for end in found.bound],
                "sankaran": plain(long[i]),
                "sankaran_short": plain(short[i]),
            }
        )
    return out


def plain(value: float | np.floating[Any]) -> float | None:
    """Return a number as a JSON value: to nine decimals, and None where it is not finite."""
    return round(float(value), 9) + 0.0 if math.isfinite(value) else None
