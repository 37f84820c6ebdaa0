"""A whole benchmark suite from one labelled set: pre-training pool, validation images, derived shifts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridcell import __version__
from gridcell.data.chosen_parameters import chosen_parameters
from gridcell.data.dealing import PRETRAIN, VAL, Dealing
from gridcell.data.folder import read_class_folders
from gridcell.data.folders import open_class_folders
from gridcell.data.image_sets import require_own_folder, write_suite
from gridcell.data.images import LabelledImages, select
from gridcell.data.shifts import Sources, shifts_in_order
from gridcell.errors import UserError, unknown

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
    fresh. Fresh images are dealt out, each to one set at most, among the built-in shifts made from fresh
    images; shifts from outside take theirs from what is left. Shifts made from validation images (cartoon,
    drawing, c) share all of them, as the published sets do.

    Args:
        base: Labelled images of at least 16 px; all classes of its label space.
        seed: Determines the split, the class subsets and every random effect.
        pretrain_share: Part of each class for pre-training, in (0, 1).
        val_share: Part of each class for validation, in (0, 1).
        subset_share: Part of the classes that a subset-covering shift (a, r, objectnet) has, in (0, 1]; at
            least two classes.
        parameters: Per shift, what to set other than its defaults, e.g. ``{"c": {"per_corruption": 4}}``;
            what :func:`chosen_parameters` chooses where this one's default can't be.

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
    if min(base.size) < 16:
        raise UserError(f"set '{base.name}': images of {base.size} are too small; shifts need at least 16 px")
    shares = {"pretrain_share": pretrain_share, "val_share": val_share, "subset_share": subset_share}
    dealing = Dealing.among(recipes.values(), seed=seed, **shares)
    parts = dealing.deal(base.labels, base.class_names)
    chosen, _ = chosen_parameters(len(base.classes), len(parts[VAL]), parameters)
    sets = {name: select(base, parts[name], name=name) for name in (PRETRAIN, VAL)}
    for name, recipe in recipes.items():
        pool = sets[VAL] if recipe.source == "val" else select(base, parts[name], name=name)
        sources = Sources(pool, sets[PRETRAIN] if recipe.pretrain else None)
        sets[name] = recipe(sources, seed=seed, parameters=chosen.get(name))
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
    val = sets[VAL]
    _, said = chosen_parameters(len(val.classes), len(val), settings.get("parameters"))
    how = {
        "made_by": f"gridcell.data.derive {__version__}",
        "seed": seed,
        "size": size,
        "min_images": min_images,
        "settings": settings,
        "said": [*folders.said(), *said],
    }
    return write_suite(out_dir, sets, how, replace=replace)
