"""What a derived shift is, and how the modules of this package are found."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridcell.data.corruptions.severity import is_small
from gridcell.data.images import LabelledImages
from gridcell.data.pixels import Floats, to_bytes, to_float
from gridcell.data.seeds import image_generator
from gridcell.data.shifts.pieces import Pool
from gridcell.errors import UserError, unknown
from gridcell.registry import Registry

BUILT_IN = ("v2", "a", "r", "sketch", "objectnet", "cartoon", "drawing", "c")
"""The benchmark's sets, in the paper's order. Fresh images are shared out among these alone."""

_LAST = 100


@dataclass(frozen=True)
class Sources:
    """What a shift is made from.

    Attributes:
        pool: The images to derive from; the result's classes are the pool's.
        pretrain: The images a model is pre-trained on, for shifts that need to know what such a model finds
            hard; never part of the result. None for a shift that does not say that it looks at them.
    """

    pool: LabelledImages
    pretrain: LabelledImages | None = None


Make = Callable[[Sources, int, Mapping[str, float]], LabelledImages]
Pieces = Callable[[Pool, Pool | None, int, Mapping[str, float]], Iterator[LabelledImages]]


@dataclass(frozen=True)
class Shift:
    """A recipe that derives one set from others.

    Attributes:
        name: Key of the derived set.
        about: What its images are, in a few words.
        source: ``"fresh"``: from images of its own that no other set uses; ``"val"``: from the
            validation images, as ImageNet-C, -Cartoon and -Drawing are.
        make: ``(sources, seed, parameters) -> set``, deterministic, named ``name``.
        order: Place among the sets; ties go by name.
        share: Share of each class's fresh images that it takes; 0 where ``source`` is ``"val"``. A shift that
            is not :data:`BUILT_IN` takes them from those that the built-in ones leave.
        subset: Whether the set covers only a part of the classes.
        parameters: Names and defaults of what a user may set.
        least: Fewest images of a class in the pool with which it works.
        validate: Given all parameters, finite numbers, raises UserError where one is out of its range.
        pretrain: Whether it looks at the images that models are pre-trained on.
        version: Of what it does. Raise it where that changes: sets with it are made anew.
        pieces: ``(pool, pretrain, seed, parameters) -> pieces of the set``, one after another the set that
            ``make`` returns, of pools that are read piece by piece (:class:`Pool`). Without it, all images
            that the shift is made from are held in memory. :func:`image_by_image` makes it of a ``make`` that
            treats each image by itself.

    Example:
        >>> Shift("grey", "grey images", "val", lambda sources, seed, parameters: sources.pool).order
        100
    """

    name: str
    about: str
    source: Literal["fresh", "val"]
    make: Make
    order: int = _LAST
    share: float = 0.0
    subset: bool = False
    parameters: Mapping[str, float] = field(default_factory=dict)
    least: int = 1
    validate: Callable[[Mapping[str, float]], object] | None = None
    pretrain: bool = False
    version: int = 1
    pieces: Pieces | None = None

    def __post_init__(self) -> None:
        if self.name in ("pretrain", "val"):
            raise UserError(f"A shift can't be called '{self.name}': that is a set of every suite")
        if self.source not in ("fresh", "val"):
            raise UserError(
                f'The source of shift \'{self.name}\' must be "fresh" or "val", not {self.source!r}'
            )
        if self.source == "fresh" and not 0 < self.share <= 1:
            raise UserError(
                f"Shift '{self.name}' takes fresh images: its share must be above 0 and at most 1, "
                f"not {self.share!r}"
            )

    def check(self, parameters: Mapping[str, float]) -> None:
        """Make sure that parameters are the shift's, finite numbers, and in their ranges.

        Raises:
            UserError: One is not; the message names the nearest of an unknown name.
        """
        for key in parameters:
            if key not in self.parameters:
                raise unknown(f"parameter of shift '{self.name}'", key, self.parameters)
            # They come from a suite's file or a command line, where a value may be of any type.
            value: object = parameters[key]
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and math.isfinite(parameters[key])):
                raise UserError(f"{key} of shift '{self.name}' must be a number, not {value!r}")
        if self.validate is not None:
            self.validate({**self.parameters, **parameters})

    def __call__(
        self, sources: Sources, *, seed: int, parameters: Mapping[str, float] | None = None
    ) -> LabelledImages:
        """Derive the set, with ``parameters`` over the defaults.

        Raises:
            UserError: A parameter is unknown or out of its range, a class has too few images, or what the
                recipe returns has another name than the shift.
        """
        self.check(parameters or {})
        self._check_pool(sources.pool.labels, sources.pool.class_names)
        return self._named(self.make(sources, seed, {**self.parameters, **(parameters or {})}))

    def in_pieces(
        self, pool: Pool, pretrain: Pool | None, *, seed: int, parameters: Mapping[str, float] | None = None
    ) -> Iterator[LabelledImages]:
        """Yield the set piece by piece; see :meth:`__call__`, whose answer they are one after another."""
        self.check(parameters or {})
        self._check_pool(pool.labels, pool.class_names)
        values = {**self.parameters, **(parameters or {})}
        if self.pieces is not None:
            yield from map(self._named, self.pieces(pool, pretrain, seed, values))
            return
        whole = [None if one is None else one.read(np.arange(len(one))) for one in (pool, pretrain)]
        assert whole[0] is not None
        yield self._named(self.make(Sources(whole[0], whole[1]), seed, values))

    def _check_pool(self, labels: NDArray[np.int64], class_names: Sequence[str]) -> None:
        for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
            if count < self.least:
                raise UserError(
                    f"Shift '{self.name}' needs {self.least} images of a class, but class "
                    f"'{class_names[label]}' has {count}"
                )

    def _named(self, made: LabelledImages) -> LabelledImages:
        if made.name != self.name:
            raise UserError(f"Shift '{self.name}' returns a set that is called '{made.name}'")
        return made


def image_by_image(make: Make) -> Pieces:
    """Return how a set is made piece by piece in which each image of the pool is treated by itself.

    Args:
        make: Of a shift that does not look at the images of the pre-training.

    Example:
        >>> in_pieces = image_by_image(negatives)  # doctest: +SKIP
    """

    def pieces(
        pool: Pool, pretrain: Pool | None, seed: int, parameters: Mapping[str, float]
    ) -> Iterator[LabelledImages]:
        del pretrain
        return (make(Sources(piece), seed, parameters) for piece in pool.pieces())

    return pieces


shift_registry: Registry[Shift] = Registry(
    __package__ or "", "SHIFT", "shift", kinds=Shift, group="gridcell.shifts"
)


def shifts_in_order() -> dict[str, Shift]:
    """Return all shifts by name: the built-in ones in the paper's order, then those from outside.

    Example:
        >>> list(shifts_in_order())
        ['v2', 'a', 'r', 'sketch', 'objectnet', 'cartoon', 'drawing', 'c']
    """
    in_order = sorted(
        shift_registry.all.values(), key=lambda one: (one.name not in BUILT_IN, one.order, one.name)
    )
    return {one.name: one for one in in_order}


def shift(name: str) -> Shift:
    """Return the shift called ``name``.

    Raises:
        UserError: There is none; the message names the nearest.

    Example:
        >>> shift("sketch").name
        'sketch'
    """
    return shift_registry.get(name)


def whole_number(parameters: Mapping[str, float], name: str, *, least: int, most: int | None = None) -> int:
    """Return a parameter that counts something.

    Raises:
        UserError: It isn't a whole number between ``least`` and ``most``.
    """
    value = parameters[name]
    if value != int(value) or value < least or (most is not None and value > most):
        limit = f" and at most {most}" if most is not None else ""
        raise UserError(f"{name} must be a whole number of at least {least}{limit}, not {value}")
    return int(value)


@dataclass(frozen=True)
class Strength:
    """How far images are redrawn: 1 is as hard as the published set, calibrated for photographs of 224 px.

    Images nearer to 32 px are redrawn wholly at 1.

    Attributes:
        calibrated: Share of the redrawn image in the result for photographs at strength 1, in (0, 1].
    """

    calibrated: float

    def check(self, parameters: Mapping[str, float]) -> float:
        """Return the parameter ``strength``.

        Raises:
            UserError: It is 0 or less, or would be more than the whole redrawn photograph.
        """
        value, most = float(parameters["strength"]), 1 / self.calibrated
        if not 0 < value <= most:
            raise UserError(f"strength must be above 0 and at most {most:.3g}, not {value:g}")
        return value

    def share(self, parameters: Mapping[str, float], pool: LabelledImages) -> float:
        """Return the share of the redrawn image for images of the pool's size.

        Raises:
            UserError: It would be more than 1.
        """
        value = self.check(parameters)
        share = value * (1.0 if is_small(pool.images) else self.calibrated)
        if share > 1:
            raise UserError(f"strength must be at most 1 for images of {min(pool.size)} px, not {value:g}")
        return share


def render(
    pool: LabelledImages,
    draw: Callable[[Floats, np.random.Generator], Floats],
    *,
    name: str,
    seed: int,
    copies: int = 1,
) -> LabelledImages:
    """Redraw every image, each with randomness of its own.

    Args:
        pool: The images.
        draw: ``(image, rng) -> image``, float32 (H, W, 3) in [0, 1].
        name: Name of the new set.
        seed: Any integer.
        copies: How many renderings of each image; they follow one another.

    Returns:
        ``copies * len(pool)`` images. What an image becomes depends on the seed and its own pixels alone.

    Example:
        >>> from gridcell.data.digits import load_digits_images
        >>> darker = render(load_digits_images(16), lambda image, rng: image / 2, name="dark", seed=0)
        >>> len(darker)
        1797
    """
    drawn = np.empty((len(pool) * copies, *pool.images.shape[1:]), dtype=np.uint8)
    for number, image in enumerate(pool.images):
        for copy in range(copies):
            rng = image_generator(seed, image, name, copy)
            drawn[number * copies + copy] = to_bytes(draw(to_float(image), rng))
    return LabelledImages(
        name=name,
        images=drawn,
        labels=np.repeat(pool.labels, copies),
        classes=pool.classes,
        class_names=pool.class_names,
    )
