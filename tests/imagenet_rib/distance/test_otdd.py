"""OTDD: against POT on explicit costs, as a distance between sets, and what it refuses."""

import inspect
import math

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings, strategies as st

from gridcell.errors import UserError
from imagenet_rib.distance.memory import memory_needed
from imagenet_rib.distance.otdd import otdd
from imagenet_rib.distance.sets import LabelledFeatures, sample
from imagenet_rib.distance.transport import entropic_transport, exact_transport, squared_distances
from imagenet_rib.settings import Settings

WAYS = [(labels, solver) for labels in ("gaussian", "exact") for solver in ("exact", "sinkhorn")]


def draw(n, *, seed=0, dimensions=4, classes=3, shift=0.0, name="drawn"):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    centres = rng.normal(size=(classes, dimensions)) * 2
    return LabelledFeatures(name, rng.normal(size=(n, dimensions)) + centres[labels] + shift, labels)


def cost_by_loops(a, b):
    """The ground cost entry by entry, classes as Gaussians, by POT and NumPy alone."""
    distances = {}
    for i in a.classes:
        for j in b.classes:
            xs, ys = a.features[a.labels == i], b.features[b.labels == j]
            bures = ot.gaussian.bures_wasserstein_distance(
                xs.mean(0), ys.mean(0), np.cov(xs.T, bias=True), np.cov(ys.T, bias=True)
            )
            distances[i, j] = bures**2
    return np.array(
        [
            [sum((x - y) ** 2) + distances[i, j] for y, j in zip(b.features, b.labels, strict=True)]
            for x, i in zip(a.features, a.labels, strict=True)
        ]
    )


def test_exact_agrees_with_pot_on_a_cost_made_by_loops():
    a, b = draw(40, seed=1), draw(31, seed=2, classes=2)
    expected = math.sqrt(ot.emd2(ot.unif(40), ot.unif(31), cost_by_loops(a, b)))
    assert otdd(a, b).distance == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore:Sinkhorn did not converge")  # to the tolerance asked for
def test_sinkhorn_agrees_with_pot_on_costs_made_by_loops():
    a, b = draw(40, seed=1), draw(31, seed=2, classes=2)
    cost = cost_by_loops(a, b)
    strength = 0.1 * cost.mean()

    def entropic(matrix):
        return ot.solve(matrix, reg=strength, reg_type="KL", max_iter=3000, tol=1e-8).value

    expected = entropic(cost) - (entropic(cost_by_loops(a, a)) + entropic(cost_by_loops(b, b))) / 2
    found = otdd(a, b, solver="sinkhorn", regularisation=0.1).distance
    assert found == pytest.approx(math.sqrt(expected), rel=1e-4)


@pytest.mark.filterwarnings("ignore:Sinkhorn did not converge")  # to the tolerance asked for
@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 3), (3, 5), (20, 7)])
@pytest.mark.parametrize("share", [0.1, 0.5, 10.0])
def test_entropic_cost_agrees_with_pot(n, m, share):
    rng = np.random.default_rng(n * m)
    cost = rng.uniform(0, 10, size=(n, m))
    strength = share * cost.mean()
    expected = ot.solve(cost, reg=strength, reg_type="KL", max_iter=20_000, tol=1e-8).value
    assert entropic_transport(torch.from_numpy(cost), strength) == pytest.approx(expected, rel=1e-4)


def test_little_regularisation_leaves_the_exact_cost():
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 30, 2)))
    cost = squared_distances(*points)
    exact = exact_transport(cost)
    assert exact <= entropic_transport(cost, 0.01) <= exact + 0.01 * math.log(30)


def test_sinkhorn_says_when_it_does_not_converge(monkeypatch):
    monkeypatch.setattr("imagenet_rib.distance.transport._ITERATIONS", 2)
    with pytest.raises(UserError, match="did not converge in 2 iterations"):
        entropic_transport(torch.rand(20, 30, dtype=torch.float64), 1e-4)


@pytest.mark.parametrize(("labels", "solver"), WAYS)
@pytest.mark.parametrize("n", [1, 2, 3, 10, 101, 300])
def test_a_set_is_at_distance_zero_from_itself(n, labels, solver):
    a = draw(n, seed=n, dimensions=16, shift=50.0)
    assert otdd(a, a, labels=labels, solver=solver).distance == 0.0
    shuffled = a.take(np.random.default_rng(0).permutation(n))
    capped = otdd(a, shuffled, labels=labels, solver=solver, max_samples=max(1, n // 2), repeats=2)
    assert capped.distance < 1e-3
    assert capped.capped == (n > 1)


@pytest.mark.parametrize(("labels", "solver"), WAYS)
def test_symmetry_translation_and_names_of_classes(labels, solver):
    a, b = draw(60, seed=1), draw(45, seed=2)
    way = {"labels": labels, "solver": solver}
    found = otdd(a, b, **way).distance
    moved = [LabelledFeatures("m", one.features + np.array([1e3, -5, 0, 7]), one.labels) for one in (a, b)]
    renamed = LabelledFeatures("r", a.features, np.array([7, -3, 40])[a.labels])
    assert otdd(b, a, **way).distance == pytest.approx(found, rel=1e-6)
    assert otdd(*moved, **way).distance == pytest.approx(found, rel=1e-6)
    assert otdd(renamed, b, **way).distance == pytest.approx(found, rel=1e-9)


def test_labels_matter():
    """Equal features under other labels are apart; with one class they are not."""
    a = draw(60)
    mixed = LabelledFeatures("mixed", a.features, np.random.default_rng(3).permutation(a.labels))
    single = LabelledFeatures("single", a.features, np.zeros(60, dtype=int))
    assert otdd(a, mixed).distance > 0.5
    assert otdd(single, single).distance == 0.0
    assert otdd(a, single).distance > 0.5


def test_one_class_that_is_moved():
    """Moving by s costs |s|^2 for the points and |s|^2 for their class: the root of twice that."""
    a = draw(50, classes=1)
    b = LabelledFeatures("b", a.features + np.array([3.0, 4.0, 0.0, 0.0]), a.labels)
    assert otdd(a, b).distance == pytest.approx(math.sqrt(50.0))
    assert otdd(a, b, labels="exact").distance == pytest.approx(math.sqrt(50.0))


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 99)), min_size=3, max_size=3))
def test_triangle_inequality(sets):
    a, b, c = (draw(n, seed=seed, classes=2) for n, seed in sets)
    for labels in ("gaussian", "exact"):
        ab, bc, ac = (otdd(x, y, labels=labels).distance for x, y in ((a, b), (b, c), (a, c)))
        assert ac <= ab + bc + 1e-6


def test_a_cap_draws_repeats_and_says_so():
    a, b = draw(200, seed=1), draw(50, seed=2)
    found = otdd(a, b, max_samples=60, repeats=4, seed=5)
    assert (found.used, found.available, found.capped) == ((60, 50), (200, 50), True)
    assert len(set(found.values)) == 4
    assert found.distance == pytest.approx(np.mean(found.values))
    assert found.deviation == pytest.approx(np.std(found.values, ddof=1))
    assert otdd(a, b, max_samples=60, repeats=4, seed=5).values == found.values
    assert otdd(a, b, max_samples=60, repeats=4, seed=6).values != found.values
    whole = otdd(a, b, repeats=4)
    assert (whole.capped, whole.deviation, len(whole.values)) == (False, None, 1)


def test_a_draw_is_uniform_and_does_not_see_the_order():
    a = LabelledFeatures("a", np.arange(50.0)[:, None], np.zeros(50, dtype=int))
    counts = np.zeros(50)
    for repeat in range(400):
        drawn = sample(a, 10, seed=0, repeat=repeat).features[:, 0]
        assert len(set(drawn)) == 10
        counts[drawn.astype(int)] += 1
    # 400 draws of probability 1/5: mean 80, standard deviation 8.
    assert counts.sum() == 4000
    assert np.abs(counts - 80).max() < 4.5 * 8
    backwards = sample(a.take(np.arange(49, -1, -1)), 10, seed=0).features[:, 0]
    assert sorted(backwards) == sorted(sample(a, 10, seed=0).features[:, 0])


def test_equal_samples_are_drawn_one_by_one():
    a = LabelledFeatures("a", np.zeros((40, 2)), np.zeros(40, dtype=int))
    assert len(sample(a, 7, seed=0)) == 7


def test_memory_is_refused_before_it_is_taken():
    assert memory_needed(100_000, 100_000, "sinkhorn") >= 80e9
    a = draw(300)
    with pytest.raises(
        UserError, match=r"takes 0.00432 GB, more than the limit of 0.001 GB: set max_samples to 144"
    ):
        otdd(a, a, memory_limit=10**6)
    assert otdd(a, a, memory_limit=10**6, max_samples=144).memory <= 10**6


@pytest.mark.parametrize(
    ("features", "labels", "sentence"),
    [
        (
            np.array([[0.0], [np.nan]]),
            np.array([0, 0]),
            "not finite in 1 of 2 samples, the first of them sample 1",
        ),
        (
            np.array([[np.inf], [0.0]]),
            np.array([0, 0]),
            "not finite in 1 of 2 samples, the first of them sample 0",
        ),
        (np.zeros(3), np.zeros(3, dtype=int), "must be floats of shape"),
        (np.zeros((3, 2), dtype=int), np.zeros(3, dtype=int), "must be floats of shape"),
        (np.zeros((3, 2)), np.zeros(2, dtype=int), "must be 3 integers"),
        (np.zeros((3, 2)), np.zeros(3), "must be 3 integers"),
        (np.zeros((0, 2)), np.zeros(0, dtype=int), "has no samples"),
    ],
)
def test_what_is_no_labelled_feature_set_is_refused(features, labels, sentence):
    with pytest.raises(UserError, match=sentence):
        LabelledFeatures("x", features, labels)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_samples": 0}, "max_samples must be at least 1"),
        ({"repeats": 0}, "repeats must be at least 1"),
        ({"regularisation": 0.0}, "regularisation must be above 0"),
    ],
)
def test_numbers_out_of_range_are_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        otdd(draw(3), draw(3), **options)


def test_features_of_different_models_are_refused():
    with pytest.raises(UserError, match="'drawn' have 4 dimensions, those of 'drawn' 5"):
        otdd(draw(3), draw(3, dimensions=5))


@pytest.mark.parametrize(
    ("features", "labels", "said"),
    [
        (np.zeros(3), np.zeros(3, int), "must be floats of shape"),
        (np.zeros((3, 2), int), np.zeros(3, int), "must be floats of shape"),
        (np.zeros((3, 0)), np.zeros(3, int), "must be floats of shape"),
        (np.zeros((3, 2)), np.zeros(2, int), "must be 3 integers, not int64 of shape"),
        (np.zeros((3, 2)), np.zeros(3), "must be 3 integers, not float64"),
        (np.zeros((0, 2)), np.zeros(0, int), "has no samples"),
        (
            np.array([[0.0], [np.nan], [np.inf]]),
            np.zeros(3, int),
            "in 2 of 3 samples, the first of them sample 1",
        ),
    ],
)
def test_features_and_labels_that_do_not_fit_are_refused(features, labels, said):
    with pytest.raises(UserError, match=said):
        LabelledFeatures("a", features, labels)


@pytest.mark.parametrize(
    ("seed", "repeat", "drawn"),
    [
        (0, 0, [0, 2, 3, 3, 5, 11, 16, 16]),
        (0, 1, [2, 6, 10, 11, 13, 13, 16, 19]),
        (3, 0, [0, 2, 3, 4, 4, 10, 14, 18]),
    ],
)
def test_what_is_drawn_stays_as_long_as_the_version_of_distances(seed, repeat, drawn):
    """Another draw is another number under the same id: it needs a raised version."""
    rows = np.repeat(np.arange(20.0), 2)
    labelled = LabelledFeatures("a", rows[:, None], rows.astype(np.int64) % 4)
    assert sample(labelled, 8, seed=seed, repeat=repeat).features[:, 0].tolist() == drawn


def test_without_a_suite_a_distance_is_that_of_a_suites_defaults():
    of_suite = Settings.model_fields["distance"].get_default(call_default_factory=True).model_dump()
    given = inspect.signature(otdd).parameters
    names = of_suite.keys() & {name for name, one in given.items() if one.kind is one.KEYWORD_ONLY}
    assert {name: given[name].default for name in names} == {name: of_suite[name] for name in names}
    assert {"labels", "solver", "max_samples", "repeats", "seed", "regularisation"} <= names
