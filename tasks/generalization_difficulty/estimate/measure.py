"""From raw labelled data to bits: every ingredient estimated, with what it was estimated from."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray

from generalization_difficulty.data.batches import ArrayBatches, Batches, as_float
from generalization_difficulty.formula.bits import Difficulty
from generalization_difficulty.formula.tasks import Classification
from gridcell.errors import UserError

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A task measured from its data.

    Attributes:
        task: the ingredients that entered the formula.
        difficulty: what it gave.
        features: numbers per point.
        m_estimate: intrinsic dimension before it is rounded to ``task.m``; None where it was given.
        m_error: its standard error over the points.
        m_points: points whose neighbours were searched (among all).
        copies: of these, the points of which the data hold an exact copy, which is no neighbour.
        held: points held in memory, from which the samples below are drawn.
        delta_sample: least distance between classes in a random subset.
        delta_points: points of that subset.
        duplicates: pairs of equal points of different classes in it.
        delta_evt: the same by extreme value theory, from random pairs, at most ``delta_sample``: none that
            large is left to estimate. None where it was not asked for.
        delta_pairs: pairs looked at for it.
        delta_extremes: extremes used.
        tail_index: gamma of the inverse distances.
    """

    task: Classification
    difficulty: Difficulty
    features: int
    m_estimate: float | None
    m_error: float | None
    m_points: int
    copies: int
    held: int
    delta_sample: float
    delta_points: int
    duplicates: int
    delta_evt: float | None
    delta_pairs: int
    delta_extremes: int
    tail_index: float | None

    def to_record(self) -> dict[str, Any]:
        """Return everything but the difficulty as JSON values; the task's ingredients by their names."""
        record = asdict(self)
        del record["difficulty"]
        return {**record.pop("task"), **record}


def measure(
    batches: Batches,
    *,
    eps: float,
    seed: int = 0,
    m: float | None = None,
    resolution: Literal["evt", "sample"] | float = "evt",
    neighbours: int = 5,
    queries: int = 10_000,
    subset: int = 10_000,
    pairs: int = 4_000_000,
    largest: int = 2_000,
    duplicates: Literal["refuse", "ignore"] = "refuse",
    memory: int = 1024 * MEBIBYTE,
) -> Measurement:
    """Measure the generalization difficulty of labelled data, in two passes: a survey and the neighbours.

    Args:
        batches: the data, re-iterable; uint8 is scaled to [0, 1], other numbers are taken as they are.
        eps: target error relative to the Lipschitz constant of the loss.
        seed: of every random choice.
        m: intrinsic dimension; None: estimate it.
        resolution: which estimate of delta enters the formula, or delta itself.
        neighbours: k of the dimension's estimate.
        queries: points whose neighbours are searched, at most; fewer where ``memory`` holds no more.
        subset: points among which the least distance between classes is searched, at most.
        pairs: random pairs for extreme value theory, at most.
        largest: extremes of these.
        duplicates: whether equal points of different classes are an error, or are counted and left out.
        memory: bytes for the sample held, and again for the queries as float64.

    Raises:
        UserError: NaN, constant labels, too few samples, duplicates across classes, or what the formula
            finds: the data determine the function at this resolution, or eps asks for nothing.
    """
    from generalization_difficulty.estimate.dimension import intrinsic_dimension
    from generalization_difficulty.estimate.neighbours import nearest_neighbours
    from generalization_difficulty.estimate.resolution import extreme_distance, least_distance
    from generalization_difficulty.estimate.sample import survey

    if m is None and neighbours < 2:
        raise UserError(f"The intrinsic dimension needs 2 or more neighbours, not {neighbours}")
    seen = survey(batches, seed=seed, memory=memory)
    if m is None and seen.n <= neighbours:
        raise UserError(
            f"{seen.n} points are too few: {neighbours} neighbours need at least {neighbours + 1}"
        )

    inside = min(subset, len(seen.points))
    least = least_distance(seen.points[:inside], seen.codes[:inside])
    if least.duplicate is not None and duplicates == "refuse":
        one, other = sorted(int(seen.positions[row]) for row in least.duplicate)
        raise UserError(
            f"Points {one} and {other} are equal but of different classes, so no resolution tells them apart "
            f"(such pairs in the sample: {least.duplicates}): remove them, or set duplicates to 'ignore'"
        )
    if least.pair is None:
        raise UserError(
            f"The {inside} sampled points hold no two different points of different classes: too few samples"
        )
    extreme, delta_evt = None, None
    if resolution == "evt":
        extreme = extreme_distance(
            seen.points, seen.codes, total=seen.pairs, pairs=pairs, largest=largest, seed=seed
        )
        delta_evt = min(extreme.distance, least.distance)
    delta = resolution if not isinstance(resolution, str) else delta_evt or least.distance

    searched, copies, estimate = 0, 0, None
    if m is None:
        fit = max(2, memory // (8 * seen.features))
        searched = min(queries, len(seen.points), fit)
        found = nearest_neighbours(
            as_float(seen.points[:searched]), seen.positions[:searched], batches, neighbours
        )
        copies = int((found.copies > 0).sum())
        estimate = intrinsic_dimension(found.distances)
    dimension = m if m is not None else max(1, round(estimate.value)) if estimate else 1
    task = Classification(
        n=seen.n,
        m=dimension,
        radius=seen.radius,
        classes=len(seen.class_counts),
        delta=delta,
        eps=eps,
    )
    return Measurement(
        task=task,
        difficulty=task.difficulty(),
        features=seen.features,
        m_estimate=estimate.value if estimate else None,
        m_error=estimate.error if estimate else None,
        m_points=searched,
        copies=copies,
        held=len(seen.points),
        delta_sample=least.distance,
        delta_points=inside,
        duplicates=least.duplicates,
        delta_evt=delta_evt,
        delta_pairs=extreme.pairs if extreme else 0,
        delta_extremes=extreme.largest if extreme else 0,
        tail_index=extreme.tail_index if extreme else None,
    )


def measure_arrays(points: ArrayLike, labels: ArrayLike, *, eps: float, **options: Any) -> Measurement:
    """Measure arrays: points of shape (n, features...) and labels of shape (n,); see ``measure``."""
    import numpy as np

    array: NDArray[Any] = np.asarray(points)
    return measure(ArrayBatches(array, np.asarray(labels)), eps=eps, **options)
