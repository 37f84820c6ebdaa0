"""A kernel's functions must fit the training data, and what was added to make them solvable is said."""

import os

import numpy as np
import pytest

from gridcell.errors import UserError
from inductive_bias.cells.kernel import check_fit
from inductive_bias.distributions.warnings import fit_warning
from inductive_bias.kernel_space import posterior as posterior_module
from inductive_bias.kernel_space.kernels import rbf
from inductive_bias.kernel_space.posterior import posterior
from inductive_bias.kernel_space.solve import RESIDUAL

KERNEL = rbf(1.0)


def data(n=30, seed=0):
    draws = np.random.default_rng(seed)
    return draws.normal(size=(n, 4)), draws.normal(size=(n, 2)), draws.normal(size=(6, 4))


def contradictory():
    """Two equal inputs whose labels differ by 3 in both outputs."""
    x, y, z = data()
    return np.concatenate([x, x[:1]]), np.concatenate([y, y[:1] + 3.0]), z


def test_functions_that_fit_have_no_training_error():
    assert posterior(KERNEL, *data()).training_error < 1e-12


def test_contradictory_labels_show_in_the_training_error():
    """Two equal inputs get their mean label: each misses by half the difference, whatever the jitter."""
    x, y, z = contradictory()
    found = posterior(KERNEL, x, y, z)
    assert found.solution.jitter > 0
    assert found.solution.residual <= RESIDUAL
    assert found.training_error == pytest.approx(2 * 2 * 1.5**2 / y.size, rel=1e-3)


def test_a_singular_matrix_that_rounding_lets_be_factorised_is_not_taken_for_solved():
    """The mean at the test points is that of data in which the two points are one of their mean label."""
    x, y, z = contradictory()
    merged = y[:-1].copy()
    merged[0] += 1.5
    assert posterior(KERNEL, x, y, z).mean == pytest.approx(
        posterior(KERNEL, x[:-1], merged, z).mean, abs=1e-5
    )


def test_functions_that_do_not_fit_are_no_samples():
    with pytest.raises(
        UserError, match=r"error of 0\.066, above training\.fit_error = 0\.02.* 1e-12 added"
    ) as e:
        check_fit(0.066 * 4, limit=0.02 * 4, unit=4.0, jitter=1e-12)
    assert "different labels" in str(e.value)
    check_fit(0.02 * 4, limit=0.02 * 4, unit=4.0, jitter=1e-12)


def test_a_training_error_below_the_limit_is_said_with_its_jitter():
    assert fit_warning(1e-9, 1e-14) == []
    assert "adding 1e-12 to its diagonal" in fit_warning(0.004, 1e-12)[0]
    assert "training error of 0.004" in fit_warning(0.004, 1e-12)[0]


def test_more_points_than_memory_holds_are_refused_with_the_size(monkeypatch):
    x, y, z = data()
    monkeypatch.setattr(os, "sysconf", lambda name: 0)
    assert posterior(KERNEL, x, y, z).solution.how == "cholesky", "what memory is free decides no number"
    monkeypatch.setattr(posterior_module, "MOST_POINTS", len(x) - 1)
    with pytest.raises(UserError, match="30 training points, and a kernel space takes at most 29"):
        posterior(KERNEL, x, y, z)
