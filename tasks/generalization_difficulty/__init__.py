"""Generalization difficulty: how many bits a task asks of a learner beyond its data (Boopathy et al. 2023).

As a library: ``measure_arrays(points, labels, eps=...)``, ``measure(batches, eps=...)`` for data that don't
fit into memory, ``Classification(...).difficulty()`` and its siblings where the ingredients are known.
"""

from pathlib import Path

from generalization_difficulty.data.alphabets import Alphabet
from generalization_difficulty.estimate.few_shot import FewShot, measure_few_shot
from generalization_difficulty.estimate.measure import Measurement, measure, measure_arrays
from generalization_difficulty.formula.bits import Difficulty, generalization_difficulty
from generalization_difficulty.formula.spaces import (
    action_dimension,
    environment_dimensions,
    observation_dimension,
)
from generalization_difficulty.formula.tasks import (
    Classification,
    MetaLearning,
    Reinforcement,
    support_sets,
    union_difficulty,
)
from generalization_difficulty.plan import plan
from generalization_difficulty.settings import Settings
from gridcell import PartKind, Task, Tuning

__all__ = [
    "Alphabet",
    "Classification",
    "Difficulty",
    "FewShot",
    "Measurement",
    "MetaLearning",
    "Reinforcement",
    "action_dimension",
    "environment_dimensions",
    "generalization_difficulty",
    "measure",
    "measure_arrays",
    "measure_few_shot",
    "observation_dimension",
    "support_sets",
    "task",
    "union_difficulty",
]

task = Task(
    name="generalization-difficulty",
    summary="How many bits of inductive bias does a task ask for, beyond what its data tell?",
    settings=Settings,
    suites=Path(__file__).parent / "suites",
    plan=plan,
    cells={
        "formula": "generalization_difficulty.cells.formula:run_formula",
        "union": "generalization_difficulty.cells.formula:run_union",
        "environment": "generalization_difficulty.cells.formula:run_environment",
        "few-shot": "generalization_difficulty.cells.few_shot:run",
        "sweep": "generalization_difficulty.cells.curves:run_sweep",
        "models": "generalization_difficulty.cells.curves:run_models",
        "measure": "generalization_difficulty.cells.measure:run",
    },
    report="generalization_difficulty.report.results:write",
    tables={"summary": "generalization_difficulty.report.frames:tasks"},
    progress_metric="log2_bits",
    tuning=Tuning(refused="its answers are measurements, and none of them is a target"),
    parts={
        "dataset": PartKind(
            "generalization_difficulty.data.sets:registry",
            section="datasets",
            named_by="source",
            template="generalization_difficulty.data.sets:new_dataset.txt",
            use="gridcell run generalization-difficulty --suite mini --plugin $module.py --select task=$name",
            checks="generalization_difficulty.data.checks:checks",
        )
    },
    uses="generalization_difficulty.code:modules_of",
)
