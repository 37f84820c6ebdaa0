"""From raw labelled data to bits: every ingredient estimated, with what it was estimated from."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from generalization_difficulty.data.batches import ArrayBatches, Batches, as_float, in_blocks, unmasked
from generalization_difficulty.estimate.cloud import Cloud, frame_of
from generalization_difficulty.estimate.delta import find_delta
from generalization_difficulty.estimate.dimension import by_neighbours, intrinsic_dimension
from generalization_difficulty.estimate.distances import Frame, exact_distances, scaled_norm
from generalization_difficulty.estimate.neighbours import NeighbourSearch
from generalization_difficulty.estimate.options import Estimation, resolved
from generalization_difficulty.estimate.sample import FirstPass, duplicates_across, first_pass
from generalization_difficulty.estimate.second_pass import second_pass
from generalization_difficulty.estimate.uncertainty import Uncertainty, propagate
from generalization_difficulty.estimate.watch import Watch, quiet
from generalization_difficulty.formula.bits import Difficulty
from generalization_difficulty.formula.tasks import Classification
from gridcell import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A task measured from its data.

    Attributes:
        task: the ingredients that entered the formula.
        difficulty: what it gave.
        uncertainty: what the uncertainty of m and delta makes of it.
        features: numbers per point.
        copies: points that equal another one; equal points are one neighbour.
        mean_norm: distance of the points' mean from the origin.
        spread: root of the mean squared distance from the mean.
        centre: from where R was measured.
        m_estimate: intrinsic dimension before it is rounded to ``task.m``; None where it was given.
        m_error: its standard error over the points.
        m_points: distinct points whose neighbours were searched (among all).
        m_tied: share of these whose k nearest are all equally far, as on a lattice, where m is too large.
        m_by_neighbours: (k, the estimate from k neighbours), ascending.
        held: points held in memory, from which the samples below are drawn.
        resolution: how delta was found: ``exact``, ``evt``, ``sample`` or ``given``.
        delta_exact: least distance between classes among all points; None where they were not compared.
        delta_sample: the same in a random subset; None where that was not looked at.
        delta_points: distinct points that were compared, all with all.
        delta_pair: positions in the data of the nearest two points of different classes among them.
        delta_by_points: (points of a sample, least distance between classes among them), ascending.
        delta_evt: delta by extreme value theory, from random pairs, at most ``delta_sample``: none that
            large is left to estimate. None where it was not asked for.
        delta_low: lower end of its 95 % interval.
        delta_high: upper end.
        delta_pairs: pairs looked at for it.
        delta_extremes: extremes used.
        tail_index: gamma of the inverse distances.
        duplicates: pairs of equal points of different classes in all data.
    """

    task: Classification
    difficulty: Difficulty
    uncertainty: Uncertainty
    features: int
    copies: int
    mean_norm: float
    spread: float
    centre: str
    m_estimate: float | None
    m_error: float | None
    m_points: int
    m_tied: float | None
    m_by_neighbours: tuple[tuple[int, float], ...]
    held: int
    resolution: str
    delta_exact: float | None
    delta_sample: float | None
    delta_points: int
    delta_pair: tuple[int, int] | None
    delta_by_points: tuple[tuple[int, float], ...]
    delta_evt: float | None
    delta_low: float | None
    delta_high: float | None
    delta_pairs: int
    delta_extremes: int
    tail_index: float | None
    duplicates: int

    def to_record(self) -> dict[str, Any]:
        """Return everything but the difficulty as JSON values; the task's ingredients by their names."""
        record = asdict(self)
        del record["difficulty"], record["uncertainty"]
        for curve in ("m_by_neighbours", "delta_by_points"):
            record[curve] = [list(point) for point in record[curve]]
        record["delta_pair"] = list(self.delta_pair) if self.delta_pair else None
        return {**record.pop("task"), **record, **self.uncertainty.to_record()}


def measure(
    batches: Batches, *, eps: float, seed: int = 0, watch: Watch = quiet, **estimation: Any
) -> Measurement:
    """Measure the generalization difficulty of labelled data.

    The first pass counts, and holds in memory all points or a sample. The second finds the neighbours and
    the sketches by which all pairs are bounded; where all points are held nothing is read again. Where they
    are not, delta takes two passes more for each group of points that may be nearest.

    Args:
        batches: the data, re-iterable; uint8 is scaled to [0, 1], other numbers are taken as they are.
        eps: target error relative to the Lipschitz constant of the loss.
        seed: of every random choice.
        watch: is told of the progress.
        estimation: see :class:`Estimation`.

    Example:
        >>> random = np.random.default_rng(0)
        >>> points, labels = random.random((300, 4)), random.integers(0, 2, 300)
        >>> found = measure(ArrayBatches(points, labels), eps=0.01)
        >>> found.task.m, found.resolution
        (4, 'exact')

    Raises:
        UserError: NaN, constant labels, too few samples, duplicates across classes, or what the formula
            finds: the data determine the function at this resolution, or eps asks for nothing.
    """
    how = Estimation(**estimation)
    if how.m is None and how.neighbours < 2:
        raise UserError(f"The intrinsic dimension needs 2 or more neighbours, not {how.neighbours}")
    seen = first_pass(batches, seed=seed, memory=how.memory, watch=watch)
    duplicates, duplicate = duplicates_across(seen.codes, seen.first)
    if duplicate is not None and how.duplicates == "refuse":
        raise UserError(
            f"Points {duplicate[0]} and {duplicate[1]} are equal but of different classes, so no resolution "
            f"tells them apart (such pairs: {duplicates}): remove them, or set duplicates to 'ignore'"
        )
    cloud = Cloud.of(seen, batches)
    resolution = resolved(how.resolution, seen.n, seen.features, how.exact_pairs)
    frame = frame_of(seen)
    search = _neighbour_search(cloud, seen, frame, how)
    sketches = second_pass(cloud, frame, search, resolution == "exact", watch)
    delta = find_delta(cloud, seen, sketches, frame, resolution, how, seed, watch)
    dimension = _dimension(search, how.neighbours)
    task = Classification(
        n=seen.n,
        m=how.m if how.m is not None else max(1, round(dimension.value or 1)),
        radius=seen.radius if how.centre == "origin" else _radius_from(seen.mean, batches, watch),
        classes=seen.classes,
        delta=delta.value,
        eps=eps,
    )
    uncertainty = propagate(
        task,
        estimate=dimension.value,
        error=dimension.error,
        by_neighbours={k: value for k, value in dimension.by_neighbours.items() if 2 * k >= how.neighbours},
        delta=delta.interval,
    )
    return Measurement(
        task=task,
        difficulty=task.difficulty(),
        uncertainty=uncertainty,
        features=seen.features,
        copies=seen.copies,
        mean_norm=float(scaled_norm(seen.mean)),
        spread=seen.spread,
        centre=how.centre,
        m_estimate=dimension.value,
        m_error=dimension.error,
        m_points=len(search.ids) if search else 0,
        m_tied=dimension.tied,
        m_by_neighbours=tuple(dimension.by_neighbours.items()),
        held=len(seen.points),
        duplicates=duplicates,
        **delta.named(),
    )


@dataclass(frozen=True, slots=True)
class _Dimension:
    """What the neighbours tell; nothing where the dimension is given."""

    value: float | None
    error: float | None
    tied: float | None
    by_neighbours: dict[int, float]


def _neighbour_search(cloud: Cloud, seen: FirstPass, frame: Frame, how: Estimation) -> NeighbourSearch | None:
    if how.m is not None:
        return None
    if cloud.size <= how.neighbours:
        copies = f" that are not copies of each other (of {seen.n})" if seen.copies else ""
        raise UserError(
            f"{cloud.size} points{copies} are too few: {how.neighbours} neighbours need at least "
            f"{how.neighbours + 1}"
        )
    held = cloud.held(seen)
    ids = held.sample(how.queries)
    return NeighbourSearch(held.take(ids), ids, frame, min(2 * how.neighbours, cloud.size - 1))


def _dimension(search: NeighbourSearch | None, neighbours: int) -> _Dimension:
    if search is None:
        return _Dimension(None, None, None, {})
    distances = search.distances()
    found = intrinsic_dimension(distances[:, :neighbours])
    tied = float((distances[:, 0] == distances[:, neighbours - 1]).mean())
    return _Dimension(
        found.value, found.error, tied, by_neighbours(distances, range(2, distances.shape[1] + 1))
    )


def _radius_from(centre: NDArray[np.float64], batches: Batches, watch: Watch) -> float:
    """Return the largest distance of a point from a centre."""
    largest = 0.0
    for _, points, _ in watch("radius_blocks", in_blocks(batches)):
        rows = np.arange(len(points))
        values = as_float(points)
        largest = max(largest, float(exact_distances(values, centre[None], rows, np.zeros_like(rows)).max()))
    return largest


def measure_arrays(points: ArrayLike, labels: ArrayLike, *, eps: float, **options: Any) -> Measurement:
    """Measure arrays: points of shape (n, features...) and labels of shape (n,); see ``measure``."""
    return measure(ArrayBatches(unmasked(points, "points"), unmasked(labels, "labels")), eps=eps, **options)
