"""What a search of curious agents sees, and what it maximises: agents of seeds that no suite reports on."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from farcuriosity.plan import plan
from farcuriosity.settings import Forgetting, Settings, Video
from gridcell import Cell, Fidelity, Grid, Rule, Stages, Tuning, UserError
from gridcell.report import GridResults

OTHER_SEEDS = 1_000_003
"""Added to a suite's seeds."""

SCORE = "score"

tuning = Tuning(
    metrics={SCORE: "max"},
    rules=(
        Rule(
            "other-seeds",
            "held out are the suite's seeds: trials train as many agents of other seeds. The score is the "
            "mean return of their last 100 episodes",
            score="farcuriosity.search:score",
            plan="farcuriosity.search:plan_with_other_seeds",
        ),
        Rule(
            "oracle",
            "nothing is held out: trials are the agents that the report counts",
            score="farcuriosity.search:score",
            plan="farcuriosity.search:plan_with_the_seeds",
            oracle=True,
        ),
    ),
    selects={"curiosities": "curiosity", "environments": "environment"},
    fidelity=Fidelity(
        "train",
        "steps",
        "farcuriosity.search:steps_of",
        stages=Stages("farcuriosity.search:changes_of", grain="farcuriosity.search:update_of"),
    ),
)

_TRAINING = (
    "lr",
    "clip",
    "entropy",
    "value",
    "gradient_norm",
    "gamma",
    "intrinsic_gamma",
    "gae",
    "extrinsic_weight",
    "intrinsic_weight",
    "epochs",
    "minibatches",
    "adam_eps",
    "value_clip",
)
_PREDICTION = ("lr", "proportion", "gradient_norm")
_FRAGMENTS = ("rho", "least", "recall", "novelty", "novelty_full", "dwell")
_PREDICTING = ("rnd", "icm", "disagreement")


def steps_of(cell: Cell) -> int:
    """Return for how many steps of the environment an agent learns."""
    return int(cell.config["steps"])


def changes_of(cell: Cell) -> list[str]:
    """Return the entries of an agent's configuration that may change between stages of its training.

    Those whose every use is by the settings: none of them is in what a stage hands on, nor gives anything
    there its shape. Of a curiosity from elsewhere nobody knows that.
    """
    kind, parameters = cell.config["curiosity"], cell.config["parameters"]
    found = [f"training.{name}" for name in _TRAINING]
    if kind in _PREDICTING:
        found += [f"parameters.{name}" for name in _PREDICTION]
    if kind == "far":
        found += [f"parameters.{name}" for name in _FRAGMENTS]
        if parameters["around"] in _PREDICTING:
            found += [f"parameters.module.{name}" for name in _PREDICTION]
    return found


def update_of(cell: Cell) -> int:
    """Return how many steps an agent takes between two updates: it learns after whole ones alone."""
    training = cell.config["training"]
    return int(training["environments"]) * int(training["horizon"])


def plan_with_other_seeds(settings: Settings, labels: Mapping[str, Sequence[str]]) -> Grid:
    """Plan trials with seeds that the suite doesn't have."""
    seeds = [seed + OTHER_SEEDS for seed in settings.seeds]
    return plan_with_the_seeds(settings.model_copy(update={"seeds": seeds}), labels)


def plan_with_the_seeds(settings: Settings, labels: Mapping[str, Sequence[str]]) -> Grid:
    """Plan the suite's agents, without videos, evaluations and the study of forgetting.

    Raises:
        UserError: agents of several environments would be averaged, whose returns have no common unit.
    """
    wanted = labels.get("environment", list(settings.environments))
    environments = {name: one for name, one in settings.environments.items() if name in wanted}
    if len(environments) > 1:
        raise UserError(
            f"Returns in {', '.join(environments)} have no common unit: search one environment, such as "
            f"--select environment={next(iter(environments))}"
        )
    update = {
        "environments": environments,
        "forgetting": Forgetting(),
        "video": Video(),
        "evaluation": settings.evaluation.model_copy(update={"episodes": 0}),
    }
    return plan(settings.model_copy(update=update))


def score(results: GridResults, metric: str) -> float | None:
    """Return the mean score of all agents; None where an agent ended no episode."""
    values = [results.results[target.cell].metrics[metric] for target in results.grid.targets]
    return None if None in values or not values else fmean(map(float, values))
