"""The registry of data sets: every file of this folder, every entry point, and the user's own files.

A data set is a :class:`~generalization_difficulty.data.kind.DatasetKind` that a module calls ``dataset``.
Another distribution adds one by an entry point of the group ``gridcell.generalization_difficulty.datasets``.
"""

from generalization_difficulty.data.kind import DatasetKind
from gridcell import Registry

registry: Registry[DatasetKind] = Registry(
    __name__,
    "dataset",
    "data set",
    kinds=DatasetKind,
    group="gridcell.generalization_difficulty.datasets",
)

VERSION_OF_SET = "source_version"
"""Key of a cell's data under which a data set's declared version stands, where it isn't 1."""
