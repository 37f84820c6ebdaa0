"""A whole benchmark suite from one labelled set: pre-training pool, validation images, derived shifts."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell import __version__
from gridcell.data.folder import read_class_folders
from gridcell.data.folders import open_class_folders
from gridcell.data.image_sets import require_own_folder, write_suite
from gridcell.data.images import LabelledImages, select
from gridcell.data.seeds import generator
from gridcell.data.shifts import Shift, Sources, shifts_in_order
from gridcell.errors import UserError, unknown

_LEAST_PRETRAIN = 2
_SEARCH_LIMIT = 1_000_000

Parameters = Mapping[str, Mapping[str, float]]


def derive(
    base: LabelledImages,
    *,
    seed: int = 0,
    pretrain_share: float = 0.35,
    val_share: float = 0.15,
    subset_share: float = 0.6,
    parameters: Parameters | None = None,
) -> dict[str, LabelledImages]:
    """Split ``base`` and derive the shifted sets.

    Each class is split alike: ``pretrain_share`` for pre-training, ``val_share`` for validation, the rest is
    fresh. Fresh images are dealt out, each to one set at most, among the shifts made from fresh images;
    shifts made from validation images (cartoon, drawing, c) share all of them, as the published sets do.

    Args:
        base: Labelled images of at least 16 px; all classes of its label space.
        seed: Determines the split, the class subsets and every random effect.
        pretrain_share: Part of each class for pre-training, in (0, 1).
        val_share: Part of each class for validation, in (0, 1).
        subset_share: Part of the classes that a subset-covering shift (a, r, objectnet) has, in (0, 1]; at
            least two classes.
        parameters: Per shift, what to set other than its defaults, e.g. ``{"c": {"per_corruption": 4}}``.

    Returns:
        ``pretrain``, ``val``, then every shift by name in its order.

    Raises:
        UserError: A share is out of range, a shift or parameter unknown, an image too small, or a class has
            too few images; the message says how many it needs.

    Example:
        >>> from gridcell.data.digits import load_digits_images
        >>> sets = derive(load_digits_images(16))  # doctest: +SKIP
        >>> list(sets)  # doctest: +SKIP
        ['pretrain', 'val', 'v2', 'a', 'r', 'sketch', 'objectnet', 'cartoon', 'drawing', 'c']
    """
    recipes = shifts_in_order()
    for name, values in (parameters or {}).items():
        if name not in recipes:
            raise unknown("shift", name, recipes)
        recipes[name].check(values)
    _check_shares(pretrain_share, val_share, subset_share)
    if min(base.size) < 16:
        raise UserError(f"set '{base.name}': images of {base.size} are too small; shifts need at least 16 px")
    covered = _class_subsets(base.classes, recipes.values(), subset_share, seed)
    plan = _Plan(pretrain_share, val_share, recipes, covered)
    parts = plan.deal(base, seed)
    sets = {name: select(base, parts[name], name=name) for name in ("pretrain", "val")}
    for name, recipe in recipes.items():
        pool = sets["val"] if recipe.source == "val" else select(base, parts[name], name=name)
        sources = Sources(pool=pool, pretrain=sets["pretrain"])
        sets[name] = recipe(sources, seed=seed, parameters=(parameters or {}).get(name))
    return sets


def derive_folder(
    base_dir: str | Path,
    out_dir: str | Path,
    *,
    size: int = 224,
    seed: int = 0,
    min_images: int = 1,
    replace: bool = True,
    **settings: Any,
) -> dict[str, Any]:
    """Read ``base_dir/<class>/*``, derive the shifts and write them to ``out_dir`` as a suite.

    Args:
        base_dir: A folder of images, one folder per class.
        out_dir: Where to write: absent or empty.
        size: Side of the images in px.
        seed: See :func:`derive`.
        min_images: Classes with fewer images are left out.
        replace: Whether a suite that was written to ``out_dir`` before is replaced whole.
        settings: Any other argument of :func:`derive`.

    Returns:
        The manifest, as written.

    Raises:
        UserError: ``out_dir`` holds something else, or anything that :func:`open_class_folders` or
            :func:`derive` objects to.
    """
    require_own_folder(out_dir, replace=replace)  # before the work rather than after it
    folders = open_class_folders(base_dir, min_images=min_images)
    sets = derive(read_class_folders(folders, size), seed=seed, **settings)
    how = {
        "made_by": f"gridcell.data.derive {__version__}",
        "seed": seed,
        "size": size,
        "min_images": min_images,
        "settings": settings,
        "said": list(folders.said()),
    }
    return write_suite(out_dir, sets, how, replace=replace)


class _Plan:
    """How many images of a class go where."""

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

    def counts(self, label: int, images: int) -> dict[str, int]:
        """Return how many of a class's ``images`` each part gets; what is left over is used by none."""
        pretrain, val = round(images * self.pretrain_share), round(images * self.val_share)
        fresh = images - pretrain - val
        counts = {"pretrain": pretrain, "val": val}
        for name, recipe in self.recipes.items():
            if recipe.source == "fresh" and label in self.covered[name]:
                counts[name] = int(fresh * recipe.share * self.squeeze)
        return counts

    def suffices(self, label: int, images: int) -> bool:
        """Tell whether ``images`` of a class are enough for every part that covers it."""
        counts = self.counts(label, images)
        least = {
            "pretrain": _LEAST_PRETRAIN,
            "val": max(r.least for r in self.recipes.values() if r.source == "val"),
        }
        return all(
            count >= (least[part] if part in least else self.recipes[part].least)
            for part, count in counts.items()
        )

    def deal(self, base: LabelledImages, seed: int) -> dict[str, NDArray[np.int64]]:
        """Return the indices of each part, ascending; parts are disjoint."""
        dealt: dict[str, list[NDArray[np.int64]]] = {}
        for label in base.classes:
            members = np.flatnonzero(base.labels == label)
            class_name = base.class_names[label]
            if not self.suffices(label, len(members)):
                if not self.suffices(label, _SEARCH_LIMIT):
                    raise UserError(
                        f"pretrain_share ({self.pretrain_share}), val_share ({self.val_share}) or what they "
                        f"leave is too small: {_SEARCH_LIMIT:,} images of class '{class_name}' are too few"
                    )
                needed = next(
                    n for n in range(len(members) + 1, _SEARCH_LIMIT + 1) if self.suffices(label, n)
                )
                raise UserError(
                    f"Class '{class_name}' has {len(members)} images, but needs at least {needed} to be split"
                )
            shuffled = generator(seed, "split", class_name).permutation(members)
            start = 0
            for part, count in self.counts(label, len(members)).items():
                dealt.setdefault(part, []).append(shuffled[start : start + count])
                start += count
        return {part: np.sort(np.concatenate(indices)) for part, indices in dealt.items()}


def _check_shares(pretrain_share: float, val_share: float, subset_share: float) -> None:
    if not (pretrain_share > 0 and val_share > 0 and pretrain_share + val_share < 1):
        given = f"pretrain_share ({pretrain_share}) and val_share ({val_share})"
        raise UserError(f"{given} must be above 0 and sum to less than 1")
    if not 0 < subset_share <= 1:
        raise UserError(f"subset_share must be above 0 and at most 1, not {subset_share}")


def _class_subsets(
    classes: tuple[int, ...], recipes: Iterable[Shift], share: float, seed: int
) -> dict[str, frozenset[int]]:
    """Return the classes of each shift; those that cover a part draw the classes drawn least so far.

    So every class is in about as many sets, and the fresh images of none are spread thin.
    """
    count = min(len(classes), max(2, round(share * len(classes))))
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
