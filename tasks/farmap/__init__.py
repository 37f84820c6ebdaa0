"""FARMap: map building by fragmentation and recall (Hwang et al. 2024), against frontier-based exploration.

As a library: ``farmap.world.environment.FarMapEnv`` (``gridcell/FarMap-v0`` to Gymnasium), the
agents in ``farmap.agents``, and ``farmap.agents.explore.explore``, which lets one explore the other.
"""

from pathlib import Path

from farmap.plan import plan
from farmap.search import tuning
from farmap.settings import Settings
from gridcell import PartKind, Task

__all__ = ["task"]

task = Task(
    name="farmap",
    summary="Explore unknown maps in fragments that are stored and recalled: coverage, memory and time",
    settings=Settings,
    suites=Path(__file__).parent / "suites",
    plan=plan,
    cells={"explore": "farmap.cells.explore:run", "film": "farmap.cells.film:run"},
    report="farmap.report.results:write",
    tables={"summary": "farmap.report.frames:agents"},
    table_notes={"summary": "farmap.report.frames:about_agents"},
    progress_metric="coverage",
    packages=("fragmentation_recall",),
    tuning=tuning,
    parts={
        "agent": PartKind(
            "farmap.agents.kinds:registry",
            section="agents",
            named_by="kind",
            template="farmap.agents.kinds:new_agent.txt",
            use="gridcell run farmap --suite mini --plugin $module.py --select agent=$name",
            checks="farmap.agents.checks:checks",
        )
    },
    uses="farmap.code:modules_of",
)
