"""Random generators whose state depends on what is drawn for, never on what was drawn before."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return the generator that belongs to ``seed`` and a purpose, e.g. ``generator(0, "split", "r")``.

    The parts are hashed with SHA-256, so that neighbouring seeds and similar purposes give unrelated streams,
    the same on every machine and in every process.

    Example:
        >>> one, other = generator(0, "split", "r"), generator(0, "split", "r")
        >>> bool(one.integers(100) == other.integers(100))
        True
    """
    digest = hashlib.sha256(repr((int(seed), *purpose)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def image_generator(seed: int, image: NDArray[Any], *purpose: str | int) -> np.random.Generator:
    """Return the generator that belongs to one image by its content.

    An image gets the same random effect wherever it stands in a set and whatever stands next to it; so a
    set can be derived in parts, in any order, and equals the whole.

    Args:
        seed: The user's seed.
        image: Pixels of one image, any shape and dtype.
        purpose: What is drawn for, e.g. a corruption's name and severity.
    """
    content = hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()
    return generator(seed, "image", content, *purpose)
