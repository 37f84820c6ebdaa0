"""Parts of timm's models, by the names of their parameters."""

from collections.abc import Iterable


def outside_of_blocks(names: Iterable[str]) -> frozenset[str]:
    """Return a vision transformer's parameters outside of its blocks and its patch embedding.

    Of timm's these are class token, position embedding, the norms before and after the blocks, and the head.

    Args:
        names: Of all parameters of a model.

    Returns:
        Some of the names; none for a model that is not made of a patch embedding and blocks.
    """
    known = tuple(names)
    inside = ("blocks.", "patch_embed.")
    if not all(any(name.startswith(part) for name in known) for part in inside):
        return frozenset()
    return frozenset(name for name in known if not name.startswith(inside))
