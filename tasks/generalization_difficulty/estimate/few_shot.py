"""Few-shot learning measured from drawn characters: the dimension within and across alphabets."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from generalization_difficulty.data.alphabets import Alphabet
from generalization_difficulty.data.batches import ArrayBatches
from generalization_difficulty.estimate.cloud import Cloud, frame_of
from generalization_difficulty.estimate.dimension import Dimension, intrinsic_dimension
from generalization_difficulty.estimate.least import least_distance
from generalization_difficulty.estimate.sample import duplicates_across, first_pass
from generalization_difficulty.estimate.second_pass import nearest_distances, search_all, second_pass
from generalization_difficulty.estimate.uncertainty import log2_bits_over
from generalization_difficulty.estimate.watch import Watch, quiet
from generalization_difficulty.formula.bits import Difficulty
from generalization_difficulty.formula.tasks import MetaLearning
from gridcell import UserError

_MEMORY = 1 << 40  # alphabets are in memory already


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShot:
    """A few-shot task measured from its images.

    Attributes:
        task: the ingredients that entered the formula.
        difficulty: what it gave.
        within: intrinsic dimension where neighbours are of the same alphabet, before it is rounded.
        across: the same among all alphabets.
        images: how many there are.
        alphabets: characters of each.
        drawings: fewest and most images of a character.
        copies: images that equal another one.
        duplicates: pairs of equal images of different characters, which delta leaves out.
    """

    task: MetaLearning
    difficulty: Difficulty
    within: Dimension
    across: Dimension
    images: int
    alphabets: tuple[int, ...]
    drawings: tuple[int, int]
    copies: int
    duplicates: int

    def to_record(self) -> dict[str, Any]:
        """Return everything but the difficulty as JSON values; the task's ingredients by their names."""
        record = asdict(self)
        del record["difficulty"]
        record["alphabets"], record["drawings"] = list(self.alphabets), list(self.drawings)
        low, high = self.log2_bits
        record["log2_bits_low"], record["log2_bits_high"] = low, high
        for name in ("within", "across"):
            record[name], record[f"{name}_error"] = record[name]["value"], record[name]["error"]
        return {**record.pop("task"), **record}

    @property
    def log2_bits(self) -> tuple[float | None, float | None]:
        """The ends of the range that the errors and the rounding of both dimensions allow; None: no end."""
        ends = [
            (estimate.value - 1.96 * estimate.error, float(rounded), estimate.value + 1.96 * estimate.error)
            for estimate, rounded in ((self.within, self.task.m_within), (self.across, self.task.m_across))
        ]
        return log2_bits_over(
            replace(self.task, m_within=max(1.0, within), m_across=max(1.0, across))
            for within, across in product(*ends)
        )


def measure_few_shot(
    alphabets: Sequence[Alphabet],
    *,
    eps: float,
    ways: int = 20,
    neighbours: int = 5,
    seed: int = 0,
    watch: Watch = quiet,
) -> FewShot:
    """Measure few-shot learning of characters (the paper's Omniglot) from images.

    m0, the dimension within an alphabet, is taken from neighbours of the same alphabet, pooled over
    alphabets; m1, across alphabets, from neighbours among all images. R is the largest norm of an image,
    delta the least distance between images of different characters, n the number of support sets.

    Args:
        alphabets: the images, at least two alphabets.
        eps: target error.
        ways: characters of a support set.
        neighbours: k of the dimensions' estimates.
        seed: of the order in which points are looked at.
        watch: is told of the progress.

    Raises:
        UserError: an alphabet has too few images, or the formula finds no difficulty.
    """
    if len(alphabets) < 2:
        raise UserError("Few-shot learning is measured within and across alphabets: give two or more")
    offsets = np.cumsum([0, *(int(one.characters.max()) + 1 for one in alphabets)])
    codes = np.concatenate([one.characters + offset for one, offset in zip(alphabets, offsets, strict=False)])
    points = np.concatenate([one.points for one in alphabets])
    batches = ArrayBatches(points, codes)
    seen = first_pass(batches, seed=seed, memory=_MEMORY, watch=watch)
    cloud, frame = Cloud.of(seen, batches), frame_of(seen)
    search = search_all(cloud, frame, neighbours, "the images")
    sketches = second_pass(cloud, frame, search, True, watch)
    assert sketches is not None
    least, _ = least_distance(cloud, cloud, sketches, frame, memory=_MEMORY, watch=watch)
    inside = [
        nearest_distances(
            ArrayBatches(one.points, np.arange(len(one.points))),  # labels play no part
            neighbours,
            memory=_MEMORY,
            seed=seed,
            what=f"the images of {one.name}",
        )
        for one in watch("alphabets", alphabets, len(alphabets))
    ]
    within, across = intrinsic_dimension(np.concatenate(inside)), intrinsic_dimension(search.distances())
    sizes = [np.bincount(one.characters) for one in alphabets]
    task = MetaLearning(
        n=sum(_support_sets(size.tolist(), ways) for size in sizes),
        m_within=max(1, round(within.value)),
        m_across=max(1, round(across.value)),
        radius=seen.radius,
        delta=least.distance,
        eps=eps,
        ways=ways,
    )
    return FewShot(
        task=task,
        difficulty=task.difficulty(),
        within=within,
        across=across,
        images=seen.n,
        alphabets=tuple(len(size) for size in sizes),
        drawings=(min(int(size.min()) for size in sizes), max(int(size.max()) for size in sizes)),
        copies=seen.copies,
        duplicates=duplicates_across(seen.codes, seen.first)[0],
    )


def _support_sets(drawings: Sequence[int], ways: int) -> int:
    """Count the support sets of one image per character of an alphabet.

    These are the sums over all choices of ``ways`` characters of the products of their images; an alphabet of
    fewer characters counts as one choice, as published, its missing characters with the mean number.
    """
    if len(drawings) < ways:
        mean = Fraction(sum(drawings), len(drawings))
        return round(math.prod(drawings) * mean ** (ways - len(drawings)))
    chosen = [1, *([0] * ways)]  # elementary symmetric polynomials
    for count in drawings:
        for size in range(ways, 0, -1):
            chosen[size] += chosen[size - 1] * count
    return chosen[ways]
