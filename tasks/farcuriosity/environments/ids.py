"""What an environment's id tells, without importing it."""


def bare(environment: str) -> str:
    """Return a Gymnasium id without the module that registers it: ``Mine-v0`` of ``my_module:Mine-v0``."""
    return environment.rpartition(":")[2]


def is_atari(environment: str) -> bool:
    """Tell whether an id is that of one of ale-py's games."""
    return bare(environment).startswith("ALE/")


def is_own(environment: str) -> bool:
    """Tell whether an environment is one of this project's, which say where the agent is."""
    return bare(environment).startswith("gridcell/")
