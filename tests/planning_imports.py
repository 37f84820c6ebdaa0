"""Which heavy libraries planning a suite imports, in a process of its own."""

import subprocess
import sys
from collections.abc import Iterable

TRAINING = {"torch", "ray", "mlflow", "lightning", "scipy", "sklearn", "matplotlib"}


def loaded_by_planning(module: str, suite: str, heavy: Iterable[str]) -> set[str]:
    """Return those of some libraries that are imported once a suite of a task is planned.

    Args:
        module: that has the task.
        suite: of it.
        heavy: top-level names of libraries.
    """
    code = (
        f"import sys; from {module} import task; from gridcell.suite import load_suite; "
        f"load_suite(task, {suite!r}).grid(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(heavy) & set(done.stdout.split())
