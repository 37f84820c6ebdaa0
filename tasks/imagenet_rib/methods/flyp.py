"""``flyp``: contrastive fine-tuning against class prompts (Goyal et al. 2023).

timm has the image towers of CLIP models but not their text towers. open_clip has them (the extra ``clip``,
:mod:`imagenet_rib.learning.open_clip_tower`), and a plug-in may give others: an entry point of the group
``gridcell.imagenet_rib.text_towers`` that leads to a function
``(timm's name of the image tower, names of the classes) -> TextTower`` (of
:mod:`imagenet_rib.learning.contrastive`). The function tokenises the class prompts, loads the
text weights that belong to the image tower, and hands over the matrix that projects its features
(which timm leaves out of models fine-tuned on ImageNet).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pydantic import Field

from gridcell import UserError, unknown
from imagenet_rib.learning.open_clip_names import trained_with
from imagenet_rib.method import FineTuning, Parameters, Recipe, Start

if TYPE_CHECKING:
    from torch import Tensor, nn

    from imagenet_rib.learning.contrastive import TextTower

ENTRY_POINTS = "gridcell.imagenet_rib.text_towers"
OPEN_CLIP = EntryPoint("open_clip", "imagenet_rib.learning.open_clip_tower:text_tower", ENTRY_POINTS)
"""Comes with the task; only its package may be missing."""

NO_TOWER = (
    "flyp needs a text tower: pip install 'gridcell[clip]', or install a plug-in with an entry point of "
    f"'{ENTRY_POINTS}'"
)


class Settings(Parameters):
    """Settings of FLYP."""

    text_tower: str = Field(
        default="",
        description="who gives the text tower: open_clip, or a plug-in; the first by name if empty",
    )


def skip(architecture: str) -> str | None:
    """Skip what is no CLIP backbone, and what nobody gives the text tower of."""
    if "clip" not in architecture.partition(".")[0]:
        return "flyp fine-tunes the two towers of a CLIP model, and this one has no text tower"
    plugged = _plugged()
    if not plugged:
        return NO_TOWER
    if plugged.keys() == {OPEN_CLIP.name} and trained_with(architecture) is None:
        return f"flyp needs a text tower, and open_clip's of '{architecture}' is not known"
    return None


def prepare(start: Start, /, *, text_tower: str = "") -> Recipe:
    """Train both towers by the contrastive loss; what is left is the image tower with a zero-shot head.

    Raises:
        UserError: If no plug-in gives the text tower, or its prompts are for another number of classes.
    """
    from imagenet_rib.learning.contrastive import DualEncoder

    both = DualEncoder(start.model, tower_for(text_tower, start.architecture, start.class_names))
    unused = frozenset(f"image.{name}" for name in start.head)

    def loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        value: Tensor = model(images, labels)
        return value

    def export(model: nn.Module) -> Mapping[str, Tensor]:
        return _with_head(start, model.eval())

    return Recipe(both, loss, trainable=lambda name: name not in unused, export=export)


def _with_head(start: Start, model: nn.Module) -> Mapping[str, Tensor]:
    weights = {
        name.removeprefix("image."): tensor
        for name, tensor in model.state_dict().items()
        if name.startswith("image.")
    }
    classes = model.class_weights()  # type: ignore[operator]
    for name in start.head:
        weights[name] = classes if name.endswith("weight") else weights[name].new_zeros(weights[name].shape)
    return weights


def _plugged() -> dict[str, EntryPoint]:
    """Return name -> who gives text towers here."""
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if find_spec(OPEN_CLIP.name) is not None:  # of a package this imports nothing
        found.setdefault(OPEN_CLIP.name, OPEN_CLIP)
    return found


def tower_for(name: str, architecture: str, class_names: tuple[str, ...]) -> TextTower:
    """Return the text tower of a CLIP model, with prompts for some classes.

    Args:
        name: Who gives it; the first by name if empty.
        architecture: timm's name of the image tower, with the tag of its weights.
        class_names: What people call the classes.

    Raises:
        UserError: Nobody gives it, it can't be had, or its prompts are for another number of classes.
    """
    points = _plugged()
    if not points:
        raise UserError(NO_TOWER)
    if name and name not in points:
        raise unknown("text tower", name, points)
    build = points[name or min(points)].load()
    tower: TextTower = build(architecture, class_names)
    if len(tower.tokens) != len(class_names):
        raise UserError(
            f"The text tower has prompts for {len(tower.tokens)} classes, the data {len(class_names)}."
        )
    return tower


method = FineTuning(
    name="flyp",
    summary="Finetune like you pretrain: CLIP's contrastive loss against class prompts (Goyal et al. 2023).",
    parameters=Settings,
    prepare=prepare,
    skip=skip,
    compares_images=True,
)
