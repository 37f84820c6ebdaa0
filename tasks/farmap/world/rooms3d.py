"""The same maps in three dimensions: walls as blocks in MiniWorld, seen by an RGB-D camera."""

import contextlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farmap.world.depth import project
from farmap.world.environment import FarMapEnv
from farmap.world.maps import World
from farmap.world.view import CONE
from gridcell import UserError

CELL = 0.25  # metres: the depth buffer has 16 bits, so near things are measured best
PIXELS = (192, 48)  # width and height of an image
TANGENT = CONE[0] / CONE[1]  # of half the horizontal field of view
_LEVELS, _STEP, _DARKEST = 11, 20, 40  # brightness of a colour channel
_DIRECTIONS = (math.pi / 2, -math.pi / 2, math.pi, 0.0)  # MiniWorld's angles by heading


class CannotRender(UserError):  # noqa: N818 - names the state of the machine
    """OpenGL is missing, or refuses to draw without a display."""


class FarMap3dEnv(FarMapEnv):
    """``FarMapEnv`` with what is seen taken from rendered colour and depth, projected to cells.

    Motion, rewards and the count of what was seen are those of the grid; colours of walls are those of the
    image.

    Args:
        world: the map.
        options: those of ``FarMapEnv``; the world must be static.

    Raises:
        UserError: MiniWorld is not installed, or something in the world is to change.
        CannotRender: this machine can't draw.
    """

    def __init__(self, world: World | None = None, **options: Any) -> None:
        super().__init__(world, **options)
        if not self._static:
            raise UserError(
                "In three dimensions the world is static: set changes.obstacles and .recolour to 0"
            )
        self._renderer = _renderer(self.world)

    def render_rgbd(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return what the camera sees: uint8 (48, 192, 3), and distance along its axis in cells (48, 192)."""
        agent = self._renderer.agent
        agent.pos = np.array([(self.column + 0.5) * CELL, 0.0, (self.row + 0.5) * CELL])
        agent.dir = _DIRECTIONS[self.heading]
        rgb = self._renderer.render_obs()
        depth = self._renderer.obs_fb.get_depth_map(0.04, 100.0)[..., 0] / CELL
        return rgb, depth

    def close(self) -> None:
        """Free the renderer's window."""
        self._renderer.close()

    def _look(self) -> int:
        new = super()._look()
        rgb, depth = self.render_rgbd()
        horizon = PIXELS[1] // 2
        self._view = project(rgb[horizon], depth[horizon], TANGENT)
        return new


def _renderer(world: World) -> Any:
    """Build the map in MiniWorld, with a camera of 130 degrees."""
    # Where Mesa draws by software it loads LLVM, after which triton, which torch's optimisers import, would
    # crash the process by loading its own. The other way round both work.
    with contextlib.suppress(ImportError):
        import triton  # type: ignore[import-untyped]  # noqa: F401
    try:
        import pyglet

        pyglet.options["headless"] = True  # before MiniWorld is imported
        from miniworld.entity import Box
        from miniworld.miniworld import MiniWorldEnv
        from pyglet import gl
        from pyglet.gl.lib import GLException, MissingFunctionException
        from pyglet.window import WindowException
    except ModuleNotFoundError as error:
        raise UserError("Worlds in three dimensions need MiniWorld: install gridcell[world3d]") from error
    except ImportError as error:  # pyglet looks for the libraries of OpenGL and EGL
        raise _cannot_render(error) from error

    class Block(Box):
        """A wall cell, of one colour whatever the light."""

        is_static = True

        def __init__(self, colour: int) -> None:
            super().__init__("grey", size=[CELL, 4 * CELL, CELL])
            channels = colour % _LEVELS, colour // _LEVELS % _LEVELS, colour // _LEVELS**2 % _LEVELS
            self._rgb = [(_DARKEST + _STEP * channel) / 255 for channel in channels]

        def randomize(self, params: Any, rng: Any) -> None:
            self.color_vec = np.array(self._rgb)

        def render(self) -> None:
            gl.glDisable(gl.GL_LIGHTING)
            super().render()
            gl.glEnable(gl.GL_LIGHTING)

    class Rooms(MiniWorldEnv):
        """One hall with a block for each wall cell that can be seen."""

        def _gen_world(self) -> None:
            height, width = world.shape
            self.add_rect_room(
                0, width * CELL, 0, height * CELL, wall_height=8 * CELL, floor_tex="asphalt", no_ceiling=True
            )
            for row, column in np.argwhere(world.visible & (world.colours != 0)):
                block = Block(int(world.colours[row, column]))
                self.place_entity(block, pos=[(column + 0.5) * CELL, 0.0, (row + 0.5) * CELL], dir=0.0)
            self.place_entity(self.agent, pos=[0.0, 0.0, 0.0], dir=0.0)

    refusals = gl.ContextException, gl.ConfigException, GLException, MissingFunctionException, WindowException
    try:
        rooms = Rooms(obs_width=PIXELS[0], obs_height=PIXELS[1])
    except refusals as error:
        raise _cannot_render(error) from error
    rooms.reset(seed=0)
    camera = rooms.agent
    camera.cam_height, camera.cam_fwd_disp, camera.cam_pitch = 2 * CELL, 0.0, 0.0
    camera.cam_fov_y = 2 * math.degrees(math.atan(TANGENT * PIXELS[1] / PIXELS[0]))
    return rooms


def _cannot_render(error: Exception) -> CannotRender:
    return CannotRender(
        f"This machine can't render without a display ({error}): install OpenGL with EGL "
        "(Debian: apt-get install libegl1 libgl1-mesa-dri libglu1-mesa)"
    )
