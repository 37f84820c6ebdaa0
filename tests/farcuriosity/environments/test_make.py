"""Vector environments: the published preprocessing, real transitions, plain messages."""

import importlib.util
import inspect
import statistics
import subprocess
import sys

import gymnasium
import numpy as np
import psutil
import pytest

from farcuriosity.environments.constructors import arguments_in_source, arguments_of
from farcuriosity.environments.make import atari, make_vector, newest_frame
from farcuriosity.environments.options import AtariOptions, RoomsOptions, atari_games, check, minigrid_worlds
from farcuriosity.environments.rooms import RoomsVector
from gridcell.errors import UserError


def test_atari_preprocessing_is_that_of_gymnasiums_wrapper():
    """The same game and actions through Gymnasium's AtariPreprocessing, which resizes by OpenCV."""
    import ale_py

    gymnasium.register_envs(ale_py)
    ours = make_vector("ALE/Breakout-v5", 1, {"noops": 0})
    single = gymnasium.make("ALE/Breakout-v5", frameskip=1, repeat_action_probability=0.0)
    frames = gymnasium.wrappers.AtariPreprocessing(single, noop_max=0, frame_skip=4, screen_size=84)
    theirs = gymnasium.wrappers.FrameStackObservation(frames, 4, padding_type="zero")
    assert (ours.reset(seed=0)[0][0] == theirs.reset(seed=0)[0]).all()
    draws = np.random.default_rng(0)
    rewards = []
    for _ in range(150):
        action = int(draws.integers(4))
        mine, reward, terminal, _, _ = ours.step(np.array([action]))
        other, expected, done, *_ = theirs.step(action)
        assert (reward[0], terminal[0]) == (expected, done)
        if done:
            break
        rewards.append(expected)
        assert (mine[0] == other).all()
    assert sum(rewards) > 0  # else this shows little


def test_an_atari_episode_is_cut_after_so_many_steps_and_starts_with_no_ops():
    environments = make_vector("ALE/Pong-v5", 6, {"max_steps": 10})
    waited = environments.reset(seed=0)[1]["episode_frame_number"]
    assert len(set(waited)) > 1
    assert all(waited <= 30)
    cuts = [environments.step(np.zeros(6, np.int64))[3] for _ in range(20)]
    assert [step for step, cut in enumerate(cuts) if cut.any()] == [9, 19]
    assert all(cuts[9])


def test_the_curiosity_sees_the_newest_atari_frame():
    environments = make_vector("ALE/Pong-v5", 2, {})
    environments.reset(seed=0)
    before = environments.step(np.zeros(2, np.int64))[0]
    after = environments.step(np.ones(2, np.int64))[0]
    assert (after[:, :-1] == before[:, 1:]).all()
    assert (newest_frame("ALE/Pong-v5", after) == after[:, 3:]).all()


def test_planning_knows_the_ids_that_minigrid_registers():
    import minigrid  # noqa: F401  (it registers them)

    prefixes = ("MiniGrid-", "BabyAI-")
    registered = {
        name: spec.entry_point for name, spec in gymnasium.registry.items() if name.startswith(prefixes)
    }
    drawn = {name for name in registered if name.startswith("MiniGrid-WFC-")}
    assert minigrid_worlds() == {name: entry for name, entry in registered.items() if name not in drawn}
    check("MiniGrid-WFC-MazeSimple-v0", {}, "options")
    for wrong, near in {
        "MiniGrid-Emty-8x8-v0": "MiniGrid-Empty-8x8-v0",
        "MiniGrid-Empty-8x8": "MiniGrid-Empty-8x8-v0",
        "BabyAI-GoToRedBal-v0": "BabyAI-GoToRedBall-v0",
    }.items():
        with pytest.raises(UserError, match=f"Unknown environment '{wrong}': did you mean '{near}'"):
            check(wrong, {}, "options")


@pytest.mark.parametrize("environment", ["CartPole-v1", "MiniGrid-Empty-5x5-v0", "gridcell/Rooms-v0"])
def test_other_environments_give_the_last_observation_of_an_episode(environment):
    options = {"max_steps": 8} if environment != "CartPole-v1" else {}
    environments = make_vector(environment, 2, options)
    observations, _ = environments.reset(seed=0)
    shape = environments.single_observation_space.shape
    assert observations.shape == (2, *shape)
    assert len(shape) == 1 or shape[0] == 3
    for _ in range(60):
        observations, _, terminal, cut, infos = environments.step(np.zeros(2, np.int64))
        if (terminal | cut).any():
            ended = np.flatnonzero(terminal | cut)
            assert all(infos["final_obs"][e].shape == shape for e in ended)
            return
    pytest.fail("no episode ended")


def test_mistakes_are_told_in_a_sentence():
    with pytest.raises(UserError, match=r"Unknown environment 'ALE/Pomg-v5': did you mean 'ALE/Pong-v5'"):
        make_vector("ALE/Pomg-v5", 1, {})
    with pytest.raises(UserError, match="The module of environment 'no_such:Mine-v0' is missing: No module"):
        make_vector("no_such:Mine-v0", 1, {})
    with pytest.raises(UserError, match=r"Unknown environment 'CartPole-v9'"):
        make_vector("CartPole-v9", 1, {})


def test_an_id_with_its_module_is_preprocessed_alike():
    plain, other = (make_vector(name, 2, {"noops": 0}) for name in ("ALE/Pong-v5", "ale_py:ALE/Pong-v5"))
    assert np.array_equal(plain.reset(seed=0)[0], other.reset(seed=0)[0])
    for action in (0, 2, 3) * 5:
        mine, theirs = (made.step(np.full(2, action))[0] for made in (plain, other))
        assert np.array_equal(mine, theirs)
    assert newest_frame("ale_py:ALE/Pong-v5", theirs).shape == (2, 1, 84, 84)


def test_emulators_have_as_many_threads_as_asked_for_and_results_do_not_depend_on_them():
    process = psutil.Process()

    def make(threads):
        return make_vector("ALE/Breakout-v5", 6, {"sticky": 0.25, "max_steps": 40}, threads=threads)

    def started(threads):
        numbers = []
        for _ in range(3):  # a thread of somebody else may end or begin meanwhile
            before = process.num_threads()
            made = make(threads)
            numbers.append(process.num_threads() - before)
            made.close()
            del made  # with which its threads end
        return statistics.median(numbers)

    def play(threads):
        made = make(threads)
        seen = [made.reset(seed=3)[0].copy()]
        draws = np.random.default_rng(0)
        for _ in range(90):
            observations, rewards, terminal, cut, infos = made.step(draws.integers(4, size=6))
            seen += [observations.copy(), rewards.copy(), terminal.copy(), cut.copy()]
            if cut.any():
                seen.append(np.stack(infos["final_obs"]))
        made.close()
        return seen

    assert started(2) == started(1) + 1
    alone, together = play(1), play(2)
    assert len(alone) == len(together) > 361  # some were cut
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(alone, together, strict=True))


class Numbered(gymnasium.Env):
    """Its actions begin at 1, as some do."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(3, start=1)

    def __init__(self, length=3):
        self.length = len("x" * length)


def test_options_that_an_environment_does_not_take_are_told_in_a_sentence():
    gymnasium.register("Numbered-v0", Numbered)
    try:
        with pytest.raises(
            UserError, match="Unknown option of 'Numbered-v0' 'lenght': did you mean 'length'"
        ):
            make_vector("Numbered-v0", 1, {"lenght": 2})
        with pytest.raises(
            UserError, match=r"'Numbered-v0' can't be made with the options .'length': 'a'.: "
        ):
            make_vector("Numbered-v0", 1, {"length": "a"})
        with pytest.raises(UserError, match=r"Unknown setting 'options\.stickyy': did you mean 'sticky'"):
            make_vector("ALE/Pong-v5", 1, {"stickyy": 0.25})
        with pytest.raises(UserError, match=r"Unknown setting 'options\.rowz': did you mean 'rows'"):
            make_vector("gridcell/Rooms-v0", 1, {"rowz": 3})
    finally:
        del gymnasium.registry["Numbered-v0"]
    assert len(make_vector("CartPole-v1", 2, {"max_episode_steps": 5}).reset(seed=0)[0]) == 2


@pytest.mark.parametrize(
    ("environment", "options", "message"),
    [
        ("FrozenLake-v1", {"is_slippery": "no"}, r"options.is_slippery' is wrong: true or false is expected"),
        ("FrozenLake8x8-v1", {"is_slippery": 0}, r"true or false is expected \(it is 0\)"),
        ("FrozenLake-v1", {"map_name": 8}, r"map_name' is wrong: text is expected \(it is 8\)"),
        ("Blackjack-v1", {"sab": None}, "true or false is expected"),
        ("Pendulum-v1", {"g": "9.81"}, r"options.g' is wrong: a number is expected"),
        ("Pendulum-v1", {"g": True}, "a number is expected"),
        ("CartPole-v1", {"sutton_barto": True}, "'sutton_barto': did you mean 'sutton_barto_reward'"),
        ("CartPole-v1", {"render_mode": "human"}, "videos and 'gridcell play' choose how"),
        ("CartPole-v1", {"max_episode_steps": 0}, "a whole number above 0, or -1"),
        ("CartPole-v1", {"max_episode_steps": "10"}, "a whole number above 0, or -1"),
        ("HalfCheetah-v5", {"ctrl_cost_wieght": 0.1}, "did you mean 'ctrl_cost_weight'"),
        ("HalfCheetah-v2", {}, "can't be made: "),
        ("MiniGrid-Empty-5x5-v0", {"agent_view": 5}, "did you mean 'agent_view_size'"),
        ("MiniGrid-Empty-5x5-v0", {"highlight": "no"}, "true or false is expected"),
        ("MiniGrid-Empty-5x5-v0", {"see_through_walls": False}, "Unknown option"),  # it gives it itself
        ("BabyAI-GoToRedBall-v0", {"room_siz": 6}, "did you mean 'room_size'"),
        ("no_such_module:Mine-v0", {}, "The module 'no_such_module' of environment"),
    ],
)
def test_options_that_a_constructor_would_misread_are_refused_before_anything_runs(
    environment, options, message
):
    with pytest.raises(UserError, match=message):
        check(environment, options, "options")


@pytest.mark.parametrize(
    ("environment", "options"),
    [
        ("FrozenLake-v1", {"is_slippery": False, "desc": ["SF", "FG"], "map_name": None}),
        ("Pendulum-v1", {"g": 10, "max_episode_steps": 50}),
        ("CartPole-v1", {"max_episode_steps": -1}),
        ("HalfCheetah-v5", {"ctrl_cost_weight": 1, "width": 64}),
        ("InvertedPendulum-v4", {"width": 64}),
        ("MiniGrid-Empty-5x5-v0", {"agent_view_size": 5, "highlight": False}),
        ("MiniGrid-FourRooms-v0", {"max_steps": 50}),
        ("BabyAI-GoToRedBall-v0", {"room_size": 6, "max_steps": 40}),
    ],
)
def test_options_that_a_constructor_takes_are_not_refused(environment, options):
    check(environment, options, "options")
    make_vector(environment, 1, options).close()


def test_what_sources_say_of_constructors_is_what_their_signatures_say():
    """Of all environments whose constructors can be imported here."""
    seen = 0
    for spec in list(gymnasium.registry.values()):
        entry = spec.entry_point
        if isinstance(entry, str) and entry.startswith("gymnasium.envs.") and "d.cartpole" not in entry:
            try:
                creator = gymnasium.envs.registration.load_env_creator(entry)
            except ImportError:
                continue  # of jax, which isn't installed
            named, others = arguments_of(creator)
            written = arguments_in_source(entry)
            assert [one.name for one in written][: len(named)] == [one.name for one in named]
            assert others == (len(written) > len(named))
            flags = {one.name for one in named if one.kind}
            assert flags == {one.name for one in written[: len(named)] if one.kind == "bool"}
            seen += 1
    assert seen >= 20


def test_what_sources_say_of_minigrid_is_what_its_constructors_take():
    """Of one environment of each class: an argument of one of its bases is known if it can be given."""
    import minigrid  # noqa: F401  (it registers them)

    ids = {entry: name for name, entry in (minigrid_worlds() or {}).items()}
    assert len(ids) > 50
    for entry, name in ids.items():
        creator = gymnasium.envs.registration.load_env_creator(entry)
        known = {one.name for one in arguments_in_source(entry)}
        fixed = gymnasium.spec(name).kwargs
        for base in creator.__mro__:
            for one in inspect.signature(base.__init__).parameters.values():
                if one.default is not one.empty and one.name not in fixed:
                    assert (one.name in known) == _takes(creator, {**fixed, one.name: one.default}), one


def _takes(creator, options):
    try:
        creator(**options)
    except (AssertionError, TypeError, ValueError) as error:  # else of a value that this class does not take
        return not ("multiple values" in str(error) or "unexpected keyword" in str(error))
    return True


def test_a_flag_of_an_environment_of_ones_own_takes_no_text():
    class Flagged(Numbered):
        def __init__(self, slippery=True, size: "int | str" = 3):
            super().__init__()

    gymnasium.register("Flagged-v0", Flagged)
    try:
        with pytest.raises(UserError, match=r"options\.slippery' is wrong: true or false is expected"):
            make_vector("Flagged-v0", 1, {"slippery": "no"})
        make_vector("Flagged-v0", 1, {"slippery": False, "size": "random"}).close()
    finally:
        del gymnasium.registry["Flagged-v0"]


def test_values_that_a_constructor_refuses_in_its_own_way_are_told_in_a_sentence():
    with pytest.raises(UserError, match=r"'FrozenLake-v1' can't be made with the options .'map_name': '9x9'"):
        make_vector("FrozenLake-v1", 1, {"map_name": "9x9"})


OLD = [
    "PongNoFrameskip-v4",
    "Pong-v0",
    "Pong-v4",
    "BreakoutDeterministic-v4",
    "MontezumaRevengeNoFrameskip-v0",
]


@pytest.mark.parametrize("environment", OLD)
def test_older_ids_of_atari_games_are_refused_alike_before_and_after_ale_py_is_imported(environment):
    code = (
        "import sys; from farcuriosity.environments.options import check\n"
        "from farcuriosity.environments.make import make_vector\n"
        "def told(ask, *given):\n"
        "    try: ask(*given)\n"
        "    except Exception as error: return repr(error)\n"
        f"name = '{environment}'\n"
        "said = [told(check, name, {}, 'options'), told(make_vector, name, 1, {})]\n"
        "assert 'ale_py' not in sys.modules\n"
        "import gymnasium, ale_py; gymnasium.register_envs(ale_py)\n"
        "said += [told(check, name, {}, 'options'), told(make_vector, name, 1, {})]\n"
        "print(*dict.fromkeys(said), sep='|')"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    game = environment.partition("-")[0].removesuffix("NoFrameskip").removesuffix("Deterministic")
    sticky = 0.25 if environment.endswith("-v0") else 0
    assert "|" not in said
    assert said.startswith("UserError")
    assert f"'ALE/{game}-v5' with options {{sticky: {sticky}}}" in said


def test_of_atari_by_released_rules_pixels_are_the_nearest_of_a_frame_without_two_rows():
    small = make_vector("ALE/Pong-v5", 2, {"resize": "nearest", "noops": 0})
    large = atari("ALE/Pong-v5", 2, AtariOptions(noops=0), colour=True)
    seen, full = small.reset(seed=0)[0], large.reset(seed=0)[0]
    assert seen.shape == (2, 4, 84, 84)
    for action in (2, 3, 0, 2):
        seen = small.step(np.full(2, action))[0]
        full = large.step(np.full(2, action))[0]
    grey = full[0, -1].astype(float) @ [0.299, 0.587, 0.114]  # ale-py greys before it takes the maximum
    for y, x in np.random.default_rng(0).integers(84, size=(200, 2)):
        source = grey[2 + int(y * 208 / 84), int(x * 160 / 84)]
        assert abs(float(seen[0, -1, y, x]) - source) <= 30
    assert len(np.unique(seen)) > 3


def test_the_games_known_beforehand_are_those_that_ale_py_registers():
    import ale_py

    gymnasium.register_envs(ale_py)
    assert atari_games() == {name for name in gymnasium.registry if name.startswith("ALE/")}


def test_rooms_have_the_options_that_are_checked_and_their_defaults():
    arguments = inspect.signature(RoomsVector).parameters.values()
    taken = {argument.name: argument.default for argument in arguments}
    for name in ("num_envs", "autoreset_mode", "render_mode"):
        del taken[name]
    assert taken == RoomsOptions().model_dump()


def test_an_environment_of_ones_own_is_found_by_its_module(tmp_path, monkeypatch):
    monkeypatch.setenv("MISBEHAVING", str(tmp_path))
    made = make_vector("misbehaving:Misbehaving-v0", 2, {"name": "one"})
    try:
        assert made.single_observation_space.shape == (1, 20, 20)
    finally:
        made.close()
    with pytest.raises(UserError, match="did you mean 'name'"):
        make_vector("misbehaving:Misbehaving-v0", 1, {"nam": "one"})


@pytest.mark.parametrize(
    ("environment", "package", "install"),
    [("LunarLander-v3", "Box2D", "gridcell[box2d]"), ("HalfCheetah-v5", "mujoco", "gridcell[mujoco]")],
)
def test_a_missing_package_is_named_before_anything_starts(monkeypatch, environment, package, install):
    there = importlib.util.find_spec
    monkeypatch.setattr(
        "farcuriosity.environments.options.find_spec",
        lambda name: None if name == package else there(name),
    )
    for ask in (lambda: check(environment, {}, "options"), lambda: make_vector(environment, 1, {})):
        with pytest.raises(UserError) as told:
            ask()
        assert package in str(told.value)
        assert install in str(told.value)
