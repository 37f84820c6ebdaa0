"""How the images of each class are dealt out: to pre-training, validation, and sets of fresh images.

Each part's images depend on the labels, the seed and the shares of the built-in shifts alone. A shift from
outside draws from what these leave, so that it changes no other set.

Images of equal content are dealt as one: a model must not be tested on what it was trained on.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell.data.seeds import generator
from gridcell.data.shifts import BUILT_IN, Shift, shifts_in_order
from gridcell.errors import UserError

PRETRAIN, VAL = "pretrain", "val"

_LEAST_PRETRAIN = 2
_SEARCH_LIMIT = 1_000_000

Sizes = Mapping[int, int]
"""Label -> number of images."""


@dataclass(frozen=True)
class Portion:
    """What a set of fresh images asks for.

    Attributes:
        name: Of the set.
        share: Share of each class's fresh images that it takes.
        subset: Whether it covers only a part of the classes.
        least: Fewest images of a class with which it works.
    """

    name: str
    share: float
    subset: bool
    least: int

    @classmethod
    def of(cls, recipe: Shift) -> "Portion":
        """Return what a shift asks for."""
        return cls(recipe.name, recipe.share, recipe.subset, recipe.least)


@dataclass(frozen=True)
class Dealing:
    """How labelled images are dealt out.

    Attributes:
        portions: Of the built-in sets of fresh images, in order.
        added: Of sets of fresh images from outside. Each draws from what those before it leave, too: one more
            at the end changes none.
        seed: Of the split and of the classes of each set.
        pretrain_share: Part of each class for pre-training, in (0, 1).
        val_share: Part of each class for validation, in (0, 1).
        subset_share: Part of the classes that a subset-covering set has, in (0, 1]; at least two classes.

    Raises:
        UserError: A share is out of range.

    Example:
        >>> parts = Dealing.among([]).deal(np.repeat([0, 1], 50), ("a", "b"))
        >>> [len(parts[name]) for name in ("pretrain", "val", "v2")]
        [36, 16, 6]
    """

    portions: tuple[Portion, ...]
    added: tuple[Portion, ...] = ()
    seed: int = 0
    pretrain_share: float = 0.35
    val_share: float = 0.15
    subset_share: float = 0.6

    def __post_init__(self) -> None:
        if not (self.pretrain_share > 0 and self.val_share > 0 and self.pretrain_share + self.val_share < 1):
            given = f"pretrain_share ({self.pretrain_share}) and val_share ({self.val_share})"
            raise UserError(f"{given} must be above 0 and sum to less than 1")
        if not 0 < self.subset_share <= 1:
            raise UserError(f"subset_share must be above 0 and at most 1, not {self.subset_share}")

    @classmethod
    def among(cls, recipes: Iterable[Shift], **settings: Any) -> "Dealing":
        """Return the dealing among the built-in shifts, and those of some shifts that are from outside.

        Args:
            recipes: Any shifts, in order.
            settings: Further fields.
        """
        known = shifts_in_order()
        built_in = tuple(Portion.of(known[name]) for name in BUILT_IN if known[name].source == "fresh")
        outside = (one for one in recipes if one.name not in BUILT_IN and one.source == "fresh")
        return cls(built_in, tuple(map(Portion.of, outside)), **settings)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Dealing":
        """Return what :meth:`to_record` wrote."""
        values = dict(record)
        portions, added = (
            tuple(Portion(*one) for one in values.pop(key, ())) for key in ("portions", "added")
        )
        return cls(portions, added, **values)

    def to_record(self, part: str) -> dict[str, Any]:
        """Return what decides which images a part gets, beside the labels: JSON values.

        Args:
            part: ``pretrain``, ``val`` or the name of a set of fresh images.
        """
        names = [portion.name for portion in self.added]
        before = self.added[: names.index(part) + 1] if part in names else ()
        record: dict[str, Any] = {
            "seed": self.seed,
            "pretrain_share": self.pretrain_share,
            "val_share": self.val_share,
            "subset_share": self.subset_share,
            "portions": [list(astuple(portion)) for portion in self.portions],
        }
        return record | ({"added": [list(astuple(portion)) for portion in before]} if before else {})

    def counts(self, sizes: Sizes, class_names: Sequence[str], copies: int = 0) -> dict[str, dict[int, int]]:
        """Return part -> label -> how many images it gets; images that are left over are used by none.

        Args:
            sizes: Images of each class, without copies.
            class_names: Names by label, for messages.
            copies: How many copies there are beside them, for messages.

        Raises:
            UserError: A class has too few images, or the other sets leave too few for a shift from outside;
                the message has the numbers.
        """
        covered = self._covered(sizes)
        demand = max(sum(p.share for p in self.portions if label in covered[p.name]) for label in sizes)
        # One factor for all classes: where a class is in many sets, every set shrinks, and all stay balanced.
        squeeze = 1 / max(1.0, demand)

        def of_class(label: int, images: int) -> dict[str, int]:
            fresh = self._fresh(images)
            counts = {PRETRAIN: round(images * self.pretrain_share), VAL: round(images * self.val_share)}
            mine = (portion for portion in self.portions if label in covered[portion.name])
            return counts | {portion.name: int(fresh * portion.share * squeeze) for portion in mine}

        # In one order for all classes: a part's images lie behind those of the parts before it.
        parts: dict[str, dict[int, int]] = {
            name: {} for name in (PRETRAIN, VAL, *(portion.name for portion in self.portions))
        }
        left: dict[int, int] = {}
        for label, images in sizes.items():
            self._require(partial(of_class, label), images, class_names[label], copies)
            counts = of_class(label, images)
            left[label] = images - sum(counts.values())
            for part, count in counts.items():
                parts[part][label] = count
        fresh = {label: self._fresh(images) for label, images in sizes.items()}
        for portion in self.added:
            parts[portion.name] = self._from_the_rest(portion, fresh, left, class_names)
            for label, count in parts[portion.name].items():
                left[label] -= count
        return parts

    def deal(
        self,
        labels: NDArray[np.int64],
        class_names: Sequence[str],
        contents: Sequence[Hashable] | None = None,
    ) -> dict[str, NDArray[np.int64]]:
        """Return the positions of each part's images, ascending; parts are disjoint.

        Of images of equal content the first is dealt, and its copies follow it. One of a class that the part
        does not cover is in none.

        Args:
            labels: int64, shape (N,).
            class_names: Names by label.
            contents: What is equal for images of equal content, e.g. a checksum; None: no two are equal.

        Raises:
            UserError: See :meth:`counts`.
        """
        first = _firsts(len(labels), contents)
        lone = first == np.arange(len(labels))
        sizes = sizes_of(labels, contents)
        dealt: dict[str, list[NDArray[np.int64]]] = {}
        parts = self.counts(sizes, class_names, len(labels) - int(lone.sum()))
        for label in sizes:
            members = np.flatnonzero((labels == label) & lone)
            shuffled = generator(self.seed, "split", class_names[label]).permutation(members)
            start = 0
            for part, counts in parts.items():
                if label in counts:
                    dealt.setdefault(part, []).append(shuffled[start : start + counts[label]])
                    start += counts[label]
        return {
            part: np.flatnonzero(np.isin(first, np.concatenate(indices)) & np.isin(labels, list(parts[part])))
            for part, indices in dealt.items()
        }

    def _fresh(self, images: int) -> int:
        """Return how many of a class's images are neither for pre-training nor for validation."""
        return images - round(images * self.pretrain_share) - round(images * self.val_share)

    def _covered(self, classes: Collection[int]) -> dict[str, frozenset[int]]:
        """Return the classes of each built-in set; one that covers a part draws those drawn least so far.

        So every class is in about as many sets, and the fresh images of none are spread thin.
        """
        drawn = dict.fromkeys(classes, 0)
        covered = {}
        for portion in self.portions:
            chosen = frozenset(classes)
            if portion.subset:
                luck = dict(zip(classes, self._luck(portion, len(classes)), strict=True))
                by_need = sorted(classes, key=lambda label: (drawn[label], luck[label]))
                chosen = frozenset(by_need[: self._most_classes(len(classes))])
                drawn |= {label: drawn[label] + 1 for label in chosen}
            covered[portion.name] = chosen
        return covered

    def _luck(self, portion: Portion, classes: int) -> list[int]:
        drawn: list[int] = generator(self.seed, "classes", portion.name).permutation(classes).tolist()
        return drawn

    def _most_classes(self, classes: int) -> int:
        return min(classes, max(2, round(self.subset_share * classes)))

    def _require(
        self, counts: Callable[[int], dict[str, int]], images: int, class_name: str, copies: int
    ) -> None:
        """Raise UserError unless a class's images are enough; says how many would be."""
        least = {PRETRAIN: _LEAST_PRETRAIN, VAL: 1} | {one.name: one.least for one in self.portions}

        def suffices(images: int) -> bool:
            return all(count >= least[part] for part, count in counts(images).items())

        if suffices(images):
            return
        if not suffices(_SEARCH_LIMIT):
            raise UserError(
                f"pretrain_share ({self.pretrain_share}), val_share ({self.val_share}) or what they "
                f"leave is too small: {_SEARCH_LIMIT:,} images of class '{class_name}' are too few"
            )
        needed = next(number for number in range(images + 1, _SEARCH_LIMIT + 1) if suffices(number))
        there = f"{images} image{'s' * (images != 1)}"
        beside = f"; {copies:,} copies of other images do not count" if copies else ""
        raise UserError(f"Class '{class_name}' has {there}, but needs at least {needed} to be split{beside}")

    def _from_the_rest(
        self, portion: Portion, fresh: Sizes, left: Sizes, class_names: Sequence[str]
    ) -> dict[int, int]:
        """Return how many images of each class a set from outside takes of those that are left."""
        wanted = {label: int(images * portion.share) for label, images in fresh.items()}
        needed = max(1, portion.least)
        enough = [label for label in left if needed <= wanted[label] <= left[label]]
        if portion.subset:
            luck = dict(zip(enough, self._luck(portion, len(enough)), strict=True))
            in_turn = sorted(enough, key=lambda label: (-left[label], luck[label]))
            chosen = sorted(in_turn[: self._most_classes(len(left))])
            if len(chosen) >= min(2, len(left)):
                return {label: wanted[label] for label in chosen}
        elif len(enough) == len(left):
            return wanted
        short = min(set(left) - set(enough), key=lambda label: (left[label] - wanted[label], label))
        asked = f"Shift '{portion.name}' takes a share of {portion.share:g} of the fresh images of a class"
        of_class = f"of the {fresh[short]} of class '{class_names[short]}' these are {wanted[short]}"
        if wanted[short] < needed:
            raise UserError(f"{asked}: {of_class}, but it needs at least {needed}")
        classes = f", and only {len(enough)} of {len(left)} classes have enough" if portion.subset else ""
        advice = "" if portion.subset else ", subset=True"
        raise UserError(
            f"{asked}: {of_class}, but the other sets leave {left[short]}{classes}. Give it a smaller share"
            f'{advice}, the source "val", or more images'
        )


def sizes_of(labels: NDArray[np.int64], contents: Sequence[Hashable] | None = None) -> dict[int, int]:
    """Return how many images each label has, by label; of images of equal content the first counts alone.

    Args:
        labels: int64, shape (N,).
        contents: See :meth:`Dealing.deal`.

    Example:
        >>> sizes_of(np.array([0, 1, 1]))
        {0: 1, 1: 2}
        >>> sizes_of(np.array([0, 1, 1]), ["x", "y", "x"])
        {0: 1, 1: 1}
    """
    lone = _firsts(len(labels), contents) == np.arange(len(labels))
    found, place = np.unique(labels, return_inverse=True)
    counts = np.bincount(place[lone], minlength=len(found))
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _firsts(images: int, contents: Sequence[Hashable] | None) -> NDArray[np.int64]:
    """Return for each image the position of the first one of equal content."""
    if contents is None:
        return np.arange(images)
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(one, place) for place, one in enumerate(contents)], dtype=np.int64)
