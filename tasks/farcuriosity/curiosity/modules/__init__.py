"""The registry of curiosities: every file of this folder, and every entry point of a plug-in.

A plug-in adds one by an entry point of the group ``gridcell.farcuriosity.curiosities`` that leads to a
:class:`~farcuriosity.curiosity.interface.Kind`.
"""

from farcuriosity.curiosity.interface import Kind
from gridcell import Registry

curiosities: Registry[Kind] = Registry(
    __name__,
    "kind",
    "curiosity",
    plural="curiosities",
    kinds=Kind,
    group="gridcell.farcuriosity.curiosities",
)
get = curiosities.get
