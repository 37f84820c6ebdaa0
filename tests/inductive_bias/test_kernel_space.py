"""The Gaussian process posterior, against brute force, another library and simulation."""

import numpy as np
import pytest
from scipy.stats import kstest, norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from gridcell.errors import UserError
from inductive_bias.distributions.fit import fit
from inductive_bias.kernel_space.kernels import arc_cosine, median_bandwidth, rbf
from inductive_bias.kernel_space.posterior import error_distribution, posterior, sample_errors
from inductive_bias.kernel_space.solve import cholesky, solve_cholesky
from quadratic_forms import imhof_cdf


def problem(n=30, tests=12, outputs=3, d=4, seed=0):
    draws = np.random.default_rng(seed)
    x, z = draws.normal(size=(n, d)), draws.normal(size=(tests, d))
    w = draws.normal(size=(d, outputs))
    return x, np.sin(x @ w), z, np.sin(z @ w)


def test_the_posterior_is_scikit_learns():
    x, y, z, _ = problem()
    ours = posterior(rbf(1.3), x, y, z)
    theirs = GaussianProcessRegressor(RBF(1.3), alpha=1e-14, optimizer=None).fit(x, y[:, 0])
    mean, covariance = theirs.predict(z, return_cov=True)
    assert ours.mean[:, 0] == pytest.approx(mean, abs=1e-8)
    assert ours.covariance == pytest.approx(covariance, abs=1e-8)
    assert ours.solution.residual < 1e-10


def test_the_arc_cosine_kernel_is_that_of_wide_random_networks():
    draws = np.random.default_rng(1)
    x = draws.normal(size=(3, 5))
    width, networks = 256, 600
    outputs = np.zeros((networks, 3))
    for index in range(networks):
        h = x
        for _ in range(2):
            w = draws.normal(size=(h.shape[1], width)) * np.sqrt(2 / h.shape[1])
            h = np.maximum(h @ w + np.sqrt(0.1) * draws.normal(size=width), 0)
        outputs[index] = h @ (draws.normal(size=width) * np.sqrt(2 / width)) + np.sqrt(0.1) * draws.normal()
    found = outputs.T @ outputs / networks
    assert arc_cosine(2)(x, x) == pytest.approx(found, rel=0.25)


def test_the_median_bandwidth_is_the_median_distance():
    x = np.array([[0.0], [1.0], [5.0]])
    assert median_bandwidth(x) == pytest.approx(4)
    with pytest.raises(UserError, match="give the kernel a bandwidth"):
        median_bandwidth(np.zeros((4, 2)))


def test_sampled_errors_follow_the_exact_distribution():
    x, y, z, t = problem()
    given = posterior(rbf(1.5), x, y, z)
    exact = error_distribution(given, t)
    errors = sample_errors(given, t, 800, np.random.default_rng(2))
    assert kstest(errors, exact.cdf).pvalue > 0.01
    assert kstest(errors * 1.08, exact.cdf).pvalue < 0.01  # the test can tell five per cent
    assert errors.mean() == pytest.approx(exact.mean, rel=0.03)


def test_the_error_of_one_output_at_one_point_is_a_single_chi_squared():
    x, y, z, t = problem(tests=1, outputs=1)
    given = posterior(rbf(1.5), x, y, z)
    exact = error_distribution(given, t)
    spread, bias = np.sqrt(given.covariance[0, 0]), given.mean[0, 0] - t[0, 0]
    for q in (1e-6, 1e-3, 0.01, 0.3):
        root = np.sqrt(q)
        expected = norm.cdf((root - bias) / spread) - norm.cdf((-root - bias) / spread)
        assert np.exp(exact.log_cdf(q)) == pytest.approx(expected, abs=1e-8, rel=1e-8)


def test_the_exact_tail_is_imhofs_and_the_fit_is_near_it_in_the_body():
    x, y, z, t = problem(outputs=5)
    given = posterior(rbf(1.5), x, y, z)
    exact = error_distribution(given, t)
    fitted = fit(sample_errors(given, t, 1500, np.random.default_rng(3)))
    for share in (0.7, 1.0, 1.3):
        q = share * exact.mean
        assert imhof_cdf(exact, q) == pytest.approx(np.exp(exact.log_cdf(q)), abs=1e-8)
        assert float(fitted.cdf(q)) == pytest.approx(np.exp(exact.log_cdf(q)), abs=0.03)


def test_jitter_is_reported_and_a_matrix_that_is_not_positive_definite_is_refused():
    factor, jitter = cholesky(np.eye(4))
    assert jitter == 0
    assert factor == pytest.approx(np.eye(4))
    twice = np.ones((3, 3))
    assert 0 < solve_cholesky(twice, np.ones((3, 1))).jitter <= 1e-6
    with pytest.raises(UserError, match=r"not positive definite: its smallest eigenvalue is -1"):
        cholesky(np.diag([1.0, -1.0]))


def test_values_that_are_not_finite_are_refused():
    x, y, z, _ = problem()
    x[3, 1] = np.nan
    with pytest.raises(UserError, match="training inputs hold values that are not finite"):
        posterior(rbf(1.0), x, y, z)
