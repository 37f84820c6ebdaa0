"""The registry of hypothesis spaces: every file of this folder, every entry point, and the user's own files.

A space is a :class:`~inductive_bias.spaces.kind.KernelKind` or a
:class:`~inductive_bias.spaces.kind.NetworkKind` that a module calls ``space``. Another distribution adds one
by an entry point of the group ``gridcell.inductive_bias.spaces``.
"""

from gridcell import Registry
from inductive_bias.spaces.kind import KernelKind, NetworkKind, SpaceKind

registry: Registry[SpaceKind] = Registry(
    __name__, "space", "space", kinds=(KernelKind, NetworkKind), group="gridcell.inductive_bias.spaces"
)
