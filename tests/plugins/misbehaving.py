"""``misbehaving:Misbehaving-v0``: Atari's Pong on a thumbnail that crashes, stalls or raises when told to.

``MISBEHAVING`` names a folder: each step of environment NAME adds a byte to ``NAME.steps`` there, and
``NAME.order`` tells it, once, how to misbehave at which step: ``crash 40``, ``stall 40`` or ``raise 40``.
"""

import os
from pathlib import Path
from typing import ClassVar

import ale_py
import gymnasium
from gymnasium.wrappers import AtariPreprocessing

from gridcell.cluster.chaos.simulator import crash, stall

gymnasium.register_envs(ale_py)


class Misbehaving(gymnasium.Wrapper):
    """Pong, grey, 20 x 20 pixels."""

    metadata: ClassVar = {"render_modes": []}

    def __init__(self, name: str) -> None:
        game = gymnasium.make("ALE/Pong-v5", frameskip=1, repeat_action_probability=0.0)
        super().__init__(AtariPreprocessing(game, noop_max=0, screen_size=20, grayscale_newaxis=True))
        self._files = Path(os.environ["MISBEHAVING"]) / name
        self._steps = 0

    def step(self, action):
        self._steps += 1
        order = self._files.with_suffix(".order")
        if order.exists():
            what, at = order.read_text().split()
            if int(at) == self._steps:
                order.unlink()
                WAYS[what]()
        with self._files.with_suffix(".steps").open("a") as file:
            file.write(".")
        return super().step(action)


def fail() -> None:
    raise RuntimeError("the emulator lost its cartridge")


WAYS = {"crash": crash, "stall": stall, "raise": fail}
gymnasium.register("Misbehaving-v0", Misbehaving)
