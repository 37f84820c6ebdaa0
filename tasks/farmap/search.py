"""What a search of agents sees, and what it maximises: maps that no suite reports on."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from farmap.plan import plan
from farmap.settings import Settings
from gridcell import Grid, Rule, Tuning, UserError
from gridcell.report import GridResults

OTHER_MAPS = 1_000_003
"""Added to the seed of a suite's collection of maps: a collection that no suite has."""

tuning = Tuning(
    metrics={
        "steps_to_95": "min",
        "steps_to_99": "min",
        "coverage": "max",
        "mean_memory": "min",
        "peak_memory": "min",
        "path": "min",
    },
    rules=(
        Rule(
            "other-maps",
            "held out are the suite's maps: trials explore as many maps of each size from another collection",
            score="farmap.search:score",
            plan="farmap.search:plan_on_other_maps",
        ),
        Rule(
            "oracle",
            "nothing is held out: trials explore the maps that the report counts",
            score="farmap.search:score",
            plan="farmap.search:plan_on_the_maps",
            oracle=True,
        ),
    ),
    selects={"agents": "agent"},
)


def plan_on_other_maps(settings: Settings, labels: Mapping[str, Sequence[str]]) -> Grid:
    """Plan trials on maps of another collection.

    Raises:
        UserError: the suite's maps are files, of which there are no others.
    """
    if settings.files.paths or settings.released.path is not None:
        raise UserError("Maps from files have no others like them: search with --rule oracle")
    maps = settings.maps.model_copy(update={"seed": settings.maps.seed + OTHER_MAPS})
    return plan_on_the_maps(settings.model_copy(update={"maps": maps}), labels)


def plan_on_the_maps(settings: Settings, labels: Mapping[str, Sequence[str]]) -> Grid:
    """Plan trials on the suite's maps, without films and without agents that are not selected."""
    wanted = labels.get("agent", list(settings.agents))
    agents = {name: agent for name, agent in settings.agents.items() if name in wanted}
    return plan(settings.model_copy(update={"agents": agents, "films": [], "compare": None}))


def score(results: GridResults, metric: str) -> float | None:
    """Return the mean of a metric over all runs.

    A share of coverage that a run did not reach counts as reached at the last step that it may take, as in
    the report.
    """
    values = []
    for target in results.grid.targets:
        result = results.results[target.cell]
        value = result.metrics[metric]
        values.append(float(result.cell.config["steps"] if value is None else value))
    return fmean(values) if values else None
