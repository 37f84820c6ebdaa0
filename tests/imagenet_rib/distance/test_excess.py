"""The debiased distance: zero for two draws of one distribution at every size, where the plain one is not."""

import itertools

import numpy as np
import pytest

from gridcell.errors import UserError
from imagenet_rib.distance.excess import halves, otdd_excess
from imagenet_rib.distance.otdd import otdd
from imagenet_rib.distance.sets import LabelledFeatures


def draw(per_class, *, seed, shift=0.0, classes=4, dimensions=8):
    """Gaussian classes around fixed centres, all moved by ``shift`` along the diagonal."""
    centres = 3 * np.random.default_rng(0).standard_normal((classes, dimensions))
    labels = np.repeat(np.arange(classes), per_class)
    noise = np.random.default_rng(seed).standard_normal((len(labels), dimensions))
    return LabelledFeatures(f"s{seed}", centres[labels] + noise + shift / dimensions**0.5, labels)


@pytest.mark.parametrize("per_class", [4, 12])
def test_two_draws_of_one_distribution_are_at_no_distance_whatever_their_size(per_class):
    found = [
        otdd_excess(draw(per_class, seed=2 * k + 1), draw(per_class, seed=2 * k + 2), repeats=1)
        for k in range(10)
    ]
    squares = np.array([one.squared for one in found])
    assert abs(squares.mean()) < 3 * squares.std(ddof=1) / len(squares) ** 0.5
    # What would have been reported without the correction, and grows as the sets shrink:
    plain = otdd(draw(per_class, seed=1), draw(per_class, seed=2)).distance
    assert plain > 1
    assert found[0].baseline > 1


def test_a_set_is_at_no_distance_from_itself():
    one = draw(10, seed=1)
    assert otdd_excess(one, one).distance == 0


def test_a_moved_distribution_is_at_the_distance_that_it_moved():
    """Of samples and of class means alike: the squared distance is twice that of the shift (closed form)."""
    shift = 20.0
    found = [
        otdd_excess(draw(per_class, seed=1), draw(per_class, seed=2, shift=shift), repeats=2).distance
        for per_class in (6, 20)
    ]
    assert found == pytest.approx([2**0.5 * shift] * 2, rel=0.03)


def test_the_ranking_does_not_carry_the_size():
    """A near set of few images against a farther one of many: the plain distances are the wrong way round."""
    source = draw(40, seed=1, dimensions=24)
    near, far = draw(4, seed=2, dimensions=24), draw(40, seed=3, shift=4.0, dimensions=24)
    assert otdd(source, near).distance > otdd(source, far).distance
    assert otdd_excess(source, near, repeats=10).distance < otdd_excess(source, far, repeats=1).distance


def test_halves_are_disjoint_and_cut_each_class_in_two():
    one = draw(7, seed=1)
    first, second = halves(one, 14, seed=3)
    rows = [{row.tobytes() for row in half.features} for half in (first, second)]
    assert not rows[0] & rows[1]
    assert len(rows[0] | rows[1]) == 28
    for half in (first, second):
        assert set(np.bincount(half.labels).tolist()) <= {3, 4}


def test_a_single_sample_has_no_halves():
    lonely = LabelledFeatures("lonely", np.zeros((1, 8)), np.array([0]))
    with pytest.raises(UserError, match="'lonely' has a single sample"):
        otdd_excess(draw(3, seed=1), lonely)


@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_the_deviation_is_that_of_the_halvings_and_one_halving_has_none(repeats):
    source, target = draw(6, seed=1), draw(6, seed=2, shift=1.0)
    found = otdd_excess(source, target, repeats=repeats, seed=3)
    size, squares = len(source) // 2, []
    for repeat in range(repeats):
        a, b = (halves(one, size, seed=3, repeat=repeat) for one in (source, target))
        apart = {
            (i, j): otdd(x, y, max_samples=size, repeats=1, seed=3).distance ** 2
            for (i, x), (j, y) in itertools.combinations([*enumerate(a), *enumerate(b, 2)], 2)
        }
        squares.append((apart[0, 2] + apart[1, 3] - apart[0, 1] - apart[2, 3]) / 2)
    assert found.squared == pytest.approx(np.mean(squares))
    assert found.used == size
    if repeats == 1:
        assert found.deviation is None
    else:
        assert found.deviation == pytest.approx(np.std(squares, ddof=1))
