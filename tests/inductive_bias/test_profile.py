"""Profile-likelihood intervals: against a grid of parameters, and in how often they hold the truth."""

import numpy as np
import pytest
from scipy.stats import binom, ncx2, t

from inductive_bias.distributions.fit import fit
from inductive_bias.distributions.ncx2 import ScaledNcx2
from inductive_bias.distributions.profile import profile_interval
from inductive_bias.distributions.weighted import WeightedChi2


def by_grid(errors, eps, points=41):
    """Range of I over a grid of accepted parameters, with SciPy's density and distribution function."""
    fitted = fit(errors)
    top = ncx2.logpdf(errors / fitted.scale, fitted.df, fitted.nc).sum() - len(errors) * np.log(fitted.scale)
    allowed = t.ppf(0.975, len(errors) - 3) ** 2
    low, high = np.inf, -np.inf
    for mean in fitted.mean * np.exp(np.linspace(-0.12, 0.12, points)):
        for variation in fitted.deviation / fitted.mean * np.exp(np.linspace(-0.5, 0.5, points)):
            for share in np.linspace(0, 0.999, 9):
                total = 2 * (1 + share) / variation**2
                df, nc, scale = total * (1 - share), max(total * share, 1e-9), mean / total
                value = ncx2.logpdf(errors / scale, df, nc).sum() - len(errors) * np.log(scale)
                if 2 * (top - value) <= allowed:
                    information = -ncx2.logcdf(eps / scale, df, nc)
                    low, high = min(low, information), max(high, information)
    return low, high


@pytest.mark.slow
def test_the_interval_is_the_range_over_all_parameters_that_are_accepted():
    errors = 0.02 * np.random.default_rng(0).noncentral_chisquare(20, 30, 60)
    eps = 0.65
    low, high = profile_interval(errors, fit(errors), np.array([eps]))
    expected = by_grid(errors, eps)
    width = expected[1] - expected[0]
    assert low[0] == pytest.approx(expected[0], abs=0.06 * width)
    assert high[0] == pytest.approx(expected[1], abs=0.06 * width)


def test_more_errors_and_nearer_targets_give_narrower_intervals():
    errors = 0.02 * np.random.default_rng(1).noncentral_chisquare(20, 30, 1000)
    eps = np.array([0.9, 0.7, 0.5])
    low, high = profile_interval(errors, fit(errors), eps)
    few_low, few_high = profile_interval(errors[:60], fit(errors[:60]), eps)
    assert (np.diff(high - low) > 0).all()
    assert ((high - low) < 0.6 * (few_high - few_low)).all()
    estimate = -fit(errors).log_cdf(eps)
    assert ((low <= estimate) & (estimate <= high)).all()


def known():
    weights = np.exp(-np.arange(60) / 15)
    return {
        "non-central": ScaledNcx2(20, 30, 0.02),
        "central": ScaledNcx2(40, 1e-9, 0.025),
        "mostly offset": ScaledNcx2(5, 200, 1 / 205),
        "weighted": WeightedChi2(weights / weights.sum() * 0.06, np.full(60, 0.4 / 60), 10),
    }


AT_NIGHT = {"non-central", "mostly offset", "central"}
"""They are what is fitted; the weighted one is no ncx2 at all, and so the hardest."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name in AT_NIGHT else ()) for name in known()]
)
def test_intervals_cover_the_truth_at_targets_outside_the_samples(name):
    """200 times 60 errors, at 2, 3 and 4 standard deviations below the mean; the last is no ncx2 at all."""
    truth = known()[name]
    draws = np.random.default_rng(2)
    eps = truth.mean - np.array([2, 3, 4]) * truth.deviation
    eps = eps[eps > 0.02 * truth.mean]
    expected = np.array([-float(truth.log_cdf(float(value))) for value in eps])
    held = np.zeros(len(eps))
    for _ in range(200):
        errors = truth.sample(60, draws)
        low, high = profile_interval(errors, fit(errors), eps)
        held += (low <= expected) & (expected <= high)
    assert (
        binom.cdf(176, 200, 0.93) < 0.01
    )  # what fails here covers less than 93 % for all practical purposes
    assert (held >= 177).all(), held / 200
