"""Bandwidth and amplitude by marginal likelihood, against scikit-learn and closed forms."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from inductive_bias.kernel_space.evidence import RIDGE, log_evidence, most_likely
from inductive_bias.kernel_space.kernels import rbf


def data(n=25, d=3, outputs=2, seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(n, d))
    return x, np.sin(x @ draws.normal(size=(d, outputs)))


def test_the_evidence_is_scikit_learns():
    x, y = data()
    ours = log_evidence(rbf(1.3, 0.7), x, y, 1e-6)
    theirs = sum(
        GaussianProcessRegressor(ConstantKernel(0.7) * RBF(1.3), alpha=1e-6, optimizer=None)
        .fit(x, column)
        .log_marginal_likelihood_value_
        for column in y.T
    )
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_the_largest_evidence_is_as_large_as_scikit_learns():
    x, y = data(outputs=1)
    found = most_likely({"kind": "rbf", "bandwidth": "evidence", "amplitude": "evidence"}, x, y, 0.01)
    start = ConstantKernel(1.0, (1e-5, 1e5)) * RBF(1.0, (1e-2, 1e2))
    theirs = GaussianProcessRegressor(start, alpha=0.01, n_restarts_optimizer=5, random_state=0).fit(
        x, y[:, 0]
    )
    assert found.nats == pytest.approx(theirs.log_marginal_likelihood_value_, abs=1e-3)
    assert not found.at_end


def test_without_noise_no_other_amplitude_is_likelier():
    x, y = data()
    config = {"kind": "rbf", "bandwidth": 1.0, "amplitude": "evidence"}
    best = most_likely(config, x, y, 0.0)
    for factor in (0.8, 0.95, 1.05, 1.25):
        other = best.amplitude * factor
        assert log_evidence(rbf(1.0, other), x, y, RIDGE * other) < best.nats


def test_points_too_far_apart_to_tell_a_bandwidth_say_so():
    draws = np.random.default_rng(1)
    x = draws.normal(size=(5, 64))
    found = most_likely({"kind": "rbf", "bandwidth": "evidence", "amplitude": "evidence"}, x, np.eye(5), 0.0)
    assert found.at_end
