"""A whole benchmark suite from one labelled set: pre-training pool, validation images, derived shifts."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace as replace_fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gridcell import __version__
from gridcell.data.chosen_parameters import chosen_parameters
from gridcell.data.dealing import PRETRAIN, VAL, Dealing
from gridcell.data.folder import FolderReader
from gridcell.data.folders import ClassFolders, open_class_folders, require_outside
from gridcell.data.folders.decode import Unreadable, UnreadableImages, unreadable
from gridcell.data.image_sets import require_own_folder, write_suite
from gridcell.data.images import LabelledImages, concatenate, select
from gridcell.data.shifts import Pool, Shift, shifts_in_order
from gridcell.errors import UserError, unknown

Parameters = Mapping[str, Mapping[str, float]]
OnCorrupt = Literal["fail", "skip"]

_LEAST_SIZE = 16  # px
_SKIP = "--on-corrupt skip leaves such images out"
_SHARES = {"pretrain_share": 0.35, "val_share": 0.15, "subset_share": 0.6}


def derive(
    base: LabelledImages,
    *,
    seed: int = 0,
    pretrain_share: float = _SHARES["pretrain_share"],
    val_share: float = _SHARES["val_share"],
    subset_share: float = _SHARES["subset_share"],
    parameters: Parameters | None = None,
) -> dict[str, LabelledImages]:
    """Split ``base`` and derive the shifted sets.

    Each class is split alike: ``pretrain_share`` for pre-training, ``val_share`` for validation, the rest is
    fresh. Fresh images are dealt out, each to one set at most, among the built-in shifts made from fresh
    images; shifts from outside take theirs from what is left. Shifts made from validation images (cartoon,
    drawing, c) share all of them, as the published sets do. Images of equal pixels are dealt as one.

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
    if min(base.size) < _LEAST_SIZE:
        raise UserError(_too_small(f"set '{base.name}': images of {base.size}"))
    shares = {"pretrain_share": pretrain_share, "val_share": val_share, "subset_share": subset_share}
    contents = [hashlib.sha256(image.tobytes()).digest() for image in base.images]
    derivation = _Derivation.of(
        base.labels, base.class_names, contents, seed=seed, parameters=parameters, **shares
    )
    sets = derivation.sets(lambda name, positions: select(base, positions, name=name))
    return {name: concatenate(list(pieces), name=name) for name, pieces in sets}


Read = Callable[[str, NDArray[np.int64]], LabelledImages]
"""Returns the images at some positions, in that order, as a set of that name."""


@dataclass(frozen=True)
class _Derivation:
    """How sets are derived from labelled images, known before an image is read.

    Attributes:
        recipes: Shift by name, in their order.
        labels: Of all images, int64, shape (N,).
        class_names: Names of the whole label space.
        parts: Set -> positions of the images that it is dealt.
        seed: Of the split and every random effect.
        parameters: Per shift, what is set other than its defaults.
        said: What was chosen where nothing was given.
    """

    recipes: Mapping[str, Shift]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    parts: Mapping[str, NDArray[np.int64]]
    seed: int
    parameters: Parameters
    said: tuple[str, ...]

    @classmethod
    def of(
        cls,
        labels: NDArray[np.int64],
        class_names: Sequence[str],
        contents: Sequence[Hashable],
        *,
        seed: int,
        parameters: Parameters | None = None,
        **shares: float,
    ) -> "_Derivation":
        """Deal the images; arguments and errors as for :meth:`Dealing.deal` and :func:`derive`."""
        recipes = shifts_in_order()
        for name, values in (parameters or {}).items():
            if name not in recipes:
                raise unknown("shift", name, recipes)
            recipes[name].check(values)
        parts = Dealing.among(recipes.values(), seed=seed, **shares).deal(labels, class_names, contents)
        chosen, said = chosen_parameters(len(np.unique(labels)), len(parts[VAL]), parameters)
        deal = cls(recipes, labels, tuple(class_names), parts, seed, chosen, said)
        return replace_fields(deal, said=(*deal._said_of_copies(contents), *deal._said_of_unused(), *said))

    @property
    def unused(self) -> NDArray[np.int64]:
        """Positions of the images that no set was dealt."""
        return np.setdiff1d(np.arange(len(self.labels)), np.concatenate(list(self.parts.values())))

    def _said_of_copies(self, contents: Sequence[Hashable]) -> Iterator[str]:
        copies = len(contents) - len(set(contents))
        if not copies:
            return
        # Else a copy that no set has is of an image that is left over, and is left over with it.
        used = {contents[place] for part in self.parts.values() for place in part}
        apart = sum(contents[place] in used for place in self.unused)
        are = "image is a copy of another" if copies == 1 else "images are copies of others"
        yield f"{copies:,} {are}: each is dealt to the set of the image that it copies"
        if apart:
            is_in = "1 of them is" if apart == 1 else f"{apart:,} of them are"
            yield f"{is_in} in no set, as the set of the image that is copied does not cover the copy's class"

    def _said_of_unused(self) -> Iterator[str]:
        if len(self.unused):
            yield (
                f"{len(self.unused):,} of {len(self.labels):,} images are in no set: each set takes a share "
                "of a class's images, and these are left over"
            )

    def sets(self, read: Read) -> Iterator[tuple[str, Iterable[LabelledImages]]]:
        """Yield the sets by name, each in pieces that are made when they are asked for."""
        for name in (PRETRAIN, VAL):
            yield name, self._pool(name, read).pieces()
        for name, recipe in self.recipes.items():
            pool = self._pool(VAL if recipe.source == "val" else name, read)
            pretrain = self._pool(PRETRAIN, read) if recipe.pretrain else None
            yield name, recipe.in_pieces(pool, pretrain, seed=self.seed, parameters=self.parameters.get(name))

    def _pool(self, name: str, read: Read) -> Pool:
        part = self.parts[name]
        return Pool(self.labels[part], self.class_names, lambda positions: read(name, part[positions]))


def _too_small(what: str) -> str:
    return f"{what} are too small; shifts need at least {_LEAST_SIZE} px"


def derive_folder(
    base_dir: str | Path,
    out_dir: str | Path,
    *,
    size: int = 224,
    seed: int = 0,
    min_images: int = 1,
    replace: bool = True,
    on_corrupt: OnCorrupt = "fail",
    **settings: Any,
) -> dict[str, Any]:
    """Read ``base_dir/<class>/*``, derive the shifts and write them to ``out_dir`` as a suite.

    The sets are made one after another and in pieces of some hundred images, which are written before the
    next ones are read. Memory does not grow with the number of images, but for shifts from outside that have
    no ``pieces``. Files of equal bytes are dealt as one; one of other bytes with the same pixels is another
    image here, as finding it would decode all of them once more.

    Args:
        base_dir: A folder of images, one folder per class.
        out_dir: Where to write: absent or empty.
        size: Side of the images in px.
        seed: See :func:`derive`.
        min_images: Classes with fewer images are left out.
        replace: Whether a suite that was written to ``out_dir`` before is replaced whole.
        on_corrupt: What images that can't be read do: stop it, all of them named; or are left out and
            recorded, for which each image is decoded once more.
        settings: Any other argument of :func:`derive`.

    Returns:
        The manifest, as written. Its ``how`` has ``corrupt`` (name of an image that was left out -> why it
        can't be read; absent if none was), ``said``, sentences on what was left out, converted or
        chosen, and ``dealt``: set -> how many of the images it was made from that no other set has.

    Raises:
        UserError: ``out_dir`` holds something else, lies in ``base_dir`` or holds it, or anything that
            :func:`open_class_folders` or :func:`derive` objects to.
    """
    require_outside(out_dir, base_dir)
    if Path(base_dir).expanduser().resolve().is_relative_to(Path(out_dir).expanduser().resolve()):
        raise UserError(f"{base_dir} lies in {out_dir}, which is written: choose another folder")
    require_own_folder(out_dir, replace=replace)  # before the work rather than after it
    folders = _opened(base_dir, min_images, on_corrupt)
    if size < _LEAST_SIZE:
        raise UserError(_too_small(f"Images of {size} px"))
    reader = FolderReader(folders, size)
    derivation = _Derivation.of(
        reader.labels, folders.class_names, reader.checksums, **{**_SHARES, **settings, "seed": seed}
    )

    def read(name: str, positions: NDArray[np.int64]) -> LabelledImages:
        return replace_fields(reader.read(positions), name=name)

    how = {
        "made_by": f"gridcell.data.derive {__version__}",
        "seed": seed,
        "size": size,
        "min_images": min_images,
        "settings": settings,
        "said": [*folders.said(size=size), *derivation.said],
        "dealt": {name: len(part) for name, part in derivation.parts.items()},
        **({"corrupt": dict(folders.left_out.corrupt)} if folders.left_out.corrupt else {}),
    }
    try:
        reader.check(derivation.unused)  # else a damaged image stops it with one seed and not with another
        return write_suite(out_dir, derivation.sets(read), how, replace=replace)
    except UnreadableImages as error:
        raise unreadable(error.errors, _SKIP) from error


def _opened(base_dir: str | Path, min_images: int, on_corrupt: OnCorrupt) -> ClassFolders:
    try:
        return open_class_folders(base_dir, min_images=min_images, skip_corrupt=on_corrupt == "skip")
    except UnreadableImages as error:  # known by their headers; what decoding alone finds is named with them
        whole = open_class_folders(base_dir, skip_corrupt=True)
        found = [Unreadable(str(whole.root / name), why) for name, why in whole.left_out.corrupt.items()]
        raise unreadable(found, _SKIP) from error
