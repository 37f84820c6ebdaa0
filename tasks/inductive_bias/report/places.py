"""Where spaces are compared: at which number of training points and in how many dimensions of a problem."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

FULL = "full"
"""The dimension of a problem that isn't projected."""


class Place(NamedTuple):
    """A point on a problem's axes.

    Attributes:
        problem: its name.
        n_train: training points.
        dimension: ``full``, or what the inputs are projected to.
        base: whether it is where the suite compares spaces.
    """

    problem: str
    n_train: int
    dimension: Any = FULL
    base: bool = True

    @property
    def name(self) -> str:
        """The problem's name, and where on its axes this is if the suite compares spaces elsewhere.

        Example:
            >>> Place("digits", 100).name, Place("digits", 200, 16, base=False).name
            ('digits', 'digits at 200 points in 16 dimensions')
        """
        if self.base:
            return self.problem
        projected = "" if self.dimension == FULL else f" in {self.dimension} dimensions"
        return f"{self.problem} at {self.n_train} points{projected}"

    @property
    def labels(self) -> dict[str, Any]:
        """What a row of the summary says of where it is."""
        elsewhere = {} if self.base else {"elsewhere": self.name}
        return {"problem": self.problem, "n_train": self.n_train, "dimension": self.dimension, **elsewhere}

    def holds(self, outcome: Any) -> bool:
        """Tell whether an estimate stands here."""
        return self[:3] == (outcome.problem, outcome.n_train, outcome.dimension)


def named(row: Mapping[str, Any]) -> str:
    """Return what a row of the summary calls its place."""
    return str(row.get("elsewhere", row["problem"]))


def base_size(problem: str, settings: Mapping[str, Any]) -> int:
    """Return the training points at which the suite compares a problem's spaces."""
    chosen = settings["problems"].get(problem, {})
    if chosen.get("ways") is not None:
        return int(chosen["ways"] * chosen["shots"])
    own = chosen.get("training_size")
    return int(settings["training_size"] if own is None else own)


def asked_of(
    settings: Mapping[str, Any], labels: Iterable[Mapping[str, Any]] = ()
) -> tuple[Mapping[str, Any], list[Place]]:
    """Return the settings with the seeds that are asked for alone, and where spaces are compared.

    That is at each problem's base point. Where a selection leaves it out, it is at every point that was
    selected. Places are in the order of the suite's problems.

    Args:
        settings: of the suite.
        labels: of the targets that were asked for; none: the suite is whole.
    """
    labels = list(labels)
    seeds = {one["seed"] for one in labels} or set(settings["seeds"])
    points: dict[str, dict[tuple[int, Any], None]] = {}
    for one in labels:
        points.setdefault(one["problem"], {})[one["n_train"], one["dimension"]] = None
    return (
        {**settings, "seeds": [seed for seed in settings["seeds"] if seed in seeds]},
        [
            place
            for problem in settings["problems"]
            if problem in points or not points
            for place in _places(problem, base_size(problem, settings), points.get(problem, {}))
        ],
    )


def _places(problem: str, size: int, points: Iterable[tuple[int, Any]]) -> list[Place]:
    own = list(points)
    if (size, FULL) in own or not own:
        return [Place(problem, size)]
    return [Place(problem, *point, base=False) for point in own]
