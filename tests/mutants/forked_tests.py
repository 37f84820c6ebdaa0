"""Run tests on a copy of the sources, in a process forked from one that has imported what is heavy.

The parent imports no module of the project, so what a child tests is what lies in the copy at that moment.
"""

import importlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEAVY = (
    *("pytest", "hypothesis.extra.numpy", "torch", "lightning", "timm", "peft", "webdataset", "ot"),
    *("scipy.stats", "scipy.ndimage", "sklearn.datasets", "sklearn.ensemble", "pandas", "pyarrow.parquet"),
    *("ray.tune", "optuna", "mlflow", "fsspec", "typer.testing", "rich.console", "matplotlib.pyplot"),
    *("jinja2", "markdown_it", "flint"),
)
"""Imported once. All are of other projects."""

HUNG = -1
WAIT_S = 0.02


def prepare() -> None:
    """Import what is heavy. One thread for each library: a pool of threads does not outlive a fork."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    for name in HEAVY:
        importlib.import_module(name)


@dataclass(eq=False)  # pytest puts its plug-ins into sets
class Outcomes:
    """What a run of tests recorded, as a plug-in of pytest.

    Attributes:
        chosen: the tests to run; of the files that are run, all if it is None.
        at_start: called with a test before it runs.
        seconds: test -> how long it took, with what was set up for it.
        failed: tests, and files that could not be read, in the order in which they failed.
    """

    chosen: Set[str] | None = None
    at_start: Callable[[str], object] = lambda _: None
    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Keep the chosen tests, in the order of their files."""
        if self.chosen is not None:
            items[:] = [item for item in items if item.nodeid in self.chosen]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Say which test begins."""
        self.at_start(nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add a test's time, and the test if it failed."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        """Add a file that could not be read."""
        if report.failed:
            self.failed.append(report.nodeid or "collection")


def in_child(copy: Path, work: Callable[[], str], limit_s: float) -> tuple[int, str]:
    """Return the exit code and the answer of some work in a forked process; ``HUNG`` if it does not end.

    The child leads a group of processes, which is killed with it: a test may have started some.
    """
    with tempfile.TemporaryDirectory(prefix="mutants-tests-") as folder:
        answer = Path(folder) / "answer"
        child = os.fork()
        if child == 0:
            os.setsid()
            code = 70
            try:
                _enter(copy, folder)
                answer.write_text(work(), encoding="utf-8")
                code = 0
            finally:
                os._exit(code)
        code = _waited(child, limit_s)
        _end_group(child)
        return code, answer.read_text(encoding="utf-8") if answer.exists() else ""


def run_tests(files: Sequence[str], outcomes: Outcomes, *options: str) -> int:
    """Run files of tests within a child, and return pytest's exit code."""
    import pytest

    always = ["-q", "-p", "no:cacheprovider", "-m", "not slow and not long"]
    return int(pytest.main([*always, *options, *files], plugins=[outcomes]))


def _enter(copy: Path, temporary: str) -> None:
    """Make a copy of the sources what is imported, say nothing, and leave no file behind."""
    os.chdir(copy)
    roots = [str(copy / "platform"), str(copy / "tasks")]
    sys.path[:0] = roots
    os.environ["PYTHONPATH"] = os.pathsep.join(roots)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["TMPDIR"] = tempfile.tempdir = temporary
    sys.dont_write_bytecode = True
    for name in [name for name in sys.modules if name == "tests" or name.startswith("tests.")]:
        del sys.modules[name]
    with open(os.devnull, "r+") as nowhere:  # noqa: PTH123 - a device
        for descriptor in (0, 1, 2):
            os.dup2(nowhere.fileno(), descriptor)


def _waited(child: int, limit_s: float) -> int:
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(WAIT_S)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return HUNG


def _end_group(leader: int) -> None:
    """End processes that a child left. Their group keeps its number while one of them lives."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
