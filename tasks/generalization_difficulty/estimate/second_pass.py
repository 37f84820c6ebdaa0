"""The second pass through the data: neighbours, and sketches of all points."""

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.data.batches import Batches
from generalization_difficulty.estimate.cloud import Cloud, frame_of
from generalization_difficulty.estimate.distances import Frame
from generalization_difficulty.estimate.least import Sketches
from generalization_difficulty.estimate.neighbours import NeighbourSearch
from generalization_difficulty.estimate.sample import first_pass
from generalization_difficulty.estimate.watch import Watch, quiet
from gridcell import UserError


def second_pass(
    cloud: Cloud, frame: Frame, search: NeighbourSearch | None, exact: bool, watch: Watch
) -> Sketches | None:
    """Go through all points once: find neighbours, and keep the sketches that bound all pairs.

    Args:
        cloud: the points.
        frame: the coordinates of sketches.
        search: is given every tile; None: no neighbours are wanted.
        exact: whether sketches are wanted; None is returned where not.
        watch: is told of the progress.
    """
    if search is None and not exact:
        return None
    sketches: Sketches | None = None
    total = -(-cloud.size // 2048) if cloud.points is not None else None
    for ids, points in watch("neighbour_tiles", cloud.tiles(), total):
        rows = frame.sketch(points)
        if search is not None:
            search.update(ids, points, rows)
        if exact:
            sketches = sketches or Sketches.empty(cloud.codes, rows.shape[1])
            sketches.put(ids, rows)
    return sketches


def nearest_distances(
    batches: Batches, k: int, *, memory: int, seed: int = 0, what: str = "the points"
) -> NDArray[np.float64]:
    """Return the distances of each distinct point to its k nearest, float64 (distinct points, k), ascending.

    Args:
        batches: the data; where they exceed ``memory``, the neighbours of a random sample are found.
        k: neighbours.
        memory: bytes that points may take.
        seed: of the sample.
        what: the points are called in a message.

    Raises:
        UserError: there are no more than k distinct points.
    """
    seen = first_pass(batches, seed=seed, memory=memory)
    cloud, frame = Cloud.of(seen, batches), frame_of(seen)
    search = search_all(cloud.held(seen), frame, k, what)
    second_pass(cloud, frame, search, False, quiet)
    return search.distances()


def search_all(held: Cloud, frame: Frame, k: int, what: str) -> NeighbourSearch:
    """Return a search for the neighbours of all points that are in memory.

    Raises:
        UserError: there are no more than k distinct points.
    """
    if held.size <= k:
        raise UserError(f"Of {what} {held.size} are distinct: {k} neighbours need at least {k + 1}")
    ids = held.sample(held.size)
    return NeighbourSearch(held.take(ids), ids, frame, k)
