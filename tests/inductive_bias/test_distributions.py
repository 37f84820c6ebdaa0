"""The model of errors and the exact tail, against SciPy, mpmath, simulation and closed forms."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.special import ndtr
from scipy.stats import ncx2

from gridcell.errors import UserError
from inductive_bias.distributions.fit import fit, goodness_of_fit, ks_distance
from inductive_bias.distributions.ncx2 import ScaledNcx2, log_cdf, sankaran_information, sankaran_z
from inductive_bias.distributions.weighted import WeightedChi2
from quadratic_forms import imhof_cdf, saddlepoint_log_cdf

SHARED = ScaledNcx2(20.0, 30.0, 0.01)


def mpmath_log_cdf(x, df, nc):
    """The Poisson mixture, term by term, with fifty digits."""
    with mpmath.workdps(50):
        total = mpmath.mpf(0)
        for j in range(400):
            weight = mpmath.exp(-mpmath.mpf(nc) / 2) * (mpmath.mpf(nc) / 2) ** j / mpmath.factorial(j)
            total += weight * mpmath.gammainc(mpmath.mpf(df) / 2 + j, 0, mpmath.mpf(x) / 2, regularized=True)
        return float(mpmath.log(total))


@pytest.mark.parametrize(("df", "nc"), [(1.0, 0.5), (7.0, 3.0), (20.0, 80.0), (0.01, 40.0)])
def test_densities_are_scipys(df, nc):
    x = np.linspace(0.05, 3, 40) * (df + nc)
    ours = ScaledNcx2(df, nc, 0.25).log_density(0.25 * x)
    assert ours == pytest.approx(ncx2.logpdf(0.25 * x, df, nc, scale=0.25), rel=1e-9, abs=1e-9)


def test_a_density_of_many_degrees_of_freedom_does_not_underflow():
    d = ScaledNcx2(5000.0, 300.0, 0.01)
    x = np.linspace(d.mean - 12 * d.deviation, d.mean + 14 * d.deviation, 40001)
    log_density = d.log_density(x)
    assert np.isfinite(log_density).all()
    density = np.exp(log_density)
    assert np.trapezoid(density, x) == pytest.approx(1, abs=1e-9)
    assert np.trapezoid(density * x, x) == pytest.approx(d.mean, rel=1e-9)


@pytest.mark.parametrize("x", [1e-30, 1e-3, 1.0, 20.0, 60.0])
def test_log_cdf_is_mpmaths_at_any_depth(x):
    assert log_cdf(x, 20.0, 30.0) == pytest.approx(mpmath_log_cdf(x, 20, 30), rel=1e-12)


def mpmath_tail(x, df, nc):
    """The density's integral below x, with thirty digits; Bessel's function by its series for large z."""
    with mpmath.workdps(30):
        df, nc, x = mpmath.mpf(df), mpmath.mpf(nc), mpmath.mpf(x)

        def log_density(y):
            if not nc:
                return (df / 2 - 1) * mpmath.log(y) - y / 2 - df / 2 * mpmath.log(2) - mpmath.loggamma(df / 2)
            z, mu = mpmath.sqrt(nc * y), 4 * (df / 2 - 1) ** 2
            term = total = mpmath.mpf(1)
            for k in range(1, 40):  # DLMF 10.40.1
                term *= ((2 * k - 1) ** 2 - mu) / (k * 8 * z)
                total += term
            bessel = mpmath.log(total) - mpmath.log(2 * mpmath.pi * z) / 2
            square = (mpmath.sqrt(y) - mpmath.sqrt(nc)) ** 2
            return -mpmath.log(2) - square / 2 + (df / 4 - mpmath.mpf(1) / 2) * mpmath.log(y / nc) + bessel

        top, deviation = log_density(x), mpmath.sqrt(2 * (df + 2 * nc))
        ends = [x - step * deviation for step in (6, 3, 1.5, 0.8, 0.4, 0.2, 0.1, 0)]
        return float(top + mpmath.log(mpmath.quad(lambda y: mpmath.exp(log_density(y) - top), ends)))


@pytest.mark.parametrize(("df", "nc"), [(1e7, 0.0), (100.0, 1e8), (30.0, 1e12)])
@pytest.mark.parametrize("deviations", [-5.0, -10.0, -30.0])
def test_tails_of_narrow_distributions_are_mpmaths(df, nc, deviations):
    # SciPy's incomplete gamma function is off there: by 0.14 nats of 53 at df 100, nc 1e8, 10 deviations.
    x = df + nc + deviations * math.sqrt(2 * (df + 2 * nc))
    expected = mpmath_tail(x, df, nc)
    assert log_cdf(x, df, nc) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 1.0])
@pytest.mark.parametrize("deviations", [-40.0, -3.0, -1e-2, 0.0, 1e-5, 2.0])
def test_both_ways_to_a_tail_agree_where_they_meet(share, deviations):
    df, nc = 1 + 1e6 * (1 - share), 1e6 * share
    x = df + nc + deviations * math.sqrt(2 * (df + 2 * nc))
    narrower = 1 - 2e-6  # below the bound: the sum
    summed = log_cdf(x * narrower, df * narrower, nc * narrower)
    assert log_cdf(x, df, nc) == pytest.approx(summed, rel=2e-5, abs=2e-9)


def test_errors_that_hardly_differ_have_the_normal_tail_of_their_own():
    draws = np.random.default_rng(5)
    errors = 0.3 + 3e-6 * draws.standard_normal(400)
    found = fit(errors)
    assert found.deviation == pytest.approx(errors.std(), rel=0.1)
    z = (0.3 - 2e-5 - found.mean) / found.deviation
    assert float(found.log_cdf(0.3 - 2e-5)) == pytest.approx(math.log(ndtr(z)), rel=1e-3)


@given(st.floats(0.5, 200), st.floats(0, 200), st.floats(0.2, 1.5))
def test_log_cdf_is_scipys_where_that_holds(df, nc, share):
    x = share * (df + nc)
    expected = float(ncx2.cdf(x, df, nc))
    assert math.exp(log_cdf(x, df, nc)) == pytest.approx(expected, rel=1e-8, abs=1e-250)


def test_the_fast_cdf_is_scipys():
    d = ScaledNcx2(400.0, 50.0, 0.01)
    x = np.linspace(0.7, 1.3, 50) * d.mean
    assert d.cdf(x) == pytest.approx(ncx2.cdf(x / 0.01, 400, 50), abs=1e-5)


def test_sankaran_agrees_with_the_exact_tail_and_its_short_form_with_the_full_one():
    d = ScaledNcx2(60.0, 40.0, 0.02)
    near = d.mean - np.arange(1, 5) * d.deviation
    assert sankaran_information(near, d) == pytest.approx(-d.log_cdf(near), rel=0.03)
    far = np.array([0.02, 0.05]) * d.mean
    full, short = sankaran_information(far, d), sankaran_information(far, d, short=True)
    assert np.isfinite(full).all()
    assert (sankaran_z(far, d) < -5).all()
    # -log Phi(z) = z^2/2 + log(|z| sqrt(2 pi)) + O(1/z^2)
    rest = np.log(np.abs(sankaran_z(far, d)) * math.sqrt(2 * math.pi))
    assert full == pytest.approx(short + rest, rel=1e-3)


@pytest.mark.parametrize("true", [SHARED, ScaledNcx2(5000.0, 300.0, 1e-3), ScaledNcx2(3.0, 0.5, 0.1)])
def test_a_fit_is_at_least_as_likely_as_the_truth(true):
    errors = true.sample(400, np.random.default_rng(1))
    found = fit(errors)
    assert found.log_density(errors).sum() >= true.log_density(errors).sum() - 1e-6
    assert found.mean == pytest.approx(errors.mean(), rel=0.01)
    assert found.deviation == pytest.approx(errors.std(), rel=0.1)


def test_a_fit_moves_with_its_unit():
    errors = SHARED.sample(300, np.random.default_rng(2))
    one, other = fit(errors), fit(1000 * errors)
    assert other.log_cdf(300.0) == pytest.approx(one.log_cdf(0.3), rel=1e-6)


def test_goodness_of_fit_accepts_the_model_and_refuses_another():
    draws = np.random.default_rng(3)
    errors = SHARED.sample(200, draws)
    found = fit(errors)
    distance, p = goodness_of_fit(errors, found, resamples=30, generator=draws)
    assert distance == pytest.approx(ks_distance(errors, found))
    assert p > 0.05
    mixed = np.concatenate([draws.normal(1, 0.02, 100), draws.normal(2, 0.02, 100)])
    assert goodness_of_fit(mixed, fit(mixed), resamples=30, generator=draws)[1] < 0.05


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        (np.ones(5), "5 sampled errors are too few"),
        (np.full(50, np.nan), "not finite"),
        (np.full(50, 0.1), "all equal"),
        (0.1 + 1e-8 * np.linspace(0, 1, 50), "all equal, 0.1 up to a millionth"),
        (np.linspace(0, 1, 50), "zero or below"),
    ],
)
def test_errors_that_no_distribution_fits_are_refused(errors, message):
    with pytest.raises(UserError, match=message):
        fit(errors)


@pytest.mark.parametrize("q", [1e-12, 1e-3, 0.1, 1.0, 5.0])
def test_one_term_is_one_chi_squared_in_closed_form(q):
    w, mean = 0.3, 1.7
    single = WeightedChi2(np.array([w]), np.array([mean**2]), 1)
    root = math.sqrt(w)
    # |mean + root z| <= sqrt(q): a difference of normal probabilities
    with mpmath.workdps(40):
        upper = mpmath.ncdf((mpmath.sqrt(q) - mean) / root)
        lower = mpmath.ncdf((-mpmath.sqrt(q) - mean) / root)
        expected = float(mpmath.log(upper - lower))
    assert single.log_cdf(q) == pytest.approx(expected, abs=1e-8)


@given(st.floats(0.01, 1.4), st.integers(1, 40), st.floats(0, 3))
def test_equal_weights_are_one_scaled_chi_squared(share, terms, offset):
    q = WeightedChi2(np.full(terms, 0.2), np.full(terms, offset), 3)
    x = share * q.mean
    assert q.log_cdf(x) == pytest.approx(
        log_cdf(x / 0.2, 3.0 * terms, terms * offset / 0.2), rel=1e-9, abs=1e-11
    )


def unequal():
    draws = np.random.default_rng(4)
    return WeightedChi2(np.exp(-np.arange(30) / 5) / 10, draws.random(30) / 20, 4)


def test_unequal_weights_agree_with_imhof_and_with_simulation():
    q = unequal()
    sample = q.sample(200_000, np.random.default_rng(5))
    for share in (0.5, 0.8, 1.0, 1.3):
        exact = math.exp(q.log_cdf(share * q.mean))
        assert q.fast_cdf(np.array([0.3, share, 1.6]) * q.mean)[1] == pytest.approx(exact, abs=1e-5)
        assert imhof_cdf(q, share * q.mean) == pytest.approx(exact, abs=1e-8)
        noise = math.sqrt(exact * (1 - exact) / len(sample))
        assert (sample <= share * q.mean).mean() == pytest.approx(exact, abs=4.5 * noise)


def test_far_tails_agree_with_a_tilted_simulation_and_the_saddle_point():
    q = unequal()
    x = 0.12 * q.mean
    assert q.log_cdf(x) < -40  # no simulation of q itself gets here
    assert saddlepoint_log_cdf(q, x) == pytest.approx(q.log_cdf(x), abs=0.05)
    # Importance sampling: under the tilted law each term is again a weighted chi-squared variable.
    low, high = -1e6, 0.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if q.cumulants(middle)[1] < x else (low, middle)
    s = low
    r = 1 / (1 - 2 * q.weights * s)
    tilted = WeightedChi2(q.weights * r, q.offsets * r**2, q.multiplicity)
    draws = tilted.sample(200_000, np.random.default_rng(6))
    weights = np.where(draws <= x, np.exp(q.cumulants(s)[0] - s * draws - (q.cumulants(s)[0] - s * x)), 0)
    estimate = math.log(weights.mean()) + q.cumulants(s)[0] - s * x
    assert estimate == pytest.approx(q.log_cdf(x), abs=0.03)


def test_directions_without_variance_are_a_floor():
    q = WeightedChi2(np.array([0.0, 0.5]), np.array([2.0, 0.0]), 1)
    assert q.floor == 2.0
    assert q.log_cdf(2.0) == -math.inf
    assert q.log_cdf(2.3) == pytest.approx(log_cdf(0.6, 1.0, 0.0), rel=1e-10)
    with pytest.raises(UserError, match="no variance"):
        WeightedChi2(np.zeros(3), np.ones(3), 1)
