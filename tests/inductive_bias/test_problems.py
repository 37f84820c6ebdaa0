"""Few-shot problems and the pendulum."""

import numpy as np
import pytest

from gridcell.errors import UserError
from gridcell.suite import parse_settings
from inductive_bias import task
from inductive_bias.problems.control import TORQUE, pendulum, torque
from inductive_bias.problems.pool import cut, make_pool
from inductive_bias.problems.sources import digits, few_shot, teacher


def test_five_ways_and_one_shot_are_one_training_point_of_each_of_five_classes():
    for seed in range(3):
        pool = few_shot(digits(), ways=5, seed=seed, name="p")
        assert pool.y.shape[1] == 5
        split = cut(
            pool, n_train=5, n_test=100, dimension=None, standardise=True, seed=seed, name="p", balanced=True
        )
        assert (split.y_train.sum(axis=0) == 1).all()
        assert set(split.y_test.sum(axis=1)) == {1.0}


def test_classes_are_drawn_anew_for_each_seed():
    drawn = {len(few_shot(digits(), ways=5, seed=seed, name="p").x) for seed in range(6)}
    assert len(drawn) > 1


def test_numbers_have_no_classes_to_draw_and_too_many_ways_are_refused():
    with pytest.raises(UserError, match="its targets are numbers"):
        few_shot(teacher(3, 2, 8, 50, 0), ways=2, seed=0, name="p")
    with pytest.raises(UserError, match="10 classes, fewer than 11 ways"):
        few_shot(digits(), ways=11, seed=0, name="p")


def test_too_few_points_of_a_class_are_refused():
    pool = make_pool(np.arange(40.0)[:, None], np.repeat([0, 1], [36, 4]), "p")
    with pytest.raises(UserError, match="of its smallest class left for training, fewer than 6"):
        cut(pool, n_train=12, n_test=4, dimension=None, standardise=True, seed=0, name="p", balanced=True)


def suite(**problem):
    return {"problems": {"mine": problem}, "spaces": {"rbf": {"kind": "rbf"}}, "training_size": 100}


def test_ways_and_shots_give_the_training_size():
    grid = task.plan(parse_settings(task.settings, suite(source="digits", ways=5, shots=2)))
    assert [target.labels["n_train"] for target in grid.targets] == [10]
    (kernel,) = [cell for cell in grid.cells.values() if cell.kind == "kernel"]
    assert kernel.config["cut"]["ways"] == 5


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        ({"source": "teacher", "ways": 5}, "ways"),
        ({"source": "digits", "shots": 5}, "give it ways, too"),
        ({"source": "digits", "ways": 5, "training_size": 7}, "ways and shots give the training size"),
    ],
)
def test_what_contradicts_a_few_shot_problem_is_refused(problem, message):
    with pytest.raises(UserError, match=message):
        task.plan(parse_settings(task.settings, suite(**problem)))


def test_the_pendulums_torques_are_the_policys_and_balance_it():
    gymnasium = pytest.importorskip("gymnasium")
    pool = pendulum(300, 0)
    assert pool.x.shape == (300, 3)
    assert pool.y.shape == (300, 1)
    assert np.abs(pool.y).max() <= TORQUE
    environment = gymnasium.make("Pendulum-v1")
    upright = []
    for seed in range(5):
        state, _ = environment.reset(seed=seed)
        for _ in range(199):
            state, *_ = environment.step(np.array([torque(state)], dtype=np.float32))
        upright.append(state[0])
    environment.close()
    assert min(upright) > 0.95  # cosine of the angle from upright
