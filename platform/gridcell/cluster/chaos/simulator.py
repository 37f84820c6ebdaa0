"""What breaks in a cell: a simulator (the Atari emulator where ale-py is installed), a GPU, the memory."""

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


_broken = False  # the GPU of this process


def break_gpu() -> None:
    """Fail as after an illegal access to a GPU's memory, from which a process never recovers."""
    global _broken
    _broken = True
    use_gpu()


def use_gpu() -> None:
    """Fail where this process has broken its GPU; it stands for any use of it."""
    if _broken:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


def allocate_too_much() -> None:
    """Ask for more of this machine's memory than any has."""
    import numpy as np

    np.empty(1 << 60, np.uint8)


def _is_there() -> bool:
    return find_spec("ale_py") is not None
