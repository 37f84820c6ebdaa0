"""Estimators against brute force, other libraries and cases whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.spatial.distance import cdist

from generalization_difficulty.data.batches import ArrayBatches
from generalization_difficulty.data.synthetic import linear, sphere
from generalization_difficulty.estimate.dimension import intrinsic_dimension
from generalization_difficulty.estimate.neighbours import nearest_neighbours
from generalization_difficulty.estimate.resolution import (
    _pairs,
    extreme_distance,
    extreme_inverse,
    least_distance,
)
from generalization_difficulty.estimate.sample import survey
from gridcell.errors import UserError


def cloud(n=500, features=6, classes=3, seed=0, offset=0.0):
    random = np.random.default_rng(seed)
    return random.standard_normal((n, features)) + offset, random.integers(classes, size=n)


def neighbours_of(points, queries, k, rows):
    batches = ArrayBatches(points, np.zeros(len(points), dtype=int), rows)
    return nearest_neighbours(points[queries], np.asarray(queries), batches, k)


@given(
    st.integers(7, 80),
    st.integers(1, 6),
    st.integers(1, 40),
    st.integers(1, 5),
    st.sampled_from([0.0, 1e3, 1e7]),
    st.integers(0, 1000),
)
def test_neighbours_equal_brute_force(n, features, rows, k, offset, seed):
    """Far from the origin too, where the fast approximation of distances has no digits left."""
    points, _ = cloud(n, features, seed=seed, offset=offset)
    queries = np.random.default_rng(seed).permutation(n)[: max(2, n // 2)]
    found = neighbours_of(points, queries, k, rows)
    distances = np.sqrt(np.square(points[queries][:, None] - points).sum(axis=2))
    distances[np.arange(len(queries)), queries] = np.inf
    expected = np.sort(np.where(distances == 0, np.inf, distances), axis=1)[:, :k]
    np.testing.assert_allclose(found.distances, expected, rtol=1e-12)


@pytest.mark.parametrize("rows", [64, 333, 5000])
def test_neighbours_equal_those_of_scikit_learn(rows):
    from sklearn.neighbors import NearestNeighbors

    points, _ = cloud(1500, 20)
    queries = np.arange(0, 1500, 7)
    expected, _ = NearestNeighbors(n_neighbors=6, algorithm="kd_tree").fit(points).kneighbors(points[queries])
    np.testing.assert_allclose(neighbours_of(points, queries, 5, rows).distances, expected[:, 1:], rtol=1e-12)


def test_copies_are_counted_and_no_neighbours():
    points, _ = cloud(60, 3)
    points = np.concatenate([points, points[:4], points[:1], points[:1]])
    found = neighbours_of(points, np.arange(len(points)), 5, 7)
    assert found.copies[:6].tolist() == [3, 1, 1, 1, 0, 0]
    assert (found.distances > 0).all()
    others = cdist(points[:1], points).ravel()
    np.testing.assert_allclose(found.distances[0], np.sort(others[others > 0])[:5], rtol=1e-12)


def test_copies_alone_are_too_few_neighbours():
    with pytest.raises(UserError, match="has 0 neighbours at a distance above zero, 2 are needed"):
        neighbours_of(np.ones((10, 2)), np.arange(10), 2, 4)


def test_dimension_equals_scikit_dimensions_on_the_same_distances():
    skdim = pytest.importorskip("skdim")
    points, _ = sphere(6, 600, 15, 0)
    found = neighbours_of(points, np.arange(600), 5, 100)
    foreign = skdim.id.MLE().fit(points, n_neighbors=5).dimension_
    assert intrinsic_dimension(found.distances).value == pytest.approx(foreign, rel=1e-9)


@pytest.mark.parametrize("make", [sphere, linear])
@pytest.mark.parametrize("dimension", [2, 5, 8])
def test_dimension_of_manifolds(make, dimension):
    """Nearly unbiased in low dimensions; the interval is four standard errors and 4 % for the bias."""
    points, _ = make(dimension, 2000, 12, 0)
    found = intrinsic_dimension(neighbours_of(points, np.arange(0, 2000, 2), 5, 2048).distances)
    assert abs(found.value - dimension) < 4 * found.error + 0.04 * dimension
    assert 0.01 * dimension < found.error < 0.1 * dimension


def test_dimension_of_a_uniform_line_by_hand():
    distances = np.array([[1.0, 2.0, 4.0], [1.0, 1.0, 2.0]])
    mean = (np.log(4) + np.log(2) + np.log(2) + np.log(2)) / 4
    assert intrinsic_dimension(distances).value == pytest.approx(1 / mean)


@pytest.mark.parametrize("distances", [np.ones((5, 3)), np.ones((5, 1)), np.array([[1.0, 2.0]])])
def test_dimension_that_can_not_be_told(distances):
    with pytest.raises(UserError, match=r"can't be told|needs 2 or more"):
        intrinsic_dimension(distances)


@given(
    st.integers(4, 60), st.integers(1, 5), st.integers(2, 4), st.sampled_from([0.0, 1e6]), st.integers(0, 999)
)
def test_least_distance_equals_brute_force(n, features, classes, offset, seed):
    points, codes = cloud(n, features, classes, seed, offset)
    codes[:2] = 0, 1
    distances = np.sqrt(np.square(points[:, None] - points).sum(axis=2))
    distances[codes[:, None] == codes] = np.inf
    found = least_distance(points, codes)
    assert found.distance == pytest.approx(distances.min(), rel=1e-12)
    assert found.pair is not None
    assert distances[found.pair] == pytest.approx(distances.min(), rel=1e-12)
    assert found.duplicates == 0


def test_least_distance_over_several_blocks(monkeypatch):
    monkeypatch.setattr("generalization_difficulty.estimate.resolution._BLOCK", 37)
    points, codes = cloud(300, 4)
    distances = cdist(points, points)
    distances[codes[:, None] == codes] = np.inf
    assert least_distance(points, codes).distance == pytest.approx(distances.min(), rel=1e-12)


def test_duplicates_across_classes_are_counted_not_taken():
    points, codes = cloud(200, 5, 2)
    twice = np.concatenate([points, points[:3]])
    both = np.concatenate([codes, [1 - codes[0], 1 - codes[1], codes[2]]])
    found = least_distance(twice, both)
    assert found.duplicates == 2
    assert found.duplicate in {(0, 200), (1, 201)}
    assert found.distance == least_distance(points, codes).distance
    extreme = extreme_distance(twice, both, total=10_000, pairs=10**6, largest=100, seed=0)
    assert extreme.duplicates == 2
    assert extreme.distance > 0


def test_one_class_has_no_least_distance():
    found = least_distance(np.eye(4), np.zeros(4, dtype=int))
    assert (found.distance, found.pair) == (np.inf, None)


@pytest.mark.parametrize("tail", [0.1, 0.25, 0.5])
def test_extremes_of_a_pareto_tail(tail):
    """Z = u^-gamma has tail index gamma, and its 1 - 1/N quantile is N^gamma."""
    values = np.random.default_rng(0).random(400_000) ** -tail
    largest = np.sort(values)[-2001:]
    total = 10**8
    quantile, index = extreme_inverse(largest, share=2000 / 400_000, total=total)
    assert index == pytest.approx(tail, abs=4 * np.sqrt((1 + tail**2) / 2000))
    assert np.log(quantile) == pytest.approx(tail * np.log(total), rel=0.15)


def test_extremes_of_a_bounded_tail():
    """Z = 1 - u^(1/2) ends at 1 with index -1/2: the estimate stays near that end, and finite."""
    values = 1 - np.sqrt(np.random.default_rng(0).random(400_000))
    quantile, index = extreme_inverse(np.sort(values)[-2001:], share=2000 / 400_000, total=10**12)
    assert index == pytest.approx(-0.5, abs=0.15)
    assert quantile == pytest.approx(1, abs=0.05)


def test_extremes_that_are_all_equal():
    assert extreme_inverse(np.array([2.0, 2.0, 2.0]), share=0.01, total=1000) == (2.0, None)


def test_extreme_value_theory_never_exceeds_the_least_distance_seen():
    points, codes = cloud(400, 8)
    for seed in range(5):
        found = extreme_distance(points, codes, total=10**7, pairs=5000, largest=200, seed=seed)
        assert 0 < found.distance <= found.least
        assert (found.pairs, found.largest) == (5000, 200)


def test_all_pairs_are_looked_at_where_they_are_few():
    points, codes = cloud(50, 3)
    different = int((codes[:, None] != codes).sum()) // 2
    found = extreme_distance(points, codes, total=different, pairs=10**6, largest=2000, seed=0)
    assert found.pairs == different
    assert found.least == pytest.approx(least_distance(points, codes).distance, rel=1e-12)
    assert found.largest == different // 10


@pytest.mark.parametrize("wanted", [300, 100_000])
def test_pairs_are_drawn_evenly_among_those_of_different_classes(wanted):
    codes = np.array([2, 0, 0, 1, 2, 2, 2, 2, 2, 0])
    codes = np.tile(codes, 1 if wanted > 300 else 10)
    rows, columns = _pairs(codes, wanted, 0)
    assert (codes[rows] != codes[columns]).all()
    if wanted > 300:  # all of them, once
        found = {frozenset(pair) for pair in zip(rows.tolist(), columns.tolist(), strict=True)}
        assert len(found) == len(rows) == int((codes[:, None] != codes).sum()) // 2
    many_rows, many_columns = _pairs(np.tile(codes, 100), 50_000, 1)
    kinds = np.tile(codes, 100)
    drawn = np.bincount(3 * kinds[many_rows] + kinds[many_columns], minlength=9) / 50_000
    sizes = np.bincount(codes) / len(codes)
    expected = np.outer(sizes, sizes) * (1 - np.eye(3))
    np.testing.assert_allclose(drawn, (expected / expected.sum()).ravel(), atol=5 * np.sqrt(0.25 / 50_000))


def test_too_few_pairs_for_extreme_value_theory():
    points, codes = cloud(8, 2, 2)
    with pytest.raises(UserError, match="too few for extreme value theory"):
        extreme_distance(points, codes, total=16, pairs=1000, largest=100, seed=0)


@given(st.integers(1, 60), st.integers(0, 99))
def test_the_held_sample_does_not_depend_on_the_batches(rows, seed):
    points, codes = cloud(120, 4)
    whole = survey(ArrayBatches(points, codes, 1000), seed=seed, memory=20 * 32)
    parts = survey(ArrayBatches(points, codes, rows), seed=seed, memory=20 * 32)
    assert len(whole.points) == 20
    np.testing.assert_array_equal(whole.positions, parts.positions)
    np.testing.assert_array_equal(parts.points, points[parts.positions])
    assert whole.radius == pytest.approx(np.linalg.norm(points, axis=1).max())
    assert whole.pairs == int((codes[:, None] != codes).sum()) // 2


def test_every_point_is_held_as_often_as_every_other():
    points, codes = cloud(20, 2)
    counts = np.zeros(20)
    for seed in range(2000):
        counts[survey(ArrayBatches(points, codes, 3), seed=seed, memory=5 * 16).positions] += 1
    assert np.abs(counts - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)
