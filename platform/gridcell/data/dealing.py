"""How the images of each class are dealt out: to pre-training, validation, and sets of fresh images.

Each part's images depend on the labels, the seed and the shares of the built-in shifts alone. A shift from
outside draws from what these leave, so that it changes no other set.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
class Dealing:
    """How labelled images are dealt out.

    Attributes:
        seed: Of the split and of the classes of each set.
        pretrain_share: Part of each class for pre-training, in (0, 1).
        val_share: Part of each class for validation, in (0, 1).
        subset_share: Part of the classes that a subset-covering shift has, in (0, 1]; at least two classes.
        added: Shifts of fresh images from outside. Each draws from what those before it leave, too: one more
            at the end changes none.

    Raises:
        UserError: A share is out of range.
    """

    seed: int = 0
    pretrain_share: float = 0.35
    val_share: float = 0.15
    subset_share: float = 0.6
    added: tuple[Shift, ...] = ()

    def __post_init__(self) -> None:
        if not (self.pretrain_share > 0 and self.val_share > 0 and self.pretrain_share + self.val_share < 1):
            given = f"pretrain_share ({self.pretrain_share}) and val_share ({self.val_share})"
            raise UserError(f"{given} must be above 0 and sum to less than 1")
        if not 0 < self.subset_share <= 1:
            raise UserError(f"subset_share must be above 0 and at most 1, not {self.subset_share}")

    @cached_property
    def _built_in(self) -> dict[str, Shift]:
        known = shifts_in_order()
        return {name: known[name] for name in BUILT_IN}

    @property
    def _fresh(self) -> list[Shift]:
        return [recipe for recipe in self._built_in.values() if recipe.source == "fresh"]

    def identity(self, part: str) -> dict[str, Any]:
        """Return what decides which images a part gets, beside the labels: JSON values.

        Args:
            part: ``pretrain``, ``val`` or the name of a shift of fresh images.
        """
        names = [recipe.name for recipe in self.added]
        before = self.added[: names.index(part) + 1] if part in names else ()
        return {
            "seed": self.seed,
            "pretrain": self.pretrain_share,
            "val": self.val_share,
            "subset": self.subset_share,
            "shares": [[one.name, one.share, one.subset, one.least] for one in [*self._fresh, *before]],
        }

    def counts(self, sizes: Sizes, class_names: Sequence[str]) -> dict[str, dict[int, int]]:
        """Return part -> label -> how many images it gets; images that are left over are used by none.

        Args:
            sizes: Images of each class.
            class_names: Names by label, for messages.

        Raises:
            UserError: A class has too few images, or the built-in sets leave too few for a shift from outside;
                the message has the numbers.
        """
        plan = _Plan(self.pretrain_share, self.val_share, self._built_in, self._covered(sizes))
        for label, images in sizes.items():
            plan.require(images, label, class_names[label])
        # In one order for all classes: a part's images lie behind those of the parts before it.
        parts: dict[str, dict[int, int]] = {
            name: {} for name in (PRETRAIN, VAL, *(recipe.name for recipe in self._fresh))
        }
        left: dict[int, int] = {}
        for label, images in sizes.items():
            counts = plan.counts(label, images)
            left[label] = images - sum(counts.values())
            for part, count in counts.items():
                parts[part][label] = count
        fresh = {label: plan.fresh(images) for label, images in sizes.items()}
        for recipe in self.added:
            parts[recipe.name] = self._from_the_rest(recipe, fresh, left, class_names)
            for label, count in parts[recipe.name].items():
                left[label] -= count
        return parts

    def deal(self, labels: NDArray[np.int64], class_names: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        """Return the positions of each part's images, ascending; parts are disjoint.

        Args:
            labels: int64, shape (N,).
            class_names: Names by label.

        Raises:
            UserError: See :meth:`counts`.
        """
        sizes = sizes_of(labels)
        dealt: dict[str, list[NDArray[np.int64]]] = {}
        parts = self.counts(sizes, class_names)
        for label in sizes:
            members = np.flatnonzero(labels == label)
            shuffled = generator(self.seed, "split", class_names[label]).permutation(members)
            start = 0
            for part, counts in parts.items():
                if label in counts:
                    dealt.setdefault(part, []).append(shuffled[start : start + counts[label]])
                    start += counts[label]
        return {part: np.sort(np.concatenate(indices)) for part, indices in dealt.items()}

    def _covered(self, sizes: Sizes) -> dict[str, frozenset[int]]:
        return _class_subsets(tuple(sizes), self._built_in.values(), self.subset_share, self.seed)

    def _from_the_rest(
        self, recipe: Shift, fresh: Sizes, left: Sizes, class_names: Sequence[str]
    ) -> dict[int, int]:
        wanted = {label: int(images * recipe.share) for label, images in fresh.items()}
        needed = max(1, recipe.least)
        if recipe.subset:
            enough = [label for label in left if needed <= wanted[label] <= left[label]]
            luck = generator(self.seed, "classes", recipe.name).permutation(len(enough))
            in_turn = sorted(range(len(enough)), key=lambda place: (-left[enough[place]], luck[place]))
            most = _number_of_classes(len(left), self.subset_share)
            chosen = sorted(enough[place] for place in in_turn[:most])
            if len(chosen) >= min(2, len(left)):
                return {label: wanted[label] for label in chosen}
        short = [label for label in left if not needed <= wanted[label] <= left[label]]
        if not short:
            return wanted
        worst = min(short, key=lambda label: (left[label] - wanted[label], label))
        if wanted[worst] < needed:
            raise UserError(
                f"Shift '{recipe.name}' takes a share of {recipe.share:g} of the {fresh[worst]} fresh images of "
                f"class '{class_names[worst]}', which is {wanted[worst]}, but it needs at least {needed}"
            )
        others = "others" if not recipe.subset else f"others, and too few classes have more ({len(left)} in all)"
        raise UserError(
            f"Shift '{recipe.name}' takes {wanted[worst]} fresh images of class '{class_names[worst]}' "
            f"(a share of {recipe.share:g} of {fresh[worst]}), but {left[worst]} are left by the {others}: "
            "give it a smaller share, source \"val\", or more images"
        )


def sizes_of(labels: NDArray[np.int64]) -> dict[int, int]:
    """Return how many images each label has, by label."""
    found, counts = np.unique(labels, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


class _Plan:
    """How many images of a class go where, of the built-in sets."""

    def __init__(
        self,
        pretrain_share: float,
        val_share: float,
        recipes: Mapping[str, Shift],
        covered: Mapping[str, frozenset[int]],
    ) -> None:
        self.pretrain_share, self.val_share = pretrain_share, val_share
        self.recipes, self.covered = recipes, covered
        classes = frozenset().union(*covered.values())
        demand = max(sum(r.share for r in recipes.values() if c in covered[r.name]) for c in classes)
        # One factor for all classes: where a class is in many sets, every set shrinks, and all stay balanced.
        self.squeeze = 1 / max(1.0, demand)

    def fresh(self, images: int) -> int:
        """Return how many of a class's images are neither for pre-training nor for validation."""
        return images - round(images * self.pretrain_share) - round(images * self.val_share)

    def counts(self, label: int, images: int) -> dict[str, int]:
        """Return how many of a class's ``images`` each part gets."""
        counts = {PRETRAIN: round(images * self.pretrain_share), VAL: round(images * self.val_share)}
        for name, recipe in self.recipes.items():
            if recipe.source == "fresh" and label in self.covered[name]:
                counts[name] = int(self.fresh(images) * recipe.share * self.squeeze)
        return counts

    def suffices(self, label: int, images: int) -> bool:
        """Tell whether ``images`` of a class are enough for every part that covers it."""
        least = {
            PRETRAIN: _LEAST_PRETRAIN,
            VAL: max(recipe.least for recipe in self.recipes.values() if recipe.source == "val"),
        }
        return all(
            count >= (least[part] if part in least else self.recipes[part].least)
            for part, count in self.counts(label, images).items()
        )

    def require(self, images: int, label: int, class_name: str) -> None:
        """Raise UserError unless ``images`` of a class are enough; says how many would be."""
        if self.suffices(label, images):
            return
        if not self.suffices(label, _SEARCH_LIMIT):
            raise UserError(
                f"pretrain_share ({self.pretrain_share}), val_share ({self.val_share}) or what they "
                f"leave is too small: {_SEARCH_LIMIT:,} images of class '{class_name}' are too few"
            )
        needed = next(n for n in range(images + 1, _SEARCH_LIMIT + 1) if self.suffices(label, n))
        raise UserError(f"Class '{class_name}' has {images} images, but needs at least {needed} to be split")


def _number_of_classes(classes: int, share: float) -> int:
    return min(classes, max(2, round(share * classes)))


def _class_subsets(
    classes: tuple[int, ...], recipes: Iterable[Shift], share: float, seed: int
) -> dict[str, frozenset[int]]:
    """Return the classes of each shift; those that cover a part draw the classes drawn least so far.

    So every class is in about as many sets, and the fresh images of none are spread thin.
    """
    count = _number_of_classes(len(classes), share)
    drawn = dict.fromkeys(classes, 0)
    subsets: dict[str, frozenset[int]] = {}
    for recipe in recipes:
        if not recipe.subset:
            subsets[recipe.name] = frozenset(classes)
            continue
        luck = generator(seed, "classes", recipe.name).permutation(len(classes))
        by_need = sorted(range(len(classes)), key=lambda place: (drawn[classes[place]], luck[place]))
        chosen = frozenset(classes[place] for place in by_need[:count])
        for label in chosen:
            drawn[label] += 1
        subsets[recipe.name] = chosen
    return subsets
