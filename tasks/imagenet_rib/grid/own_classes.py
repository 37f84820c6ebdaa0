"""Which last layer a model gets for the data's classes: the published one, the file's own, or a new one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gridcell import UserError
from gridcell.data import imagenet_names, imagenet_wnids, suite_classes
from imagenet_rib.grid.data_cells import DataCells
from imagenet_rib.grid.model_names import FAMILIAR, published_sizes, size_said
from imagenet_rib.grid.published import Published
from imagenet_rib.methods import flyp
from imagenet_rib.settings import Data, Pretrained
from imagenet_rib.vocabulary import PRETRAIN

IMAGENET = 1000


@dataclass(frozen=True)
class ClassSpace:
    """The classes of a suite's data.

    Attributes:
        names: All of them; position = label.
        pretrain: Those that the set ``pretrain`` covers; None where only its cell knows.
        why_not: Why it covers no more, where that is known.
    """

    names: tuple[str, ...]
    pretrain: tuple[str, ...] | None = None
    why_not: str | None = None

    @property
    def imagenet(self) -> bool:
        """Whether they are ImageNet's 1,000."""
        return self.names == imagenet_wnids()

    @property
    def spoken(self) -> tuple[str, ...]:
        """What people call them."""
        return imagenet_names() if self.imagenet else self.names


def class_space(data: Data, cells: DataCells) -> ClassSpace:
    """Return the classes of a suite's data, before any image is read.

    Args:
        data: The settings.
        cells: The sets.

    Raises:
        UserError: The folder isn't there, or holds no suite.
    """
    if cells.shards is not None:
        return ClassSpace(cells.shards.class_names, cells.shards.covered(PRETRAIN))
    if cells.image_sets is not None and cells.image_sets.own is not None:
        sets = cells.image_sets
        return ClassSpace(
            sets.class_names, sets.covered(PRETRAIN, dealt=cells.unsplit is None), cells.unsplit
        )
    if data.source == "digits":
        return ClassSpace(tuple(str(digit) for digit in range(10)))
    if data.source == "folder" and data.root is not None:
        names, covered = suite_classes(data.root)
        return ClassSpace(names, covered.get(PRETRAIN, ()))
    return ClassSpace(imagenet_wnids())


@dataclass(frozen=True)
class HeadPlan:
    """How a model comes to its last layer.

    Attributes:
        kind: ``published`` (the weights' own, for ImageNet's classes), ``own`` (the weights' own, for the
            data's), ``fitted`` or ``zero_shot``.
        pretrained: What the configuration of the cell that brings the weights says beside them.
        architecture: What it says of the architecture beside name, options and size.
        weights: What it says of the weights beside their source.
        classes: What people call the data's classes, for a ``zero_shot`` head.
        said: What was chosen, a sentence each.
    """

    kind: str
    classes: list[str] = field(default_factory=list)
    pretrained: Mapping[str, Any] = field(default_factory=dict)
    architecture: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()

    @property
    def new(self) -> bool:
        """Whether the last layer is made anew."""
        return self.kind in ("fitted", "zero_shot")


@dataclass(frozen=True)
class _Known:
    """What weights know.

    Attributes:
        classes: How many; 0 where there is no last layer.
        names: Which; None where nobody says.
        where: The weights, for messages.
    """

    classes: int
    names: tuple[str, ...] | None
    where: str


def plan_head(
    model: str, weights: Published, options: Mapping[str, Any], how: Pretrained, space: ClassSpace
) -> HeadPlan:
    """Choose the last layer of a model.

    Args:
        model: Its name in the suite, for messages.
        weights: That it takes.
        options: That it is built with.
        how: What the suite says of it.
        space: The data's classes.

    Raises:
        UserError: The weights don't know the data's classes and no new layer was asked for or can be had.
    """
    extra: dict[str, Any] = {}
    said: tuple[str, ...] = ()
    if how.source == "file":
        from imagenet_rib.learning.file_heads import look_at_file

        path = Path(next(iter(weights.locations.values())))
        found = look_at_file(path, weights.name, options, how.part, how.input_size)
        known = _Known(found.classes, found.class_names, str(path))
        said = tuple(f"{model}: {sentence}" for sentence in found.said)
        extra["weights"] = {} if found.part is None else {"part": found.part}
        extra["architecture"] = {"preparation": dict(found.preparation)} if found.preparation else {}
        said += size_said(model, how.input_size, found.input_size)
        fits = known.classes == len(space.names) and (
            known.names in (None, space.names)
            or (how.head == "published" and known.names is not None and set(known.names) == set(space.names))
        )
    else:
        known = _Known(_published_classes(weights.name), None, weights.name)
        said = size_said(model, how.input_size, *published_sizes(weights.name))
        fits = space.imagenet and known.classes == IMAGENET
    kind = _kind(model, weights.name, how, space, known, fits=fits)
    if kind == "own" and space.imagenet:
        kind = "published"
    if kind == "own":
        extra["pretrained"] = {"classes": list(space.names)}
        if known.names is None:
            _check_one_order(model, known, space.names)
            said += (
                f"{model}: {known.where} doesn't name its {known.classes} classes: they are taken to be the "
                f"data's, in their order ({_few(space.names)})",
            )
    if kind in ("own", "published") and known.names not in (None, space.names):
        extra["weights"] |= {"order": [known.names.index(name) for name in space.names]}
        said += (f"{model}: the last layer's rows are brought from the order of {known.where} to the data's",)
    if kind not in ("own", "published"):
        if known.classes != IMAGENET:
            extra["pretrained"] = {"head_classes": known.classes}
        way = (
            "fitted to set 'pretrain' (linear probe)" if kind == "fitted" else "made from their names (CLIP)"
        )
        said += (f"{model}: a new last layer for the data's {len(space.names):,} classes is {way}",)
    return HeadPlan(kind, list(space.spoken), said=said, **extra)


def _check_one_order(model: str, known: _Known, names: tuple[str, ...]) -> None:
    """Refuse classes that programs put in different orders: timm's is 1, 2, 10, others' 1, 10, 2."""
    counted = tuple(sorted(names, key=_natural))
    if counted != names:
        raise UserError(
            f"Model '{model}': {known.where} doesn't name its {known.classes} classes, which may be in "
            f"timm's order ({_few(counted)}) or in the data's ({_few(names)}). Name them in a config.json "
            "beside it: "
            '{"architecture": NAME, "pretrained_cfg": {}, "label_names": [...]}, and set its pre-training\'s '
            "head to published"
        )


def _natural(name: str) -> list[Any]:
    """Return a key that sorts numbers in text by their value, as timm's ``natural_key`` does."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name.lower())]


def _kind(model: str, name: str, how: Pretrained, space: ClassSpace, known: _Known, *, fits: bool) -> str:
    count = len(space.names)
    if fits and how.head in ("auto", "published"):
        return "own"
    if how.head == "published" or (how.head == "auto" and space.imagenet):
        theirs = f"{known.classes:,} classes" if known.classes else "no last layer"
        classes = "ImageNet's 1,000" if space.imagenet else f"{count:,}"
        other = " of other names" if known.classes == count else ""
        raise UserError(
            f"Model '{model}': the head of {known.where} has {theirs}, the data have {classes}{other}: "
            "set its pre-training's head to fitted to fit a new one to set 'pretrain'"
        )
    missing = flyp.skip(name)
    if how.head == "zero_shot" or (how.head == "auto" and missing is None):
        if missing is not None:
            raise UserError(f"Model '{model}' can't have a zero-shot head: {missing.replace('flyp', 'it')}")
        return "zero_shot"
    lacking = [one for one in space.names if space.pretrain is not None and one not in space.pretrain]
    if lacking:
        raise UserError(
            f"Model '{model}' needs a new head for the data's {count:,} classes, and no set 'pretrain' has "
            f"images of {_few(lacking)} to fit it to" + (f": {space.why_not}" if space.why_not else "")
        )
    return "fitted"


def _published_classes(name: str) -> int:
    """Return how many classes timm's weights know, without timm where they are those of a suite here."""
    if name in FAMILIAR:
        return IMAGENET
    import timm

    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return IMAGENET if config is None else int(config.num_classes)


def _few(names: "tuple[str, ...] | list[str]") -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
