"""Three dimensions: what depth and colour say of the cells, against the grid's exact view."""

import subprocess
import sys
from types import ModuleType

import numpy as np
import pyglet
import pytest

from farmap.agents.explore import explore
from farmap.agents.farmap import FarMap
from farmap.world.depth import project
from farmap.world.environment import FarMapEnv
from farmap.world.maps import draw_world
from farmap.world.rooms3d import TANGENT, CannotRender, FarMap3dEnv
from farmap.world.view import MIDDLE, UNKNOWN, WINDOW
from gridcell.data.seeds import generator
from gridcell.errors import UserError


def test_a_flat_wall_is_projected_to_a_row_of_cells():
    rgb = np.full((400, 3), 7, np.uint8)
    view = project(rgb, np.full(400, 4.5), TANGENT)
    assert (view[WINDOW - 1 - 5] == 1 + 7 * (65_536 + 256 + 1)).all()
    assert (view[: WINDOW - 1 - 5] == UNKNOWN).all()
    assert (view[WINDOW - 1 - 4] == 0).all()
    assert view[WINDOW - 1, MIDDLE] == 0
    ahead, right = np.argwhere(view == 0).T
    assert (np.abs(right - MIDDLE) <= (WINDOW - 1 - ahead) * TANGENT + 1).all()


def test_the_wall_with_more_pixels_gives_a_cell_its_colour():
    rgb = np.zeros((401, 3), np.uint8)
    rgb[::3] = 9
    assert project(rgb, np.full(401, 2.5), TANGENT)[WINDOW - 1 - 3, MIDDLE] == 1


@pytest.fixture(scope="module", autouse=True)
def no_display():
    """Ask for none before anything of pyglet is loaded, as the environment itself does."""
    pyglet.options["headless"] = True


@pytest.fixture(scope="module")
def rooms():
    try:
        return FarMap3dEnv(draw_world("small", 4), max_steps=400)
    except CannotRender as error:
        pytest.skip(str(error))


@pytest.mark.slow
def test_agents_in_the_process_that_draws_can_be_trained_by_torch(rooms):
    code = """
from farmap.world.maps import draw_world
from farmap.world.rooms3d import FarMap3dEnv
world = FarMap3dEnv(draw_world("small", 4))
world.reset(seed=0)
import torch
torch.optim.Adam([torch.nn.Parameter(torch.ones(1))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_machine_that_cannot_draw_says_what_to_install(rooms, monkeypatch):
    def refuse(*_, **__):
        from pyglet import gl

        raise gl.ContextException("Could not create GL context")

    monkeypatch.setattr("miniworld.miniworld.MiniWorldEnv.__init__", refuse)
    with pytest.raises(CannotRender, match=r"can't render .*GL context.*apt-get install libegl1"):
        FarMap3dEnv(draw_world("small", 4))


def test_a_missing_library_is_told_from_a_missing_package(rooms, monkeypatch):
    monkeypatch.setitem(sys.modules, "miniworld.miniworld", ModuleType("miniworld.miniworld"))  # is empty
    with pytest.raises(CannotRender, match="libegl1"):
        FarMap3dEnv(draw_world("small", 4))
    monkeypatch.setitem(sys.modules, "miniworld.miniworld", None)  # as if it weren't installed
    with pytest.raises(UserError, match=r"install gridcell\[world3d\]"):
        FarMap3dEnv(draw_world("small", 4))


def test_rendered_depth_agrees_with_the_exact_view(rooms):
    grid = FarMapEnv(rooms.world, max_steps=400)
    rooms.reset(seed=0)
    grid.reset(seed=0)
    rng = np.random.default_rng(0)
    same = both = seen = 0
    for action in rng.integers(8, size=100):
        image, exact = rooms.step(int(action))[0], grid.step(int(action))[0]
        assert (image["moved"] == exact["moved"]).all()
        known = (image["view"] != UNKNOWN) & (exact["view"] != UNKNOWN)
        assert not ((image["view"] != UNKNOWN) & (exact["view"] == UNKNOWN)).any()
        same += ((image["view"] > 0) == (exact["view"] > 0))[known].sum()
        both += known.sum()
        seen += (exact["view"] != UNKNOWN).sum()
    assert same / both > 0.995
    assert both / seen > 0.97


def test_farmap_covers_rooms_that_it_sees_by_depth(rooms):
    run = explore(rooms, FarMap(generator(0)), seed=0)
    assert run.seen[-1] >= 0.99 * rooms.world.visible_cells


def test_a_changing_world_is_refused():
    with pytest.raises(UserError, match="static"):
        FarMap3dEnv(draw_world("small", 0), obstacles=1)
