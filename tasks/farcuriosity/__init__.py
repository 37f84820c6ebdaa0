"""FARCuriosity: curiosity agents on RLlib, with fragmentation and recall (Hwang et al. 2023).

Without the platform: ``farcuriosity.curiosity`` is plain PyTorch, ``farcuriosity.agent.algorithm`` builds an
RLlib algorithm.
"""

from pathlib import Path

from farcuriosity.plan import plan
from farcuriosity.search import tuning
from farcuriosity.settings import Settings
from gridcell import PartKind, Task, Weights

task = Task(
    name="farcuriosity",
    summary="Does curiosity forget? Agents with intrinsic rewards, one world model or many local ones.",
    settings=Settings,
    suites=Path(__file__).parent / "suites",
    plan=plan,
    cells={
        "train": "farcuriosity.cells.train:run",
        "forgetting": "farcuriosity.cells.forgetting:run",
        "video": "farcuriosity.cells.video:run",
        "evaluation": "farcuriosity.cells.evaluation:run",
    },
    weights={"train": Weights("agent.pt", best="best.pt", state="state.pt")},
    reads="farcuriosity.cells.needed_files:files_of",
    report="farcuriosity.report.results:write",
    tables={
        "summary": "farcuriosity.report.frames:agents",
        "forgetting": "farcuriosity.report.frames:forgetting",
    },
    progress_metric="score",
    estimate="farcuriosity.cost:estimate",
    play="farcuriosity.cells.play:play",
    packages=("fragmentation_recall",),
    tuning=tuning,
    parts={
        "curiosity": PartKind(
            "farcuriosity.curiosity.modules:curiosities",
            section="curiosities",
            template="farcuriosity.curiosity.modules:new_curiosity.txt",
            use="gridcell run farcuriosity --suite mini --plugin $module.py --select curiosity=$name",
            checks="farcuriosity.curiosity.checks:checks",
        )
    },
    uses="farcuriosity.code:modules_of",
)
