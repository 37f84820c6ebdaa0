"""How many fragments a memory must hold."""


def check_capacity(capacity: int, environments: int) -> None:
    """Check that a memory of fragments is at least twice the environments, as ``Fragmentation`` needs it.

    Raises:
        ValueError: it can't.
    """
    if capacity < 2 * environments:
        raise ValueError(
            f"{environments} environments need a capacity of at least {2 * environments} fragments, "
            f"not {capacity}"
        )
