"""``npz``, ``folder`` and ``shards``: data of the user's own."""

from typing import Any, Literal

from pydantic import Field

from inductive_bias.problems.kind import Labelled, ProblemKind


class Arrays(Labelled):
    """Arrays of points and of labels.

    Attributes:
        path: of the npz file.
        target: what its labels are, where that can't be told.
    """

    path: str
    target: Literal["classes", "numbers"] | None = None


class Images(Labelled):
    """Labelled images.

    Attributes:
        path: of the folder (a folder a class), or the address of the shards of ``gridcell data import``.
        size: side in pixels that images are brought to.
        min_images: of a folder: classes with fewer images are left out.
    """

    path: str
    size: int | None = Field(None, ge=4)
    min_images: int = Field(1, ge=1)


def arrays(location: str, *, target: Any = None) -> Any:
    """Return the pool; see ``sources.from_npz``."""
    from inductive_bias.problems.sources import from_npz

    return from_npz(location, target)


def folder(location: str, *, size: int | None, min_images: int = 1) -> Any:
    """Return the pool; see ``sources.from_folder``."""
    from inductive_bias.problems.sources import from_folder

    return from_folder(location, size, min_images)


def shards(location: str, *, size: int | None) -> Any:
    """Return the pool; see ``sources.from_shards``."""
    from inductive_bias.problems.sources import from_shards

    return from_shards(location, size)


problem = (
    # npz 2: labels may be a column; 3: uint8 is scaled, (N, H, W) and colours last are pictures.
    ProblemKind("npz", arrays, Arrays, version=3, drawn=False, labelled=True, images=True),
    # 2: grey stays grey, 16 bits are scaled, EXIF and transparency are heeded.
    ProblemKind("folder", folder, Images, version=2, drawn=False, labelled=True, images=True),
    ProblemKind("shards", shards, Images, version=2, drawn=False, labelled=True, images=True),
)
