"""Inductive bias: how much information it takes to pick a hypothesis that generalizes (Boopathy et al. 2024).

Hypotheses that fit the training data are drawn at random, from a Gaussian process posterior or by training
networks; the answer is I(eps) = -log P(test error <= eps), in nats and bits, per problem and space.
"""

from pathlib import Path

from gridcell import PartKind, Task, Tuning
from inductive_bias.plan import plan
from inductive_bias.settings import Settings

task = Task(
    name="inductive-bias",
    summary="How many bits does it take to pick, among hypotheses that fit the data, one that generalizes?",
    settings=Settings,
    suites=Path(__file__).parent / "suites",
    plan=plan,
    cells={
        "data": "inductive_bias.cells.data:run",
        "kernel": "inductive_bias.cells.kernel:run",
        "hypotheses": "inductive_bias.cells.hypotheses:run",
        "splitting": "inductive_bias.cells.splitting:run",
        "estimate": "inductive_bias.cells.estimate:run",
    },
    report="inductive_bias.report.results:write",
    tables={
        "summary": "inductive_bias.report.frames:spaces",
        "differences": "inductive_bias.report.frames:differences",
    },
    progress_metric="information",
    units={
        "information": "nats",
        "fitted_information": "nats",
        "bits": "bits of the arithmetic's precision, not of information",
    },
    tuning=Tuning(refused="its answers are measurements, and none of them is a target"),
    parts={
        "problem": PartKind(
            "inductive_bias.problems.kinds:registry",
            section="problems",
            named_by="source",
            template="inductive_bias.problems.kinds:new_problem.txt",
            use="gridcell run inductive-bias --suite mini --plugin $module.py --select problem=$name",
            checks="inductive_bias.problems.checks:checks",
        ),
        "space": PartKind(
            "inductive_bias.spaces:registry",
            section="spaces",
            named_by="kind",
            template="inductive_bias.spaces:new_space.txt",
            use="gridcell run inductive-bias --suite mini --plugin $module.py --select space=$name",
            checks="inductive_bias.network_space.checks:checks",
        ),
    },
    uses="inductive_bias.code:modules_of",
)
