"""In which roles cells need the cells that hold sets of images, and where sets lie that no cell holds."""

DATA = "data"
"""How the roles of the cells that hold a set each begin, and the name of the location of the images."""

OBJECTNET = "objectnet"
"""The set whose right answers can be told in two ways, and the key by which a cell says which."""


HELD_OUT = "held_out"
"""The key by which a cell of a search says which part of a set is held out: ``share`` and ``seed``."""


def data_role(name: str) -> str:
    """Return the role of the cell that stands for a set."""
    return f"{DATA} {name}"


def is_data(role: str) -> bool:
    """Tell whether a cell needed in this role gives sets."""
    return role.partition(" ")[0] == DATA


def set_uri(root: str, name: str) -> str:
    """Return where a set is below the folder of all sets."""
    return f"{root.rstrip('/')}/{name}"
