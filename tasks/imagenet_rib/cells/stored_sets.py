"""The sets that data cells left, as other cells and the report read them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from gridcell import Context
from gridcell.data import LabelledSet, load_npz
from imagenet_rib.grid.input_names import DATA, is_data, set_uri

SET = "set.npz"
INDEX = "index.npz"


@lru_cache(maxsize=32)
def read_file(
    path: Path, modified_ns: int, root: str | None = None, loaders: int = 0
) -> Mapping[str, LabelledSet]:
    """Return the set in a data cell's file, by its name.

    Args:
        path: the file.
        modified_ns: when it was written: another file under the same name is read again.
        root: where the images of a published set are.
        loaders: processes that read them.
    """
    if path.name != INDEX:
        return load_npz(path)
    from gridcell.data import load_index

    one = load_index(path)
    return {one.name: replace(one, uri=set_uri(root, one.name) if root else None, loaders=loaders)}


def read_sets(context: Context) -> dict[str, LabelledSet]:
    """Return the sets that a cell needs, by name."""
    root, loaders = context.locations.get(DATA), context.cell.resources.cpus - 1
    sets: dict[str, LabelledSet] = {}
    for role in filter(is_data, context.cell.needs):
        (file,) = context.need(role).answered
        path = context.artifact(role, file)
        sets |= read_file(path, path.stat().st_mtime_ns, root, loaders)
    return sets
