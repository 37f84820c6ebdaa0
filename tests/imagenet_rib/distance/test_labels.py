"""Distances of classes: against closed forms, POT's Gaussians, and each other."""

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, strategies as st

from imagenet_rib.distance.labels import (
    ClassGaussian,
    class_gaussians,
    exact_label_distances,
    gaussian_label_distances,
)
from imagenet_rib.distance.sets import LabelledFeatures


def draw(sizes, dimensions=6, *, seed=0, spread=1.0):
    """Classes 0, 1, ... of the given sizes, with a mean and a covariance of their own."""
    rng = np.random.default_rng(seed)
    parts = [
        rng.normal(size=(size, dimensions)) @ rng.normal(size=(dimensions, dimensions)) * spread
        + rng.normal(size=dimensions)
        for size in sizes
    ]
    return LabelledFeatures("drawn", np.concatenate(parts), np.repeat(np.arange(len(sizes)), sizes))


def moments(labelled, label):
    members = labelled.features[labelled.labels == label]
    return members.mean(0), np.cov(members.T, bias=True)


def between(a, b):
    return gaussian_label_distances(class_gaussians(a), class_gaussians(b)).numpy()


def test_full_rank_classes_agree_with_pot():
    a, b = draw([30, 40, 50], seed=1), draw([25, 60], seed=2)
    expected = [
        [ot.gaussian.bures_wasserstein_distance(*moments_of(a, i, b, j)) ** 2 for j in range(2)]
        for i in range(3)
    ]
    np.testing.assert_allclose(between(a, b), expected, rtol=1e-9)


def moments_of(a, i, b, j):
    (ms, cs), (mt, ct) = moments(a, i), moments(b, j)
    return ms, mt, cs, ct


def test_equal_covariances_leave_the_distance_of_the_means():
    a = draw([50])
    shift = np.array([3.0, 0, 0, -4.0, 0, 0])
    b = LabelledFeatures("moved", a.features + shift, a.labels)
    np.testing.assert_allclose(between(a, b), [[25.0]], rtol=1e-9)


@given(
    st.lists(st.floats(0, 5), min_size=3, max_size=3),
    st.lists(st.floats(0, 5), min_size=3, max_size=3),
    st.integers(0, 3),
)
def test_diagonal_covariances_have_a_closed_form(s, t, padding):
    # Roots with superfluous columns of zeros stand for the same covariance.
    one = ClassGaussian(torch.zeros(3).double(), torch.diag(torch.tensor(s, dtype=torch.float64)))
    root = torch.nn.functional.pad(torch.diag(torch.tensor(t, dtype=torch.float64)), (0, padding))
    other = ClassGaussian(torch.ones(3).double(), root)
    expected = 3 + sum((x - y) ** 2 for x, y in zip(s, t, strict=True))
    np.testing.assert_allclose(gaussian_label_distances([one], [other]), [[expected]], atol=1e-9)


@pytest.mark.parametrize("sizes", [[1, 2, 3], [1, 40, 5]])
def test_classes_of_few_samples_work(sizes):
    """Rank-deficient covariances; the reference takes square roots by eigenvalues, negative ones cut off."""
    a, b = draw(sizes, seed=3), draw([4, 1], seed=4)

    def root(matrix):
        values, vectors = np.linalg.eigh(matrix)
        return vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T

    expected = np.zeros((len(sizes), 2))
    for i in range(len(sizes)):
        for j in range(2):
            ms, mt, cs, ct = moments_of(a, i, b, j)
            cs, ct = np.nan_to_num(cs), np.nan_to_num(ct)
            spread = np.trace(cs) + np.trace(ct) - 2 * np.trace(root(root(cs) @ ct @ root(cs)))
            expected[i, j] = np.sum((ms - mt) ** 2) + spread
    np.testing.assert_allclose(between(a, b), expected, rtol=1e-6)


@pytest.mark.parametrize("size", [1, 3, 7, 200])
def test_a_class_is_at_distance_zero_from_itself(size):
    a = draw([size, size], dimensions=40, seed=size, spread=100.0)
    assert np.diag(between(a, a)).tolist() == [0.0, 0.0]
    assert between(a, a)[0, 1] > 0


def test_batches_of_products_change_nothing(monkeypatch):
    a, b = draw([9, 3, 20], seed=5), draw([2, 30, 8, 5], seed=6)
    whole = between(a, b)
    monkeypatch.setattr("imagenet_rib.distance.labels._PRODUCTS_AT_ONCE", 1)
    np.testing.assert_allclose(between(a, b), whole, rtol=1e-12)


def test_exact_distances_agree_with_pot_on_a_cost_made_by_loops():
    a, b = draw([5, 8], seed=7), draw([6, 3], seed=8)
    expected = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            xs, ys = a.features[a.labels == i], b.features[b.labels == j]
            cost = np.array([[sum((p - q) ** 2) for q in ys] for p in xs])
            expected[i, j] = ot.emd2(ot.unif(len(xs)), ot.unif(len(ys)), cost)
    np.testing.assert_allclose(exact_label_distances(a, b), expected, rtol=1e-9)


@given(st.integers(0, 50), st.integers(1, 12), st.integers(1, 12))
def test_gaussians_are_never_further_apart_than_the_samples(seed, n, m):
    """Gelbrich's bound: of all distributions with these moments, Gaussians are the nearest."""
    a, b = draw([n], 3, seed=seed), draw([m], 3, seed=seed + 1000)
    assert between(a, b)[0, 0] <= exact_label_distances(a, b)[0, 0].item() * (1 + 1e-9) + 1e-9


def test_a_cap_of_samples_keeps_a_class_at_distance_zero_from_itself():
    a = draw([60])
    assert exact_label_distances(a, a, max_per_class=10).item() == 0.0


def test_at_most_500_samples_of_a_class_are_compared():
    a, b = draw([502, 4]), draw([3, 5], seed=1)
    found = exact_label_distances(a, b)
    torch.testing.assert_close(found, exact_label_distances(a, b, max_per_class=500), rtol=0, atol=0)
    assert not torch.equal(found, exact_label_distances(a, b, max_per_class=501))
