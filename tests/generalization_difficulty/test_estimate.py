"""Estimators against brute force, other libraries and cases whose answer is known."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from scipy.spatial.distance import cdist

from generalization_difficulty.data.batches import ArrayBatches
from generalization_difficulty.data.synthetic import linear, sphere
from generalization_difficulty.estimate import cloud as clouds, distances as blocks
from generalization_difficulty.estimate.cloud import Cloud, frame_of
from generalization_difficulty.estimate.dimension import by_neighbours, intrinsic_dimension
from generalization_difficulty.estimate.distances import exact_distances, lower_bounds
from generalization_difficulty.estimate.extremes import _pairs, extreme_distance, extreme_inverse
from generalization_difficulty.estimate.least import least_distance
from generalization_difficulty.estimate.neighbours import NeighbourSearch
from generalization_difficulty.estimate.sample import duplicates_across, first_pass
from generalization_difficulty.estimate.second_pass import second_pass
from generalization_difficulty.estimate.watch import quiet
from gridcell.errors import UserError


def cloud(n=500, features=6, classes=3, seed=0, offset=0.0):
    random = np.random.default_rng(seed)
    return random.standard_normal((n, features)) + offset, random.integers(classes, size=n)


def searched(points, codes, *, rows=2048, memory=1 << 30, k=None, queries=None, seed=0):
    """Return neighbours' distances and the least distance between classes, as a measurement finds them."""
    batches = ArrayBatches(points, codes, rows)
    seen = first_pass(batches, seed=seed, memory=memory)
    cloud, frame = Cloud.of(seen, batches), frame_of(seen)
    held = cloud.held(seen)
    search = None
    if k is not None:
        ids = held.sample(queries or cloud.size)
        search = NeighbourSearch(held.take(ids), ids, frame, k)
    sketches = second_pass(cloud, frame, search, True, quiet)
    least, curve = least_distance(cloud, held, sketches, frame, memory=memory)
    pair = None if least.pair is None else tuple(cloud.positions[list(least.pair)].tolist())
    found = (
        None if search is None else dict(zip(cloud.positions[search.ids], search.distances(), strict=True))
    )
    return found, least.distance, pair, curve


def across(points, codes):
    """Return all distances between points of different classes, infinity elsewhere and for equal points."""
    values = np.asarray(points, dtype=float) / (255 if points.dtype == np.uint8 else 1)
    distances = np.sqrt(np.square(values[:, None] - values).sum(axis=2))
    distances[(codes[:, None] == codes) | (distances == 0)] = np.inf
    return distances


@pytest.fixture
def small_blocks(monkeypatch):
    """Sizes at which a few points make many blocks, sketches shorter than points, and products in pieces."""
    monkeypatch.setattr(blocks, "COMPONENTS", 3)
    monkeypatch.setattr(blocks, "_PIECE", 4)
    monkeypatch.setattr(clouds, "_ROWS", 13)
    for name, size in (("_ROWS", 7), ("_COLUMNS", 11), ("_FIRST", 2), ("_LOOK", 5), ("_SMALLEST", 8)):
        monkeypatch.setattr(f"generalization_difficulty.estimate.least.{name}", size)
    monkeypatch.setattr("generalization_difficulty.estimate.neighbours._QUERIES", 9)


data = st.tuples(
    st.integers(12, 70),
    st.integers(1, 9),
    st.integers(2, 5),
    st.sampled_from([0.0, 1e3, 1e7]),
    st.sampled_from([1.0, 2.0**530, 2.0**-660]),
    st.integers(0, 1000),
)
shared = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@shared
@given(data, st.integers(1, 40), st.booleans())
def test_neighbours_and_the_least_distance_equal_brute_force(small_blocks, drawn, rows, streamed):
    """Far from the origin and at sizes whose squares no float holds, in memory and read anew in each pass."""
    n, features, classes, offset, unit, seed = drawn
    points, codes = cloud(n, features, classes, seed, offset)
    codes[:2] = 0, 1
    memory = 10 * 8 * features if streamed else 1 << 30
    found, least, pair, curve = searched(points * unit, codes, rows=rows, memory=memory, k=4, seed=seed)
    distances = np.sqrt(np.square(points[:, None] - points).sum(axis=2))
    np.fill_diagonal(distances, np.inf)
    expected = np.sort(distances, axis=1)[:, :4] * unit
    assert len(found) == (10 if streamed else n)
    for position, nearest in found.items():
        np.testing.assert_allclose(nearest, expected[position], rtol=1e-9)
    distances = across(points, codes)
    assert least == pytest.approx(distances.min() * unit, rel=1e-9)
    assert distances[pair] == pytest.approx(distances.min(), rel=1e-9)
    assert curve[-1] == (n, least)
    assert [distance for _, distance in curve] == sorted((d for _, d in curve), reverse=True)


@shared
@given(data, st.integers(1, 40))
def test_bounds_are_never_above_the_distance(small_blocks, drawn, kept):
    """Of sketches and of whole points, in float32, whatever the size of the values."""
    n, features, _, offset, unit, seed = drawn
    points, codes = cloud(n, features, 2, seed, offset)
    codes[:2] = 0, 1
    points[0] *= 1e6  # one far outlier
    points *= unit
    seen = first_pass(ArrayBatches(points, codes), seed=0, memory=1 << 30)
    frame = frame_of(seen)
    rows, columns = np.divmod(np.arange(n * n), n)
    limits = frame.limit(exact_distances(points, points, rows, columns).reshape(n, n))
    for make in (frame.sketch, frame.whole):
        rows_of = make(points)
        assert (lower_bounds(rows_of, rows_of) <= limits).all()


def test_bounds_from_all_features_are_tight():
    points, _ = cloud(300, 500)
    seen = first_pass(ArrayBatches(points, np.arange(300) % 2), seed=0, memory=1 << 30)
    frame = frame_of(seen)
    whole = frame.whole(points)
    bounds = np.sqrt(np.maximum(lower_bounds(whole, whole), 0)) * frame.scale
    distances = cdist(points, points)
    apart = ~np.eye(300, dtype=bool)
    np.testing.assert_allclose(bounds[apart], distances[apart], rtol=1e-3)


@pytest.mark.parametrize("rows", [64, 333, 5000])
def test_neighbours_equal_those_of_scikit_learn(rows):
    from sklearn.neighbors import NearestNeighbors

    points, _ = cloud(1500, 20)
    found, *_ = searched(points, np.arange(1500) % 2, rows=rows, k=5, queries=200)
    positions = np.array(list(found))
    tree = NearestNeighbors(n_neighbors=6, algorithm="kd_tree").fit(points)
    expected, _ = tree.kneighbors(points[positions])
    np.testing.assert_allclose(np.array(list(found.values())), expected[:, 1:], rtol=1e-12)


def test_pictures_whose_sketch_says_nothing_are_compared_in_full():
    """White noise: 192 components of 400 bound nothing away, so all goes through whole points."""
    random = np.random.default_rng(0)
    points, codes = random.integers(0, 256, (600, 400), dtype=np.uint8), np.arange(600) % 3
    found, least, pair, _ = searched(points, codes, k=3)
    distances = cdist(points / 255, points / 255)
    for position, nearest in found.items():
        np.testing.assert_allclose(nearest, np.sort(distances[position])[1:4], rtol=1e-12)
    distances = across(points, codes)
    assert least == pytest.approx(distances.min(), rel=1e-12)
    assert distances[pair] == distances.min()


@pytest.mark.parametrize("times", [2, 3])
def test_copies_of_a_neighbour_are_one_neighbour(times):
    """Each point several times says as much of the dimension as each once."""
    points, codes = sphere(4, 300, 8, 0)
    once, *_ = searched(points, codes, k=5)
    several, *_ = searched(np.tile(points, (times, 1)), np.tile(codes, times), k=5)
    assert len(several) == 300
    for position, nearest in once.items():
        np.testing.assert_array_equal(several[position], nearest)


def test_copies_alone_have_no_neighbours():
    batches = ArrayBatches(np.ones((10, 2)), np.arange(10) % 2)
    seen = first_pass(batches, seed=0, memory=1000)
    assert Cloud.of(seen, batches).size == 1
    assert seen.copies == 10


def test_dimension_equals_scikit_dimensions_on_the_same_distances():
    skdim = pytest.importorskip("skdim")
    points, _ = sphere(6, 600, 15, 0)
    found, *_ = searched(points, np.arange(600) % 2, k=5)
    foreign = skdim.id.MLE().fit(points, n_neighbors=5).dimension_
    assert intrinsic_dimension(np.array(list(found.values()))).value == pytest.approx(foreign, rel=1e-9)


@pytest.mark.parametrize("make", [sphere, linear])
@pytest.mark.parametrize("dimension", [2, 5, 8])
def test_dimension_of_manifolds(make, dimension):
    """Nearly unbiased in low dimensions; the interval is four standard errors and 4 % for the bias."""
    nearest, *_ = searched(*make(dimension, 2000, 12, 0), k=5, queries=1000)
    found = intrinsic_dimension(np.array(list(nearest.values())))
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


def test_the_choice_of_k_shows_in_estimates_of_each():
    nearest, *_ = searched(*sphere(3, 1500, 6, 0), k=10)
    distances = np.array(list(nearest.values()))
    found = by_neighbours(distances, range(2, 11))
    assert list(found) == list(range(2, 11))
    assert found[5] == intrinsic_dimension(distances[:, :5]).value
    assert by_neighbours(np.array([[1.0, 1.0, 2.0], [1.0, 1.0, 3.0]]), [2, 3]).keys() == {3}


def test_duplicates_across_classes_are_counted_not_taken():
    points, codes = cloud(200, 5, 2)
    twice = np.concatenate([points, points[:3]])
    both = np.concatenate([codes, [1 - codes[0], 1 - codes[1], codes[2]]])
    seen = first_pass(ArrayBatches(twice, both), seed=0, memory=1 << 20)
    assert duplicates_across(seen.codes, seen.first) == (2, (0, 200))
    _, least, pair, _ = searched(twice, both)
    assert least == pytest.approx(across(twice, both).min(), rel=1e-12)
    assert across(twice, both)[pair] == pytest.approx(least, rel=1e-12)
    extreme = extreme_distance(twice, both, total=10_000, pairs=10**6, largest=100, seed=0)
    assert extreme.duplicates == 2
    assert extreme.distance > 0


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=2, max_size=40))
def test_duplicates_equal_those_counted_pair_by_pair(drawn):
    values, codes = (np.array(column) for column in zip(*drawn, strict=True))
    first = np.array([int(np.flatnonzero(values == value)[0]) for value in values])
    count, pair = duplicates_across(codes, first)
    same = (values[:, None] == values) & (codes[:, None] != codes)
    assert count == same.sum() // 2
    assert (pair is None) == (count == 0)
    assert pair is None or same[pair]


def test_zeros_of_either_sign_are_equal():
    points = np.array([[0.0, 1.0], [-0.0, 1.0], [1.0, 1.0]])
    seen = first_pass(ArrayBatches(points, np.array([0, 1, 1])), seed=0, memory=1000)
    assert seen.first.tolist() == [0, 0, 2]


def test_two_points_that_only_just_differ_are_no_copies():
    """Their squared distance underflows, their distance does not."""
    points = np.zeros((20, 2))
    points[:, 0] = np.arange(20)
    points[1] = points[0] + np.array([0.0, 1e-200])
    _, least, pair, _ = searched(points, np.arange(20) % 2)
    assert least == 1e-200
    assert pair == (0, 1)


@pytest.mark.parametrize(
    ("value", "dtype", "sentence"),
    [
        (
            1e305,
            float,
            r"Point 7 holds the value 1e\+305: distances between such points exceed 64",
        ),
        (2**60, np.int64, r"integers up to 1.15e\+18, which 64-bit numbers round: give floats"),
    ],
)
def test_values_whose_distances_no_float_holds_are_refused(value, dtype, sentence):
    points = np.arange(40).reshape(20, 2).astype(dtype)
    points[7, 1] = value
    with pytest.raises(UserError, match=sentence):
        first_pass(ArrayBatches(points, np.arange(20) % 2), seed=0, memory=1000)


def test_one_class_has_no_least_distance():
    points = np.concatenate([np.eye(4), np.eye(4)[:1]])
    _, least, pair, _ = searched(points[[0, 0, 0]], np.array([0, 1, 0]))
    assert (least, pair) == (np.inf, None)


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
    assert found.least == pytest.approx(across(points, codes).min(), rel=1e-12)
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
    points = points.astype(np.float32)
    whole = first_pass(ArrayBatches(points, codes, 1000), seed=seed, memory=20 * 16)
    parts = first_pass(ArrayBatches(points, codes, rows), seed=seed, memory=20 * 16)
    assert len(whole.points) == 20
    np.testing.assert_array_equal(whole.positions, parts.positions)
    np.testing.assert_array_equal(parts.points, points[parts.positions])
    assert whole.radius == parts.radius == pytest.approx(np.linalg.norm(points, axis=1).max())
    np.testing.assert_array_equal(whole.mean, parts.mean)
    np.testing.assert_allclose(whole.mean, points.mean(axis=0), atol=1e-6)
    assert whole.spread == parts.spread
    assert whole.spread == pytest.approx(np.sqrt(points.var(axis=0).sum()), rel=1e-5)
    assert whole.pairs == int((codes[:, None] != codes).sum()) // 2


def test_every_point_is_held_as_often_as_every_other():
    points, codes = cloud(20, 2)
    counts = np.zeros(20)
    for seed in range(2000):
        counts[first_pass(ArrayBatches(points, codes, 3), seed=seed, memory=5 * 16).positions] += 1
    assert np.abs(counts - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)
