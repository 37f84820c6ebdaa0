"""The forgetting study: its path, its figure by brute force, and its cell as the platform runs it."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from farcuriosity.cells.forgetting import VISITS, run
from farcuriosity.environments.world import RoomsWorld
from farcuriosity.forgetting.measure import (
    dwell,
    forgetting_map,
    fragments_per_room,
    mean_interval,
    returns,
)
from farcuriosity.forgetting.path import lap, moves
from farcuriosity.report.forgetting_figures import Visits, maps, over_time, read
from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.errors import UserError

CONFIG = {
    "world": {"rows": 1, "columns": 2, "size": 3, "view": 5},
    "curiosity": "rnd",
    "parameters": {"features": 8, "lr": 1e-3, "burn_in_rewards": "zero"},
    "path": {"laps": 3, "sweeps": 2, "sweep_back": True, "segment": 16, "epochs": 1, "warm_up": 50},
}


@pytest.mark.parametrize("sweep_back", [True, False])
def test_a_lap_sweeps_every_room_and_ends_where_it_began(sweep_back):
    world = RoomsWorld(2, 2, 3, 5, 0)
    cells = lap(world, 2, sweep_back=sweep_back)
    assert cells[-1] == world.start
    before = world.start
    for cell, move in zip(cells, moves(world, cells), strict=True):
        assert world.next[before, move] == cell
        before = cell
    visits = np.bincount(cells, minlength=len(world))
    doors = (world.colours[tuple(world.positions.T)] == 235).all(1)
    assert (visits >= 2).all()
    last = world.rooms == world.rooms.max()
    assert (visits[~doors & ~last] >= (4 if sweep_back else 2)).all()


def test_a_path_with_a_jump_is_refused():
    world = RoomsWorld(1, 1, 4, 3, 0)
    with pytest.raises(ValueError, match="No move leads to step 1"):
        moves(world, [int(world.next[world.start, 0]), world.goal])


def test_forgetting_is_how_far_values_rise_above_the_lowest_before():
    random = np.random.default_rng(0)
    cells, values = random.integers(6, size=80), random.random(80)
    cells[cells == 5] = 4
    values[random.random(80) < 0.2] = np.nan
    cells[0], values[cells == 3] = 3, np.nan
    found = forgetting_map(cells, values, 6)
    for cell in range(6):
        seen = [value for where, value in zip(cells, values, strict=True) if where == cell and value == value]
        rises = [later - min(seen[:index]) for index, later in enumerate(seen) if index > 0]
        assert found[cell] == pytest.approx(np.mean(rises)) if rises else np.isnan(found[cell])
    assert np.isnan(found[[3, 5]]).all()


def test_returns_compare_the_first_visit_of_a_stay_with_the_last_of_the_stay_before():
    random = np.random.default_rng(0)
    for _ in range(20):
        rooms = np.repeat(random.integers(3, size=14), random.integers(1, 6, size=14))
        cells = rooms * 4 + random.integers(4, size=len(rooms))
        values = random.random(len(rooms))
        values[random.random(len(rooms)) < 0.1] = np.nan
        skip = int(random.integers(len(rooms)))
        pairs = []
        for step, (cell, value) in enumerate(zip(cells, values, strict=True)):
            earlier = [s for s in range(step) if cells[s] == cell and values[s] == values[s]]
            if (
                value == value
                and earlier
                and step >= skip
                and (rooms[earlier[-1] : step] != rooms[step]).any()
            ):
                pairs.append((values[earlier[-1]], value))
        found = returns(cells, rooms, values, skip=skip)
        assert found.pairs == len(pairs)
        if pairs:
            left, back = np.mean(pairs, axis=0)
            assert (found.left, found.back) == pytest.approx((left, back))
            assert found.error == pytest.approx(back - left)


def test_a_module_that_forgets_shows_in_returns_and_not_in_the_mean_over_visits():
    cells, rooms = np.tile([0] * 20 + [1] * 20, 3), np.tile([0] * 20 + [1] * 20, 3)
    stay = np.geomspace(1.0, 0.01, 20)  # each stay is learned anew
    values = np.tile(stay, 6)
    assert returns(cells, rooms, values).error == pytest.approx(0.99)
    assert np.nanmean(forgetting_map(cells, values, 2)) < 0.25


def test_how_many_fragments_a_room_has_and_how_long_one_is_kept():
    rooms = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    fragments = np.array([0, 0, 1, 1, 1, 1, 0, 2])
    assert fragments_per_room(rooms, fragments) == pytest.approx((2 + 1 + 2) / 3)
    assert dwell(fragments) == pytest.approx(8 / 4)
    assert dwell(np.zeros(5, np.int64)) == 5


def test_an_episode_ends_where_a_lap_does_and_the_next_begins_at_the_start(store, tmp_path):
    world = RoomsWorld(1, 2, 3, 5, 3)
    once = lap(world, 1, sweep_back=False, go_back=False)
    assert world.rooms[once[-1]] == 1
    assert moves(world, once).shape == (len(once),)
    path = CONFIG["path"] | {"sweep_back": False, "episodes": True}
    cell = Cell(task="farcuriosity", kind="forgetting", config=CONFIG | {"path": path}, seed=3, title="rnd")
    context = _context(store, tmp_path, cell)
    metrics = run(cell, context)
    assert metrics["steps"] == len(lap(world, 2, sweep_back=False, go_back=False)) * 3
    visits = read(context.outputs / VISITS)
    ends = np.arange(visits.lap - 1, len(visits.cells), visits.lap)
    assert (visits.rewards[ends][1:] == 0).all()  # as at the end of any episode


def test_the_interval_is_students():
    table = np.random.default_rng(0).normal(2, 1, (6, 3))
    table[2:, 1] = np.nan
    table[1:, 2] = np.nan
    mean, low, high = mean_interval(table)
    for column, rows in ((0, 6), (1, 2)):
        expected = ttest_1samp(table[:rows, column], 0).confidence_interval(0.95)
        assert (low[column], high[column]) == pytest.approx((expected.low, expected.high))
    assert mean[2] == table[0, 2]
    assert np.isnan([low[2], high[2]]).all()


def _context(store, tmp_path, cell):
    for name in ("outputs", "scratch", "cache"):
        (tmp_path / name).mkdir()
    return Context(cell, store, tmp_path / "outputs", tmp_path / "scratch", tmp_path / "cache")


def test_the_cell_leaves_its_visits_and_the_figure_of_them(store, tmp_path):
    cell = Cell(task="farcuriosity", kind="forgetting", config=CONFIG, seed=3, title="rnd")
    context = _context(store, tmp_path, cell)
    metrics = run(cell, context)
    visits = read(context.outputs / VISITS)
    assert metrics["steps"] == len(visits.cells) == 3 * visits.lap
    assert np.isnan(visits.rewards[:16]).all()  # burn-in
    assert np.isfinite(visits.rewards[16:]).all()
    found = forgetting_map(visits.cells, visits.rewards, len(visits.positions))
    assert metrics["forgetting"] == pytest.approx(np.nanmean(found))
    assert context.curves.points["mean_error"][-1][0] == metrics["steps"]
    back = returns(visits.cells, RoomsWorld(1, 2, 3, 5, 3).rooms[visits.cells], visits.errors)
    assert (metrics["return_error"], metrics["returns"]) == (pytest.approx(back.error), back.pairs)
    assert metrics["fragments_per_room"] == 1
    assert visits.errors[-visits.lap :].mean() < visits.errors[: visits.lap].mean()


def test_pictures_show_every_study(store, tmp_path):
    cell = Cell(task="farcuriosity", kind="forgetting", config=CONFIG, seed=0, title="rnd")
    context = _context(store, tmp_path, cell)
    run(cell, context)
    visits = read(context.outputs / VISITS)
    titles = [axes.get_title() for axes in maps({"rnd": [visits], "far": [visits, visits]}).axes[:2]]
    mean = f"{np.nanmean(forgetting_map(visits.cells, visits.rewards, len(visits.positions))):.2g}".replace(
        "-", "−"
    )
    assert titles == [f"rnd: {mean}", f"far: {mean} [{mean}, {mean}]"]  # the interval of twice the same
    drawn = over_time({"rnd": [visits, visits]}, parts=4).axes[0].lines[0]
    assert len(drawn.get_xdata()) == 12
    with pytest.raises(ValueError, match="at least one study"):
        maps({})


def test_a_single_map_has_its_whole_title_its_values_and_true_minus_signs():
    visits = Visits(
        np.array([0, 1, 0, 1]),
        np.array([2.0, 2.0, 1.0, 0.5]),
        np.zeros(4),
        2,
        np.array([[0, 0], [0, 1]]),
        (1, 2),
    )
    figure = maps({"rnd": [visits]})
    figure.draw_without_rendering()
    (title, *_) = figure.texts
    assert title.get_window_extent().x1 < figure.bbox.x1
    above = figure.axes[0].title.get_window_extent()
    assert figure.bbox.x0 <= above.x0 < above.x1 <= figure.bbox.x1  # wider than the map itself
    assert figure.axes[0].get_title() == "rnd: −1.2"
    assert figure.rows == [("rnd", 0, 0, -1.0), ("rnd", 0, 1, -1.5)]


def test_a_path_on_which_no_cell_is_scored_twice_is_refused(store, tmp_path):
    short = CONFIG | {"path": CONFIG["path"] | {"laps": 1, "segment": 1000}}  # all of it is burn-in
    cell = Cell(task="farcuriosity", kind="forgetting", config=short, seed=0, title="rnd")
    with pytest.raises(UserError, match=r"no cell twice.*: take more laps or shorter segments"):
        run(cell, _context(store, tmp_path, cell))
