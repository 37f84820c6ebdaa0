"""The forgetting study: its path, its figure by brute force, and its cell as the platform runs it."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from farcuriosity.cells.forgetting import VISITS, run
from farcuriosity.environments.world import RoomsWorld
from farcuriosity.forgetting.measure import forgetting_map, mean_interval
from farcuriosity.forgetting.path import lap, moves
from farcuriosity.report.forgetting_figures import maps, over_time, read
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
    assert visits.errors[-visits.lap :].mean() < visits.errors[: visits.lap].mean()


def test_pictures_show_every_study(store, tmp_path):
    cell = Cell(task="farcuriosity", kind="forgetting", config=CONFIG, seed=0, title="rnd")
    context = _context(store, tmp_path, cell)
    run(cell, context)
    visits = read(context.outputs / VISITS)
    titles = [axes.get_title() for axes in maps({"rnd": [visits], "far": [visits, visits]}).axes[:2]]
    mean = f"{np.nanmean(forgetting_map(visits.cells, visits.rewards, len(visits.positions))):.2g}"
    assert titles == [f"rnd: {mean}", f"far: {mean} [{mean}, {mean}]"]  # the interval of twice the same
    drawn = over_time({"rnd": [visits, visits]}, parts=4).axes[0].lines[0]
    assert len(drawn.get_xdata()) == 12
    with pytest.raises(ValueError, match="at least one study"):
        maps({})


def test_a_path_on_which_no_cell_is_scored_twice_is_refused(store, tmp_path):
    short = CONFIG | {"path": CONFIG["path"] | {"laps": 1, "segment": 1000}}  # all of it is burn-in
    cell = Cell(task="farcuriosity", kind="forgetting", config=short, seed=0, title="rnd")
    with pytest.raises(UserError, match=r"no cell twice.*: take more laps or shorter segments"):
        run(cell, _context(store, tmp_path, cell))
