"""How many images a model answers at once."""

MOST = 128
_ON_GPUS = 256
"""A GPU waits for the host between smaller ones: at 128, ResNet-50 was at 0.82 of a bare loop."""

LEAST = 16
"""oneDNN's kernels, and with them the last bits of an answer, are others for fewer than some 16 images."""

_PIXELS = 1 << 20
"""Of a batch on a CPU: some ten times as many bytes are what a layer then gives to the next."""


def images_at_once(device: str, side: int) -> int:
    """Return how many images of a size make a batch that is answered.

    On a GPU 256. On a CPU as many as have a million pixels together, by steps of 16 and between 16 and 128: a
    real network's layers then fit into some 100 MB, which the process keeps and finds again. Answers are the
    same up to rounding.

    Args:
        device: ``cpu`` or ``cuda``.
        side: of the model's images, in px.

    Example:
        >>> images_at_once("cuda", 224), images_at_once("cpu", 224), images_at_once("cpu", 32)
        (256, 16, 128)
    """
    if device != "cpu":
        return _ON_GPUS
    fitting = _PIXELS // side**2
    return max(LEAST, min(MOST, fitting - fitting % LEAST))
