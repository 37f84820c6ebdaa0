"""The grid world: its map against walking it, its environments against Gymnasium's checks and each other."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings, strategies as st

from farcuriosity.environments.rooms import ID
from farcuriosity.environments.world import MOVES, RoomsWorld

worlds = st.builds(
    RoomsWorld,
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(2, 5),
    st.sampled_from([3, 5]),
    st.integers(0, 99),
)
WALL = (90, 90, 90)


@settings(max_examples=40)
@given(worlds)
def test_moves_lead_one_step_unless_a_wall_is_there(world):
    for cell, position in enumerate(world.positions):
        for move, step in enumerate(MOVES):
            reached = world.positions[world.next[cell, move]]
            if tuple(world.colours[tuple(position + step)]) == WALL:
                assert reached.tolist() == position.tolist()
            else:
                assert reached.tolist() == (position + step).tolist()


@settings(max_examples=40)
@given(worlds)
def test_rooms_hang_together_one_after_the_other_and_the_goal_is_in_the_last(world):
    rooms = world.rooms.max() + 1
    assert (world.distances(world.start) >= 0).all()
    neighbours = {
        tuple(sorted(pair))
        for pair in zip(world.rooms.repeat(4), world.rooms[world.next].ravel(), strict=True)
    }
    assert {pair for pair in neighbours if pair[0] != pair[1]} == {(r, r + 1) for r in range(rooms - 1)}
    assert world.rooms[world.start] == 0
    assert world.rooms[world.goal] == rooms - 1
    way = world.way(world.start, world.goal)
    assert len(way) == world.distances(world.start)[world.goal]
    for before, after in zip([world.start, *way], way, strict=False):
        assert after in world.next[before]


def test_a_view_shows_the_room_around_the_agent_and_nothing_of_the_next():
    world = RoomsWorld(1, 2, 3, 5, 0)
    views = world.views(goal=False)
    for cell, (y, x) in enumerate(world.positions):
        for down, across in np.ndindex(5, 5):
            there = np.array([y + down - 2, x + across - 2])
            inside = (there >= 0).all() and (there < world.shape).all()
            left, right = (0, 8) if x == 4 else (0, 4) if x < 4 else (4, 8)
            seen = world.colours[tuple(there)] if inside and left <= there[1] <= right else (0, 0, 0)
            assert views[cell, down, across].tolist() == list(seen)


def test_rooms_look_unlike_each_other():
    world = RoomsWorld(2, 3, 5, 5, 3)
    floor = world.colours[tuple(world.positions.T)].astype(float)
    means = np.array([floor[world.rooms == room].mean(0) for room in range(6)])
    apart = np.abs(means[:, None] - means[None]).max(-1)
    assert apart[~np.eye(6, dtype=bool)].min() > 40


def test_a_layout_is_the_same_every_time_and_unlike_another():
    one, again, other = (RoomsWorld(2, 2, 5, 5, layout).views(goal=True) for layout in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_gymnasium_finds_nothing_to_complain_about(recwarn):
    check_env(gymnasium.make(ID, render_mode="rgb_array").unwrapped)
    assert not [str(warning.message) for warning in recwarn if "gymnasium" in str(warning.filename)]


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_the_vector_is_gymnasiums_own_vector_of_single_rooms(mode):
    settings = {"rows": 1, "columns": 2, "size": 2, "view": 3, "max_steps": 9}
    ours = gymnasium.make_vec(ID, num_envs=3, autoreset_mode=mode, **settings)
    theirs = gymnasium.make_vec(
        ID, num_envs=3, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **settings
    )
    np.testing.assert_array_equal(ours.reset(seed=0)[0], theirs.reset(seed=0)[0])
    random, ends = np.random.default_rng(0), 0
    for _ in range(300):
        actions = random.integers(4, size=3)
        mine, yours = ours.step(actions), theirs.step(actions)
        for one, other in zip(mine[:4], yours[:4], strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(mine[4]["room"], yours[4]["room"])
        np.testing.assert_array_equal(mine[4]["position"], yours[4]["position"])
        assert ("final_obs" in mine[4]) == ("final_obs" in yours[4])
        if "final_obs" in mine[4]:
            np.testing.assert_array_equal(mine[4]["_final_obs"], yours[4]["_final_obs"])
            for environment in np.flatnonzero(mine[4]["_final_obs"]):
                np.testing.assert_array_equal(
                    mine[4]["final_obs"][environment], yours[4]["final_obs"][environment]
                )
        ends += int((mine[2] | mine[3]).sum())
    assert ends > 20


def test_the_goal_alone_rewards_and_ends_the_episode():
    rooms = gymnasium.make_vec(ID, num_envs=1, rows=1, columns=2, size=3)
    rooms.reset()
    world, cell, got = rooms.world, rooms.world.start, []
    for target in world.way(world.start, world.goal):
        _, reward, terminated, truncated, _ = rooms.step([int(np.flatnonzero(world.next[cell] == target)[0])])
        cell = target
        got.append((reward[0], terminated[0], truncated[0]))
    assert got == [(0, False, False)] * (len(got) - 1) + [(1, True, False)]


def test_a_world_too_small_and_a_vector_that_never_resets_are_refused():
    with pytest.raises(ValueError, match="an odd view of at least 3, not 2 x 2 rooms of 5 seen in 4"):
        RoomsWorld(2, 2, 5, 4, 0)
    with pytest.raises(ValueError, match="must be SameStep or NextStep"):
        gymnasium.make_vec(ID, num_envs=1, autoreset_mode=AutoresetMode.DISABLED)
