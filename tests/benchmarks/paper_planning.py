"""Planning imagenet-rib's `paper` suite and mini, with and without the fingerprints of all cells' code.

Each figure is taken in a fresh process, in seconds of processor time, so that other work hardly counts. With
GRIDCELL_BEFORE, the folder of another version's sources, in the environment, both are measured in turn.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEFORE = "GRIDCELL_BEFORE"
AIMS = {"fingerprints of paper's cells (s more)": "<= 1"}

_SCRIPT = """
import json, sys, time
from gridcell.fingerprint import Codes
from gridcell.suite import load_suite
from gridcell.task import find_task
task = find_task("imagenet-rib")
begun = time.process_time()
grid = load_suite(task, sys.argv[1]).grid()
planned = time.process_time()
codes = Codes(task)
made = {codes.of(cell).fingerprint for cell in grid.cells.values()}
print(json.dumps([len(grid), planned - begun, time.process_time() - planned, len(made)]))
"""


def _measured(sources: Path, suite: str) -> tuple[int, float, float]:
    """Return the number of cells, and the processor seconds of planning and of fingerprints."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(sources / top) for top in ("platform", "tasks")),
    }
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, suite], env=environment, capture_output=True, text=True, check=True
    )
    cells, planned, marked, _ = json.loads(done.stdout)
    return cells, planned, marked


def measure() -> dict[str, float]:
    """Return seconds of processor time."""
    figures: dict[str, float] = {}
    versions = {"": ROOT} | ({"before: ": Path(os.environ[BEFORE])} if BEFORE in os.environ else {})
    for suite in ("mini", "paper"):
        for version, sources in versions.items():
            cells, planned, marked = _measured(sources, suite)
            figures[f"{version}plan {suite} (s; {cells:,} cells)"] = planned
            figures[f"{version}fingerprints of {suite}'s cells (s more)"] = marked
    return figures
