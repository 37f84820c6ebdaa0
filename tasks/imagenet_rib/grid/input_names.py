"""In which roles cells need the cells that hold sets of images."""

DATA = "data"
"""The role of the cell that holds all sets, the beginning of the roles of those that hold one each, and the
name of the location of images that no cell holds."""

OBJECTNET = "objectnet"
"""The set whose right answers can be told in two ways, and the key by which a cell says which."""


HELD_OUT = "held_out"
"""The key by which a cell of a search says which part of a set is held out: ``share`` and ``seed``."""


def data_role(name: str) -> str:
    """Return the role of the cell that stands for one published set."""
    return f"{DATA} {name}"


def is_data(role: str) -> bool:
    """Tell whether a cell needed in this role gives sets."""
    return role.partition(" ")[0] == DATA
