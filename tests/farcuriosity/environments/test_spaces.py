"""Environments of all spaces as the agent takes them: images, vectors; one choice, or numbers."""

import itertools

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from farcuriosity.environments.channels import image_axes
from farcuriosity.environments.make import make_vector
from farcuriosity.environments.spaces import scale_of
from gridcell.errors import UserError


class Given(gymnasium.Env):
    """Shows samples of a space, and keeps the actions that arrive."""

    def __init__(self, observations, actions):
        self.observation_space, self.action_space = observations, actions
        self.done = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.done.append(action)
        return self.observation_space.sample(), 0.0, len(self.done) % 5 == 0, False, {}


@pytest.fixture
def given():
    """Makes vector environments that have the spaces given."""
    names = []

    def make(observations=None, actions=None, count=2):
        names.append(f"Given{len(names)}-v0")
        observations = spaces.Box(-1, 1, (3,), np.float32) if observations is None else observations
        actions = spaces.Discrete(2) if actions is None else actions
        gymnasium.register(
            names[-1], lambda: Given(observations, actions), disable_env_checker=True, order_enforce=False
        )
        return make_vector(names[-1], count, {})

    yield make
    for name in names:
        del gymnasium.registry[name]


BOX = spaces.Box(-1, 1, (2,), np.float32)
NESTED = spaces.Dict({"a": spaces.Discrete(3), "b": spaces.Tuple([BOX, spaces.MultiBinary(2)])})
OBSERVATIONS = {
    "discrete": (spaces.Discrete(16), (16,)),
    "discrete from 5": (spaces.Discrete(4, start=5), (4,)),
    "several discrete": (spaces.MultiDiscrete([3, 2]), (5,)),
    "bits": (spaces.MultiBinary(4), (4,)),
    "tuple": (spaces.Tuple([spaces.Discrete(32), spaces.Discrete(11), spaces.Discrete(2)]), (45,)),
    "dict": (NESTED, (7,)),
    "number": (spaces.Box(0, 1, (), np.float32), (1,)),
    "vector": (BOX, (2,)),
    "picture": (spaces.Box(0, 255, (40, 50, 3), np.uint8), (3, 40, 50)),
    "channels first": (spaces.Box(0, 255, (3, 40, 50), np.uint8), (3, 40, 50)),
    "stack": (spaces.Box(0, 255, (4, 84, 84), np.uint8), (4, 84, 84)),
    "stack of pictures": (spaces.Box(0, 255, (4, 40, 40, 3), np.uint8), (12, 40, 40)),
    "grid": (spaces.Box(0, 255, (20, 30), np.uint8), (1, 20, 30)),
    "float picture": (spaces.Box(0, 1, (40, 40, 3), np.float32), (3, 40, 40)),
    "float grid": (spaces.Box(-1, 1, (9, 9), np.float64), (1, 9, 9)),
}


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_what_is_seen_becomes_an_image_or_a_vector_of_fixed_shape(given, name):
    space, shape = OBSERVATIONS[name]
    made = given(space)
    assert made.single_observation_space.shape == shape
    seen, _ = made.reset(seed=0)
    assert seen.shape == (2, *shape)
    for _ in range(6):
        seen, _, terminal, _, infos = made.step(np.zeros(2, np.int64))
        assert seen.shape == (2, *shape)
        if terminal.any():
            assert all(np.shape(last) == shape for last in infos["final_obs"])
    if space.shape is None or isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
        assert seen.dtype == np.float32
        assert set(np.unique(seen[:, 2:] if name == "dict" else seen)) <= {0.0, 1.0} or name == "dict"


@pytest.mark.parametrize("shape", [(84, 84, 4), (210, 160, 3), (7, 7, 20), (1, 84, 84), (20, 30)])
def test_an_image_keeps_every_pixel_where_it_was(given, shape):
    space = spaces.Box(0, 255, shape, np.uint8)
    made = given(space, count=1)
    moved = made.reset(seed=3)[0][0]
    space.seed(3)
    original = space.sample()
    rows, columns = moved.shape[1:]
    last = shape != (1, 84, 84)
    for channel, y, x in itertools.product(range(len(moved)), range(0, rows, 5), range(0, columns, 5)):
        where = (y, x) if len(shape) == 2 else (y, x, channel) if last else (channel, y, x)
        assert moved[channel, y, x] == original[where]


@pytest.mark.parametrize("shape", [(8, 8, 8), (84, 4, 84), (20, 30, 40), (3, 50, 3)])
def test_an_image_whose_channels_are_ambiguous_is_refused(given, shape):
    with pytest.raises(UserError, match=r"which axis of .* holds the channels is ambiguous: wrap it"):
        given(spaces.Box(0, 255, shape, np.uint8))


def test_bytes_within_a_vector_are_at_most_1_as_bytes_of_images_are(given):
    picture = spaces.Box(0, 255, (2, 2, 3), np.uint8)
    parts = spaces.Dict({"picture": picture, "a": spaces.Discrete(3), "z": spaces.Box(-5, 300, (2,))})
    made = given(parts, count=1)
    space = made.single_observation_space
    assert space.high.tolist() == [1.0] * 3 + [1.0] * 12 + [300.0] * 2
    assert space.low.tolist() == [0.0] * 15 + [-5.0] * 2
    seen, _ = made.reset(seed=3)
    expected = spaces.flatten(parts, made.envs[0].unwrapped.reset(seed=3)[0]).astype(float)
    expected[3:15] /= 255
    assert seen[0] == pytest.approx(expected, rel=1e-6)


def test_axes_of_common_images():
    assert image_axes((4, 84, 84)) == image_axes((1, 84, 84)) == (0, 1, 2)
    assert image_axes((84, 84, 4)) == image_axes((7, 7, 3)) == image_axes((64, 96, 3)) == (2, 0, 1)


DISCRETE = {
    "from 5": spaces.Discrete(3, start=5),
    "several": spaces.MultiDiscrete([2, 3, 2]),
    "several from 1": spaces.MultiDiscrete([2, 3], start=[1, 4]),
    "bits": spaces.MultiBinary(3),
    "tuple": spaces.Tuple([spaces.Discrete(2), spaces.MultiDiscrete([2, 2])]),
    "dict": spaces.Dict({"go": spaces.Discrete(4, start=1), "say": spaces.Discrete(2)}),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_actions_become_one_choice_among_all_combinations(given, name):
    made = given(actions=DISCRETE[name], count=1)
    count = int(made.single_action_space.n)
    made.reset(seed=0)
    for action in range(count):
        made.step(np.array([action]))
    done = [str(action) for action in made.unwrapped.envs[0].unwrapped.done]
    sizes = {"from 5": 3, "several": 12, "several from 1": 6, "bits": 8, "tuple": 8, "dict": 8}
    assert len(set(done)) == len(done) == count == sizes[name]


def test_numbers_from_minus_one_to_one_span_the_range_of_an_action(given):
    space = spaces.Box(np.array([0, -2, -np.inf], np.float32), np.array([4, 2, np.inf], np.float32))
    made = given(actions=space, count=1)
    assert made.single_action_space.shape == (3,)
    made.reset(seed=0)
    for action in ([-1, -1, -1], [0, 0, 0], [1, 1, 1], [9, -9, 9]):
        made.step(np.array([action], np.float32))
    done = np.array(made.unwrapped.envs[0].unwrapped.done)
    assert done.tolist() == [[0, -2, -1], [2, 0, 0], [4, 2, 1], [4, -2, 9]]


def test_numbers_in_parts_become_one_vector(given):
    parts = spaces.Dict({"steer": spaces.Box(-1, 1, (2,)), "gas": spaces.Box(0, 1, (1,))})
    made = given(actions=parts, count=1)
    assert made.single_action_space.shape == (3,)
    made.reset(seed=0)
    made.step(np.zeros((1, 3), np.float32))  # the middle of each range; Given checks that it is an action


@pytest.mark.parametrize(
    ("observations", "actions", "message"),
    [
        (spaces.Text(5), None, "sees images or vectors, but 'Given0-v0' shows Text"),
        (spaces.Dict({"x": BOX, "told": spaces.Text(5)}), None, "shows Text"),
        (spaces.Sequence(BOX), None, "shows Sequence"),
        (spaces.Box(0, 1, (2, 2, 2, 2, 2)), None, "shows arrays of 5 axes"),
        (spaces.Box(0, 1, (0,)), None, "shows nothing"),
        (spaces.Dict({}), None, "shows nothing"),
        (None, spaces.Tuple([BOX, spaces.Discrete(2)]), "acts by choices or by numbers"),
        (None, spaces.Text(3), "acts by choices or by numbers"),
        (None, spaces.MultiBinary(20), "are 1,048,576 combinations"),
    ],
)
def test_spaces_that_cannot_be_adapted_are_refused_in_a_sentence(given, observations, actions, message):
    with pytest.raises(UserError, match=message):
        given(observations, actions)


@pytest.mark.parametrize(
    "environment",
    ["FrozenLake-v1", "Taxi-v3", "Blackjack-v1", "CliffWalking-v1", "CartPole-v1", "Pendulum-v1"],
)
def test_everybodys_first_tries_are_stepped(environment):
    made = make_vector(environment, 2, {})
    seen, _ = made.reset(seed=0)
    assert seen.ndim == 2
    for _ in range(10):
        seen, *_ = made.step(made.action_space.sample())
    assert np.isfinite(seen).all()


def test_symbols_of_minigrid_are_scaled_by_their_largest_number():
    made = make_vector("MiniGrid-Empty-8x8-v0", 2, {})
    assert scale_of(made.single_observation_space) == 10
    seen, _ = made.reset(seed=0)
    assert seen.max() <= 10
    assert scale_of(make_vector("gridcell/Rooms-v0", 1, {}).single_observation_space) == 255
    assert scale_of(spaces.Box(0, 255, (128,), np.uint8)) == 255  # a machine's memory, byte by byte
    assert scale_of(spaces.Box(-500, 500, (4,), np.float32)) == 1
    assert scale_of(spaces.Box(-np.inf, np.inf, (8, 8), np.float32)) == 1


@pytest.mark.parametrize("environment", ["LunarLander-v3", "HalfCheetah-v5"])
def test_environments_of_the_extras_are_stepped(environment):
    pytest.importorskip(
        "Box2D" if "Lunar" in environment else "mujoco", reason="an extra that is not installed"
    )
    made = make_vector(environment, 2, {})
    made.reset(seed=0)
    made.step(made.action_space.sample())
