"""Inductive bias: how much information it takes to pick a hypothesis that generalises (Boopathy et al. 2024).

Hypotheses that fit the training data are drawn at random, from a Gaussian process posterior or by training
networks; the answer is I(eps) = -log P(test error <= eps), in nats and bits, per problem and space.
"""

from pathlib import Path

from gridcell import Task
from inductive_bias.plan import plan
from inductive_bias.settings import Settings

task = Task(
    name="inductive-bias",
    summary="How many bits does it take to pick, among hypotheses that fit the data, one that generalises?",
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
    progress_metric="information",
)
