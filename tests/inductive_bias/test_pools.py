"""The points of a problem: read from each source, refused where they are no problem, and cut."""

import sys
import types

import numpy as np
import pytest

from gridcell.errors import UserError
from inductive_bias.problems.control import cartpole, policy
from inductive_bias.problems.kind import ProblemKind
from inductive_bias.problems.pool import cut, make_pool
from inductive_bias.problems.sources import checked, digits, from_dataset, from_npz, teacher
from inductive_bias.problems.vector_size import DIGITS, Extent


def test_the_digits_are_as_many_as_planning_takes_them_for():
    pool = digits()
    assert Extent.of(pool.x) == DIGITS


def test_labels_that_are_constant_or_not_finite_are_refused():
    with pytest.raises(UserError, match="All labels of problem 'p' are equal"):
        make_pool(np.zeros((5, 2)), np.ones(5, int), "p")
    with pytest.raises(UserError, match="not finite"):
        make_pool(np.array([[0.0], [np.nan]]), np.array([0, 1]), "p")
    pool = make_pool(np.arange(40.0)[:, None], np.r_[1, np.zeros(39, int)], "p")
    with pytest.raises(UserError, match="All test labels of problem 'p' are equal"):
        cut(pool, n_train=2, n_test=1, dimension=None, standardise=True, seed=0, name="p")
    with pytest.raises(UserError, match="fewer than 39 for training and 3 for testing"):
        cut(pool, n_train=39, n_test=3, dimension=None, standardise=True, seed=0, name="p")


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ma.masked_equal(np.arange(6.0), 2), np.arange(6), "masked"),
        (np.arange(6.0), np.ma.masked_equal(np.arange(6), 2), "masked"),
        (1e200 * np.arange(6.0), np.arange(6), "inputs up to 5e\\+200"),
        (np.arange(6.0), 1e-170 * np.arange(6), "labels up to 5e-170"),
    ],
)
def test_values_that_would_count_as_others_are_refused(x, y, message):
    with pytest.raises(UserError, match=message):
        make_pool(x, y, "mine")


def test_a_problem_says_whether_whole_numbers_are_labels():
    def kind(targets, **said):
        return ProblemKind("mine", make=lambda seed: (np.arange(6.0), np.array(targets)), **said)

    def pool_of(kind):
        return checked(kind.make(seed=0), kind)

    counts = [0, 3, 1, 7, 2, 4]
    with pytest.raises(UserError, match="says labelled=False: give targets to regress on as floats"):
        pool_of(kind(counts))
    with pytest.raises(UserError, match="says labelled=True, and its targets are numbers"):
        pool_of(kind([0.0, 1, 0, 1, 0, 1], labelled=True))
    assert pool_of(kind(counts, labelled=True)).y.shape == (6, 6)
    assert pool_of(kind([float(one) for one in counts])).y.shape == (6, 1)
    assert pool_of(kind([[0, 1]] * 3 + [[1, 0]] * 3, labelled=True)).y.shape == (6, 2)


def test_integer_labels_in_a_column_are_labels_and_no_numbers_to_regress_on():
    x, labels = np.arange(12.0).reshape(6, 2), np.array([5, 7, 9, 5, 7, 9])
    column, row = make_pool(x, labels[:, None], "p"), make_pool(x, labels, "p")
    assert column.y.shape == (6, 3)
    assert np.array_equal(column.y, row.y)
    assert make_pool(x, labels[:, None] / 2, "p").y.shape == (6, 1)


@pytest.mark.parametrize("colours", [1, 3])
def test_images_with_colours_last_are_refused(colours):
    images = np.random.default_rng(0).random((6, 8, 8, colours))
    with pytest.raises(UserError, match=rf"shape \(6, 8, 8, {colours}\): colours must come first"):
        make_pool(images, np.arange(6), "p")
    assert make_pool(images.transpose(0, 3, 1, 2), np.arange(6), "p").x.shape == (6, colours, 8, 8)
    assert make_pool(images[:, :1], np.arange(6), "p").x.shape == (6, 1, 8, colours)  # narrow, colours first


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.random.default_rng(0).random((6, 2)), np.arange(24.0).reshape(6, 2, 2)),
        (np.array(1.5), np.arange(6)),
        (np.random.default_rng(0).random((6, 2)), np.array(1)),
    ],
)
def test_arrays_of_a_wrong_shape_are_refused_with_their_shapes(x, y, tmp_path):
    np.savez(tmp_path / "mine.npz", x=x, y=y)
    with pytest.raises(UserError) as refused:
        from_npz(tmp_path / "mine.npz")
    said = f"Problem 'mine' has inputs of shape {x.shape} and labels of shape {y.shape}: give "
    assert str(refused.value).startswith(said)


def test_sizes_and_projections_are_nested():
    pool = teacher(6, 2, 8, 50, 0)
    options = {"n_test": 10, "standardise": False, "seed": 3, "name": "p"}
    small = cut(pool, n_train=5, dimension=2, **options)
    large = cut(pool, n_train=20, dimension=4, **options)
    assert large.x_train[:5, :2] == pytest.approx(small.x_train)
    assert np.array_equal(small.y_test, large.y_test)
    full = cut(pool, n_train=5, dimension=6, **options)
    plain = cut(pool, n_train=5, dimension=None, **options)
    assert np.linalg.norm(full.x_train, axis=1) == pytest.approx(np.linalg.norm(plain.x_train, axis=1))


def test_arrays_and_torchvision_style_data_sets_are_read(tmp_path):
    items = [(np.full((4, 4, 3), 51 * i, np.uint8), i % 2) for i in range(4)]
    pool = from_dataset(items)
    assert pool.x.shape == (4, 3, 4, 4)
    assert pool.x[:, 0, 0, 0] == pytest.approx([0, 0.2, 0.4, 0.6])
    pool.save(tmp_path / "p.npz")
    again = from_npz(tmp_path / "p.npz")
    assert np.array_equal(again.x, pool.x)
    assert np.array_equal(again.y, pool.y)
    np.savez(tmp_path / "q.npz", a=np.ones(3))
    with pytest.raises(UserError, match="holds a, but no array of points"):
        from_npz(tmp_path / "q.npz")


def test_without_gymnasium_the_control_task_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(UserError, match=r"gridcell\[rl\]"):
        cartpole(10, 0)


def test_the_control_tasks_labels_are_the_policys(monkeypatch):
    class Environment:
        """A stand-in of Gymnasium's interface: states at random."""

        draws = np.random.default_rng(0)

        def reset(self, seed=None):
            return self.draws.normal(size=4), {}

        def step(self, action):
            return self.draws.normal(size=4), 1.0, bool(self.draws.random() < 0.1), False, {}

        def close(self):
            pass

    monkeypatch.setitem(sys.modules, "gymnasium", types.SimpleNamespace(make=lambda name: Environment()))
    pool = cartpole(200, 0)
    assert pool.x.shape == (200, 4)
    assert pool.y.sum(axis=1) == pytest.approx(1)
    # Inputs are scaled, so agreement with the policy is tested up to that: the angle decides most.
    assert np.corrcoef(pool.x[:, 2], pool.y[:, 1])[0, 1] > 0.5
    assert policy(np.array([0, 0, 0.1, 0])) == 1
    assert policy(np.array([0, 0, -0.1, 0])) == 0


def test_constant_inputs_are_said_to_be_equal():
    with pytest.raises(UserError, match="All inputs of problem 'p' are equal"):
        make_pool(np.full((5, 2), 0.1), np.arange(5), "p")
