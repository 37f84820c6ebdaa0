"""Builds the package, installs its wheel where nothing else of the project is, and runs suites there."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

from tests.release.checks import ROOT

SMALLEST = {
    "imagenet-rib": ["--suite", "mini"],
    "generalization-difficulty": ["--suite", "published"],
    "inductive-bias": ["--suite", "mini"],
    "farmap": ["--suite", "mini"],
    "farcuriosity": ["--suite", "mini"],
}
"""Task -> its smallest suite."""

PARTS = {
    "imagenet-rib": ["--select", "method=ft", "--select", "downstream=v2", "--select", "model=resnet-plain"],
    "inductive-bias": ["--select", "space=rbf", "--select", "problem=teacher-4"],
    "farmap": ["--select", "map=small-0", "--select", "film=none"],
    "farcuriosity": ["--select", "environment=rooms", "--select", "curiosity=none", "--seeds", "1"],
}
"""Task -> what is selected where the whole suite would take too long."""

_RUN = re.compile(r"\d cells? run, ")  # of the line that says what was done

EXTRAS = "rl"
"""What the smallest suites need beside the package itself."""


def build(out: Path) -> Path:
    """Build sdist and wheel from the clone into a folder; return the wheel."""
    out.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "hatchling", "build", "-d", str(out)], ROOT)
    (wheel,) = out.glob("*.whl")
    return wheel


def install(wheel: Path, home: Path, *, borrow: bool) -> Path:
    """Install a wheel into a new environment; return the environment's Python.

    Args:
        wheel: to be installed.
        home: of the environment, made here.
        borrow: other packages are those of the present environment, for they are gigabytes; else they
            are installed, too, in the versions of constraints.txt.
    """
    venv.create(home, with_pip=not borrow, symlinks=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    if not borrow:
        _run([*pip, "--constraint", str(ROOT / "constraints.txt"), f"{wheel}[{EXTRAS}]"], home)
        return python
    _run([*pip, "--no-deps", str(wheel)], home)
    (packages,) = (home / "lib").glob("python*/site-packages")
    # Not by site.addsitedir: that would read the editable install of the clone, too.
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    return python


def try_alone(python: Path, folder: Path, *, whole: bool) -> Iterator[str]:
    """Run each task's smallest suite in an empty folder, with nothing of the clone on the path; tell of each.

    Args:
        python: of the environment.
        folder: empty.
        whole: run the suites whole rather than a part of each.
    """
    gridcell = [str(python), "-m", "gridcell"]
    where = [str(python), "-c", "import gridcell; print(gridcell.__file__)"]
    file = _run(where, folder)
    if not Path(file.strip()).is_relative_to(python.parents[1]):
        raise RuntimeError(f"gridcell comes from {file}, not from the wheel")
    yield _run([*gridcell, "--version"], folder).strip()
    for task, suite in SMALLEST.items():
        words = [*gridcell, "run", task, *suite, *(() if whole else PARTS.get(task, ()))]
        last = _run(words, folder).strip().splitlines()
        yield f"{task}: " + next((line for line in last if _RUN.search(line)), last[-1])


def _run(command: list[str], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout
