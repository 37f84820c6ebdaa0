"""Two learners against one: the same rewards, fragments, keys, statistics and weights; and a loss of one."""

import os
import signal
from ipaddress import ip_address

import numpy as np
import psutil
import pytest
import ray
import torch

import shared_ray
from farcuriosity.agent import checkpoint
from farcuriosity.agent.algorithm import Recipe, build_algorithm
from farcuriosity.agent.connector import Credit
from gridcell.execute.outcome import FailureClass, classify

ROOMS = {"rows": 1, "columns": 2, "size": 3, "view": 3, "max_steps": 20}
RND = {"features": 16, "proportion": 0.5}
FAR = {"criterion": "z", "rho": 0.5, "least": 5, "capacity": 8, "module": RND}
CURIOSITIES = {"none": {}, "rnd": RND, "far": FAR, "icm": RND, "disagreement": RND}

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("local_ray"), pytest.mark.xdist_group("agents")]


def made(curiosity, learners, lstm=0):
    recipe = Recipe(environments=4, steps=16, epochs=2, minibatches=2, lr=1e-3, features=16, lstm=lstm)
    return build_algorithm(
        "gridcell/Rooms-v0",
        ROOMS,
        recipe,
        Credit(),
        curiosity,
        CURIOSITIES[curiosity],
        seed=0,
        learners=learners,
    )


@pytest.fixture
def build():
    built = []

    def make(*what):
        built.append(made(*what))
        return built[-1]

    yield make
    for algorithm in built:
        algorithm.stop()


@pytest.fixture(scope="module")
def pair(request):
    """Two learners for the tests below, in their order: they start for longer than the tests take.

    The last test ends them.
    """
    shared_ray.provide(request.module, shared_ray.of_four_cpus)
    algorithm = made("far", 2)
    yield algorithm
    algorithm.stop()


def state(learner):
    return checkpoint.plain(learner.get_state(not_components="metrics_logger"))


def numbers(value, path=""):
    """Yield every number and array of a nested state by its path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from numbers(inner, f"{path}/{name}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from numbers(inner, f"{path}/{index}")
    else:
        yield path, value


def assert_close(one, other, rtol, atol):
    mine, theirs = dict(numbers(one)), dict(numbers(other))
    assert mine.keys() == theirs.keys()
    for path, value in mine.items():
        if (isinstance(value, torch.Tensor) and value.is_floating_point()) or isinstance(value, float):
            np.testing.assert_allclose(theirs[path], value, rtol, atol, err_msg=path)
        else:
            assert np.array_equal(np.asarray(theirs[path]), np.asarray(value)), path


AT_NIGHT = [("none", 8), ("rnd", 0), ("far", 0), ("icm", 0)]
"""Fragments of RND with memory, which every run of the tests goes through, have all that the others have.

ICM has another loss, of which the learners share what they share of RND's: the gradients.
"""


@pytest.mark.parametrize(
    ("curiosity", "lstm"),
    [("far", 8), *(pytest.param(*each, marks=pytest.mark.long) for each in AT_NIGHT)],
)
def test_two_learners_make_of_segments_what_one_makes(build, tmp_path, curiosity, lstm):
    one, two = build(curiosity, 1, lstm), build(curiosity, 2, lstm)
    # First weights come from a decomposition, whose last bits depend on the number of threads.
    checkpoint.save(one, tmp_path / "start.pt")
    checkpoint.load(two, tmp_path / "start.pt")
    for _ in range(6):
        segments = one.env_runner.sample()
        for algorithm, size in ((one, 32), (two, 16)):
            algorithm.learner_group.update(episodes=segments, num_epochs=2, minibatch_size=size)
        one.env_runner_group.sync_weights(from_worker_or_learner_group=one.learner_group, inference_only=True)
        mine, (first, second) = one.learner_group.ask(state), two.learner_group.ask_all(state)
        assert_close(first, mine, rtol=1e-3, atol=1e-5)  # sums are formed in another order
        assert_close(second, first, rtol=0, atol=0)
    figures = two.learner_group.ask(lambda learner: learner.values())
    assert curiosity != "far" or figures["fragments"] > 1


def test_training_counts_steps_once_and_takes_up_a_checkpoint_of_one_learner(pair, build, tmp_path):
    two = pair
    for _ in range(2):
        losses = two.train()["learners"]["default_policy"]
    assert np.isfinite(losses["total_loss"])
    assert losses["num_module_steps_trained"] == 2 * 64  # epochs x steps
    assert two.learner_group.ask_all(lambda learner: learner.progress.steps) == [128, 128]
    checkpoint.save(two, tmp_path / "two.pt", curves={"return": [[1, 0.5]]})
    one = build("far", 1)
    assert checkpoint.load(one, tmp_path / "two.pt") == {"curves": {"return": [[1, 0.5]]}}
    assert_close(one.learner_group.ask(state), two.learner_group.ask(state), 0, 0)
    assert_close(one.env_runner.module.net.state_dict(), two.env_runner.module.net.state_dict(), 0, 0)


def test_learners_meet_on_this_machine_and_where_one_fails_or_is_killed_none_waits(pair):
    algorithm = pair
    ask_all = algorithm.learner_group.ask_all
    pids = ask_all(lambda learner: os.getpid())

    class Idle:
        def pid(self):
            return os.getpid()

    idle = ray.remote(num_cpus=0)(Idle).remote()
    plain = listening_to_others(ray.get(idle.pid.remote()))  # Ray's own port, unless it was told otherwise
    assert [listening_to_others(pid) for pid in pids] == [plain, plain]

    def break_second(learner):
        if os.getpid() == pids[1]:
            learner.curiosity = None

    ask_all(break_second)
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'score'"):
        algorithm.train()  # the error is told, and the other does not wait

    os.kill(pids[1], signal.SIGKILL)
    with pytest.raises(Exception) as caught:  # noqa: PT011  Ray's or gloo's, whoever notices first
        algorithm.train()
    assert classify(caught.value) is FailureClass.PREEMPTED


def listening_to_others(pid):
    """Return how many ports a process listens at that can be reached from elsewhere."""
    connections = psutil.Process(pid).net_connections("inet")
    listening = [ip_address(each.laddr.ip) for each in connections if each.status == psutil.CONN_LISTEN]
    return sum(not address.is_loopback for address in listening)
