"""A simulator that crashes or stalls: the Atari emulator where ale-py is installed, else a stand-in."""

import os
import signal
import time
from importlib.util import find_spec


def simulator() -> str:
    """Say which it is."""
    return (
        "the Atari emulator" if _is_there() else "a stand-in for the Atari emulator (ale-py isn't installed)"
    )


def crash() -> None:
    """End this process by a segmentation fault: the emulator has one when it is stepped without a game."""
    if _is_there():
        from ale_py import ALEInterface

        ALEInterface().act(0)
    os.kill(os.getpid(), signal.SIGSEGV)


def stall() -> None:
    """Never return: the emulator waits in native code for frames of steps that nobody asked for."""
    if _is_there():
        from ale_py.vector_env import AtariVectorEnv

        games = AtariVectorEnv("pong", num_envs=2)
        games.reset()
        games.recv()
    while True:
        time.sleep(1)


def _is_there() -> bool:
    return find_spec("ale_py") is not None
