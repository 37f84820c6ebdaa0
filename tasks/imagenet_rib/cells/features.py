"""The features cell: what a pre-trained model's last layer sees of several sets, computed once."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell import Cell, Context, CorruptData
from gridcell.data import LabelledSet
from imagenet_rib.cells.at_once import MOST, images_at_once
from imagenet_rib.cells.inputs import Inputs

if TYPE_CHECKING:
    from imagenet_rib.distance.sets import LabelledFeatures

FEATURES = "features.npz"


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Compute the features of at most ``max_images`` of each set, drawn by the seed, and leave them.

    Raises:
        UserError: the data lack a set, or a feature is not finite.
    """
    from imagenet_rib.distance.features import penultimate_features
    from imagenet_rib.distance.sets import LabelledFeatures
    from imagenet_rib.learning.models import normalisation_of

    inputs = Inputs.of(context, "weights")
    model = inputs.models.build(inputs.weights("weights")).to(context.device)
    normalise = normalisation_of(model)
    at_once = images_at_once(context.device, inputs.models.image_size)
    found = {}
    most = min(cell.config["max_images"], MOST) if context.fast else cell.config["max_images"]
    for name in cell.config["sets"]:
        chosen = _draw(inputs.image_set(name), most, context.seed)
        batches = chosen.evaluation_batches(at_once, normalise.prepare)
        features = penultimate_features(model, context.alive(batches), normalise)
        found[name] = LabelledFeatures(name, features, chosen.labels)
    write_features(context.outputs / FEATURES, found)
    images = {name: len(one) for name, one in found.items()}
    return {"images": images, "dimensions": next(iter(found.values())).features.shape[1]}


def _draw(images: LabelledSet, size: int, seed: int) -> LabelledSet:
    if len(images) <= size:
        return images
    drawn = np.random.default_rng(seed).choice(len(images), size, replace=False)
    return images.select(np.sort(drawn))


def write_features(path: Path, sets: "Mapping[str, LabelledFeatures]") -> None:
    """Write features by the name of their set."""
    arrays: dict[str, Any] = {f"{name}.features": one.features for name, one in sets.items()}
    arrays |= {f"{name}.labels": one.labels for name, one in sets.items()}
    np.savez(path, allow_pickle=False, **arrays)


def read_features(path: Path, name: str) -> "LabelledFeatures":
    """Read one set of what ``write_features`` wrote.

    Raises:
        CorruptData: the file lacks the set.
    """
    from imagenet_rib.distance.sets import LabelledFeatures

    with np.load(path, allow_pickle=False) as file:
        if f"{name}.features" not in file.files:
            raise CorruptData(f"'{path.name}' has no features of set '{name}'")
        return LabelledFeatures(name, file[f"{name}.features"], file[f"{name}.labels"])
