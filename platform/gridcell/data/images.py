"""Labelled images in memory: one value type, its pieces, and its file format."""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gridcell.data.photographs import photographs
from gridcell.errors import CorruptData, UserError

if TYPE_CHECKING:
    from torch import Tensor

    from gridcell.data.batches import Batches
    from gridcell.data.prepare import Prepare


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """A set of colour images of one size, with the class of each; see ``gridcell.data.image_set``.

    Attributes:
        name: What error messages and reports call the set, e.g. ``"r"``.
        images: uint8, shape (N, H, W, 3), RGB, 0..255.
        labels: int64, shape (N,), indices into ``class_names`` (the whole label space, not the subset).
        classes: The classes the set covers, ascending; a task restricts its logits to these.
        class_names: Names of the whole label space; position = label.
        groups: Names of the parts of the set, e.g. ``("fog/1", "fog/2")``; empty where it has none.
        group_of: int64, shape (N,), index into ``groups`` per image; None where the set has no groups.

    Raises:
        UserError: An array has the wrong shape or dtype, a label is outside ``classes``, or a class of
            ``classes`` has no image.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[int, ...]
    class_names: tuple[str, ...]
    groups: tuple[str, ...] = ()
    group_of: NDArray[np.int64] | None = None
    alternatives: ClassVar[Mapping[int, tuple[int, ...]]] = MappingProxyType({})

    def __post_init__(self) -> None:
        self._check_arrays()
        self._check_classes()
        self._check_groups()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def photographs(self) -> NDArray[np.int64] | None:
        """Numbers that are equal for images of one photograph; see ``gridcell.data.photographs``."""
        return photographs(self.labels, self.group_of)

    def select(self, indices: ArrayLike) -> "LabelledImages":
        """Return the images at ``indices``; see :func:`select`."""
        return select(self, indices)

    def training_batches(
        self,
        batch_size: int,
        prepare: "Prepare",
        *,
        seed: int,
        beside: "Tensor | None" = None,
        **parts: Any,
    ) -> "Batches":
        """Return shuffled batches of images, as they are, and labels, or labels and what is beside them."""
        from gridcell.data.batches import Batches

        targets = self.labels if beside is None else (self.labels, beside)
        return Batches(self.images, targets, batch_size=batch_size, seed=seed, **parts)

    def training_values(self, values: "Tensor", batch_size: int, *, seed: int, **parts: Any) -> "Batches":
        """Return shuffled batches of values, shape (N, ...), and labels."""
        from gridcell.data.batches import Batches

        return Batches(values, self.labels, batch_size=batch_size, seed=seed, **parts)

    def evaluation_batches(
        self, batch_size: int, prepare: "Prepare", share: range | None = None
    ) -> "Batches":
        """Return batches of images, as they are, and labels, each image once."""
        from gridcell.data.batches import Batches

        own = slice(None) if share is None else slice(share.start, share.stop)
        return Batches(self.images[own], self.labels[own], batch_size=batch_size, shuffle=False)

    def pixels(self, prepare: "Prepare") -> "Tensor":
        """Return the images as they are, uint8 of shape (N, H, W, 3)."""
        import torch

        return torch.from_numpy(self.images)

    def _check_arrays(self) -> None:
        if self.images.ndim != 4 or self.images.shape[3] != 3 or self.images.dtype != np.uint8:
            raise UserError(
                f"set '{self.name}': images must be uint8 of shape (N, H, W, 3), "
                f"not {self.images.dtype} of shape {self.images.shape}"
            )
        if self.labels.shape != (len(self.images),) or self.labels.dtype != np.int64:
            raise UserError(
                f"set '{self.name}': labels must be int64 of shape ({len(self.images)},), "
                f"not {self.labels.dtype} of shape {self.labels.shape}"
            )

    def _check_classes(self) -> None:
        if list(self.classes) != sorted(set(self.classes)):
            raise UserError(f"set '{self.name}': classes must ascend without repeats")
        outside = [c for c in self.classes if not 0 <= c < len(self.class_names)]
        if outside:
            raise UserError(
                f"set '{self.name}': class {outside[0]} is not among {len(self.class_names)} names"
            )
        present = set(np.unique(self.labels).tolist())
        stray = sorted(present - set(self.classes))
        if stray:
            raise UserError(
                f"set '{self.name}' has an image labelled {stray[0]}, which is not in its classes"
            )
        missing = [c for c in self.classes if c not in present]
        if missing:
            raise UserError(f"set '{self.name}' has no image of class '{self.class_names[missing[0]]}'")

    def _check_groups(self) -> None:
        if (self.group_of is None) != (not self.groups):
            raise UserError(f"set '{self.name}': groups and group_of go together")
        if self.group_of is None:
            return
        if self.group_of.shape != (len(self.images),) or self.group_of.dtype != np.int64:
            raise UserError(f"set '{self.name}': group_of must be int64 of shape ({len(self.images)},)")
        if len(self.group_of) and not 0 <= self.group_of.min() <= self.group_of.max() < len(self.groups):
            raise UserError(f"set '{self.name}': group_of points outside its {len(self.groups)} groups")


def select(labelled: LabelledImages, indices: ArrayLike, *, name: str | None = None) -> LabelledImages:
    """Return the images at ``indices``, in that order; the classes are those that have an image there.

    Args:
        labelled: The set to take from.
        indices: Integer positions, shape (M,); repeats allowed.
        name: Name of the new set; the old one's where left out.
    """
    index = np.asarray(indices, dtype=np.int64)
    labels = labelled.labels[index]
    return replace(
        labelled,
        name=labelled.name if name is None else name,
        images=labelled.images[index],
        labels=labels,
        classes=tuple(np.unique(labels).tolist()),
        group_of=None if labelled.group_of is None else labelled.group_of[index],
    )


def concatenate(parts: Sequence[LabelledImages], *, name: str) -> LabelledImages:
    """Join sets of one label space and one image size, in order.

    Groups survive where every part has them; parts without groups can't be told apart afterwards.

    Raises:
        UserError: No parts; or sizes, label spaces or the presence of groups differ.

    Example:
        >>> from gridcell.data.digits import load_digits_images
        >>> digits = load_digits_images(16)
        >>> len(concatenate([digits, digits], name="twice"))
        3594
    """
    if not parts:
        raise UserError(f"set '{name}': nothing to concatenate")
    first = parts[0]
    for part in parts[1:]:
        if part.size != first.size:
            raise UserError(
                f"sets '{first.name}' {first.size} and '{part.name}' {part.size} differ in image size"
            )
        if part.class_names != first.class_names:
            raise UserError(f"sets '{first.name}' and '{part.name}' have different label spaces")
        if bool(part.groups) != bool(first.groups):
            raise UserError(f"only one of the sets '{first.name}' and '{part.name}' has groups")
    groups = tuple(dict.fromkeys(group for part in parts for group in part.groups))
    place = {group: index for index, group in enumerate(groups)}
    group_of = [
        np.array([place[group] for group in part.groups], dtype=np.int64)[part.group_of]
        for part in parts
        if part.group_of is not None
    ]
    return LabelledImages(
        name=name,
        images=np.concatenate([part.images for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        classes=tuple(sorted({c for part in parts for c in part.classes})),
        class_names=first.class_names,
        groups=groups,
        group_of=np.concatenate(group_of) if group_of else None,
    )


def content_digest(labelled: LabelledImages) -> str:
    """Return the SHA-256 of what a set holds: pixels, labels, class names and groups, not its own name.

    Example:
        >>> from gridcell.data import load_digits_images
        >>> digits = load_digits_images(8)
        >>> content_digest(digits) == content_digest(digits.select(range(len(digits))))
        True
    """
    about = Described(
        labelled.labels, labelled.classes, labelled.class_names, labelled.groups, labelled.group_of
    )
    return about.digest(labelled.images.shape[1:], (np.ascontiguousarray(labelled.images).data,))


@dataclass(frozen=True, eq=False)
class Described:
    """What is known of a set beside its pixels; the fields are those of :class:`LabelledImages`."""

    labels: NDArray[np.int64]
    classes: tuple[int, ...]
    class_names: tuple[str, ...]
    groups: tuple[str, ...]
    group_of: NDArray[np.int64] | None

    def digest(self, shape: tuple[int, ...], pixels: Iterable[bytes | memoryview]) -> str:
        """Return :func:`content_digest` of the set.

        Args:
            shape: Of an image.
            pixels: Of all images, in order, in pieces of any size.
        """
        digest = hashlib.sha256()
        about = [(len(self.labels), *shape), self.classes, self.class_names, self.groups]
        digest.update(json.dumps(about).encode())
        for part in pixels:
            digest.update(part)
        digest.update(self.labels.astype("<i8").tobytes())
        if self.group_of is not None:
            digest.update(self.group_of.astype("<i8").tobytes())
        return digest.hexdigest()


def save_npz(path: str | Path, sets: Mapping[str, LabelledImages]) -> None:
    """Write sets to one uncompressed ``.npz``, under a temporary name first.

    The same sets give the same bytes on every run and machine: numpy dates all members 1980, and leaving
    out compression keeps the zlib version from showing.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from gridcell.data.digits import load_digits_images
        >>> with TemporaryDirectory() as folder:
        ...     save_npz(f"{folder}/sets.npz", {"digits": load_digits_images(8)})
        ...     list(load_npz(f"{folder}/sets.npz"))
        ['digits']
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    index = {
        key: {
            "name": value.name,
            "classes": value.classes,
            "class_names": value.class_names,
            "groups": value.groups,
        }
        for key, value in sets.items()
    }
    arrays: dict[str, NDArray[Any]] = {"index": np.array(json.dumps(index, sort_keys=True))}
    for number, key in enumerate(sorted(sets)):
        arrays[f"images_{number}"] = sets[key].images
        arrays[f"labels_{number}"] = sets[key].labels
        group_of = sets[key].group_of
        if group_of is not None:
            arrays[f"group_of_{number}"] = group_of
    partial = target.with_name(f".{target.name}.partial")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    partial.replace(target)


def load_npz(path: str | Path) -> dict[str, LabelledImages]:
    """Read what :func:`save_npz` wrote, without unpickling anything.

    Raises:
        CorruptData: The file is not such an archive, or is damaged.
        FileNotFoundError: There is no file.

    Example:
        >>> load_npz("sets.npz")["v2"].images.shape  # doctest: +SKIP
        (165, 32, 32, 3)
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        index = json.loads(str(arrays["index"]))
        return {
            key: LabelledImages(
                name=index[key]["name"],
                images=arrays[f"images_{number}"],
                labels=arrays[f"labels_{number}"],
                classes=tuple(index[key]["classes"]),
                class_names=tuple(index[key]["class_names"]),
                groups=tuple(index[key]["groups"]),
                group_of=arrays.get(f"group_of_{number}"),
            )
            for number, key in enumerate(sorted(index))
        }
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError, OSError, UserError) as error:
        raise CorruptData(f"{path} is not a set of labelled images: {error}") from error
