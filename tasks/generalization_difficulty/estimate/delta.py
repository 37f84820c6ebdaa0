"""The resolution delta: exact, by extreme values, from a sample, or as given."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from generalization_difficulty.estimate.cloud import Cloud
from generalization_difficulty.estimate.distances import Frame
from generalization_difficulty.estimate.extremes import Extreme, extreme_distance
from generalization_difficulty.estimate.least import Least, Sketches, least_distance
from generalization_difficulty.estimate.options import Estimation, Resolution
from generalization_difficulty.estimate.sample import FirstPass
from generalization_difficulty.estimate.watch import Watch
from gridcell import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """The resolution, and what it was found from.

    Attributes:
        value: what enters the formula.
        resolution: ``exact``, ``evt``, ``sample`` or ``given``.
        exact: least distance between classes among all points; None where they were not compared.
        sample: the same in a random subset, which all points' is at most; None where that was not looked at.
        points: distinct points that were compared, all with all.
        pair: positions in the data of the nearest two points of different classes among them.
        by_points: points of a sample -> the least distance between classes among them.
        extreme: the estimate by extreme values; None where it was not asked for.
    """

    value: float
    resolution: str
    exact: float | None = None
    sample: float | None = None
    points: int = 0
    pair: tuple[int, int] | None = None
    by_points: tuple[tuple[int, float], ...] = ()
    extreme: Extreme | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The ends of its 95 % interval, of extreme values; a distance that was seen is its upper end."""
        if self.extreme is None:
            return None
        highest = min(self.extreme.high, self.extreme.high if self.sample is None else self.sample)
        return min(self.extreme.low, self.value), max(highest, self.value)

    def named(self) -> dict[str, Any]:
        """Return everything by the names that a ``Measurement`` and the report have for it."""
        low, high = self.interval or (None, None)
        extreme = asdict(self.extreme) if self.extreme else {}
        return {
            "resolution": self.resolution,
            "delta_exact": self.exact,
            "delta_sample": self.sample,
            "delta_points": self.points,
            "delta_pair": self.pair,
            "delta_by_points": tuple(point for point in self.by_points if math.isfinite(point[1])),
            "delta_evt": self.value if self.extreme else None,
            "delta_low": low,
            "delta_high": high,
            "delta_pairs": extreme.get("pairs", 0),
            "delta_extremes": extreme.get("largest", 0),
            "tail_index": extreme.get("tail_index"),
        }


def find_delta(
    cloud: Cloud,
    seen: FirstPass,
    sketches: Sketches | None,
    frame: Frame,
    resolution: Resolution | float,
    how: Estimation,
    seed: int,
    watch: Watch,
) -> Delta:
    """Find delta as ``resolution`` says.

    Args:
        cloud: the distinct points.
        seen: what the first pass told.
        sketches: of all points, where ``resolution`` is exact.
        frame: their coordinates.
        resolution: see ``options.resolved``.
        how: how many points and pairs are looked at.
        seed: of random pairs.
        watch: is told of the progress.

    Raises:
        UserError: no two different points of different classes were seen, or too few pairs.
    """
    if not isinstance(resolution, str):
        return Delta(value=resolution, resolution="given")
    held = cloud.held(seen)
    if sketches is not None:
        least, curve = least_distance(cloud, held, sketches, frame, memory=how.memory, watch=watch)
        _require(least, cloud.size)
        return Delta(
            value=least.distance,
            resolution="exact",
            exact=least.distance,
            sample=least.distance if cloud.size <= how.subset else None,  # all points are the subset
            points=cloud.size,
            pair=_positions(cloud, least),
            by_points=tuple(curve),
        )
    chosen = held.sample(how.subset)
    part = held.only(chosen)
    least, curve = least_distance(part, part, _sketches(part, frame), frame, memory=how.memory, watch=watch)
    _require(least, len(chosen))
    extreme = None
    if resolution == "evt":
        codes = seen.codes[seen.positions]
        extreme = extreme_distance(
            seen.points, codes, total=seen.pairs, pairs=how.pairs, largest=how.largest, seed=seed
        )
    return Delta(
        value=min(extreme.distance, least.distance) if extreme else least.distance,
        resolution=resolution,
        sample=least.distance,
        points=len(chosen),
        pair=_positions(part, least),
        by_points=tuple(curve),
        extreme=extreme,
    )


def _sketches(part: Cloud, frame: Frame) -> Sketches:
    sketches: Sketches | None = None
    for ids, points in part.tiles():
        rows = frame.sketch(points)
        sketches = sketches or Sketches.empty(part.codes, rows.shape[1])
        sketches.put(ids, rows)
    assert sketches is not None  # a first pass has points
    return sketches


def _positions(cloud: Cloud, least: Least) -> tuple[int, int] | None:
    if least.pair is None:
        return None
    one, other = sorted(int(cloud.positions[number]) for number in least.pair)
    return one, other


def _require(least: Least, points: int) -> None:
    if least.pair is None:
        raise UserError(
            f"The {points} sampled points hold no two different points of different classes: too few samples"
        )
