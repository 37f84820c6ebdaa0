"""What a corruption is, how the modules of this package are found, and how one is applied."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridcell.data.corruptions.severity import SEVERITIES, check_severity
from gridcell.data.pixels import Bytes, Floats, to_bytes, to_float
from gridcell.data.seeds import image_generator
from gridcell.errors import UserError
from gridcell.registry import Registry, version_of


@dataclass(frozen=True)
class Corruption:
    """One way to spoil an image.

    Attributes:
        name: As in ImageNet-C, e.g. ``"gaussian_noise"``.
        family: ``"noise"``, ``"blur"``, ``"weather"`` or ``"digital"``.
        apply: ``(images, severity, rng) -> images``: float32 in [0, 1] of shape (N, H, W, 3), severity
            1..5; what is random is drawn per image. May overshoot [0, 1]; callers clip.
        version: Of what it does. Raise it where that changes: sets with it are made anew.
    """

    name: str
    family: str
    apply: Callable[[Floats, int, np.random.Generator], Floats]
    version: int = 1

    def __call__(self, images: Floats, severity: int, rng: np.random.Generator) -> Floats:
        """Return the corrupted images, clipped to [0, 1], same shape, float32.

        Raises:
            UserError: Severity is not 1..5, or what ``apply`` gives is no such image: of another shape, no
                floats, or not finite, which would be some colour once it is clipped and written.
        """
        check_severity(severity)
        shape = images.shape  # asked before: apply can change what it is given
        try:
            spoilt: object = self.apply(images, severity, rng)
        except Exception as error:  # its author's: with the traceback, which lacks the severity
            error.add_note(f"This is the corruption '{self.name}' at severity {severity}.")
            raise
        if why := _no_images(spoilt, shape):
            raise UserError(f"The corruption '{self.name}' gives at severity {severity} {why}")
        return np.clip(np.asarray(spoilt), 0, 1).astype(np.float32)


def _no_images(given: object, shape: tuple[int, ...]) -> str:
    """Say why what a corruption gives can't be its images; empty where it can."""
    if not isinstance(given, np.ndarray):
        return f"a {type(given).__name__}, not images"
    if given.shape != shape:
        return f"images of shape {given.shape}, not {shape}"
    if not np.issubdtype(given.dtype, np.floating):
        return f"pixels of {given.dtype}, not floats in [0, 1]"
    wrong = int(np.count_nonzero(~np.isfinite(given)))
    return f"pixels that are not finite ({wrong} of {given.size})" if wrong else ""


corruption_registry: Registry[Corruption] = Registry(
    __package__ or "", "CORRUPTIONS", "corruption", kinds=Corruption, group="gridcell.corruptions"
)


def all_corruptions() -> dict[str, Corruption]:
    """Return all corruptions by name: the ``CORRUPTIONS`` of every module in this package.

    Example:
        >>> "gaussian_noise" in all_corruptions()
        True
    """
    return corruption_registry.all


def corruption(name: str) -> Corruption:
    """Return the corruption called ``name``.

    Raises:
        UserError: There is none; the message names the nearest.
    """
    return corruption_registry.get(name)


def added_corruptions() -> dict[str, int]:
    """Return name -> version of the corruptions that set ``c`` shows beyond those of this package.

    Those of this package are among them where their version isn't 1. It belongs to the identity of whatever
    holds a derived set ``c``; empty where no plug-in adds a corruption.

    Example:
        >>> added_corruptions()
        {}
    """
    own = f"{__package__}."
    return {
        name: version_of(part).get("version", 1)
        for name, part in all_corruptions().items()
        if version_of(part) or not corruption_registry.module_of(name).startswith(own)
    }


def pair_names() -> tuple[str, ...]:
    """Return ``"name/severity"`` for every corruption and severity, e.g. ``"fog/3"``, in a fixed order."""
    return tuple(f"{name}/{severity}" for name in sorted(all_corruptions()) for severity in SEVERITIES)


def corrupt(images: Bytes, name: str, severity: int, seed: int) -> Bytes:
    """Return corrupted copies of uint8 images.

    Each image's randomness comes from ``seed``, the corruption, the severity and the image's own pixels:
    the result for an image doesn't depend on its position or on the other images.

    Args:
        images: uint8, shape (N, H, W, 3).
        name: Name of a corruption.
        severity: 1..5.
        seed: Any integer.

    Raises:
        UserError: Unknown name or severity, or images of another shape or dtype.
    """
    chosen = corruption(name)
    check_severity(severity)
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise UserError(f"corrupt() takes uint8 of shape (N, H, W, 3), not {images.dtype} of {images.shape}")
    spoilt = np.empty_like(images)
    for number, image in enumerate(images):
        rng = image_generator(seed, image, "corruption", name, severity)
        spoilt[number] = to_bytes(chosen(to_float(image)[None], severity, rng))[0]
    return spoilt
