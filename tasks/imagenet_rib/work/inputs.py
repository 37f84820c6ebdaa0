"""What the cells read of one another: the sets of images, and models with their weights."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell.context import Context
from gridcell.data.images import LabelledImages, load_npz
from gridcell.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

SETS = "sets.npz"
WEIGHTS = "weights.safetensors"


@lru_cache(maxsize=2)
def _sets(path: Path, modified_ns: int) -> dict[str, LabelledImages]:
    return load_npz(path)


def read_sets(context: Context) -> dict[str, LabelledImages]:
    """Return the sets of images by name; unpacked once per process."""
    path = context.artifact("data", SETS)
    return _sets(path, path.stat().st_mtime_ns)


def one_set(sets: Mapping[str, LabelledImages], name: str) -> LabelledImages:
    """Return one set.

    Raises:
        UserError: the data lack it.
    """
    if name not in sets:
        raise UserError(f"The data have no set '{name}', only {', '.join(sorted(sets))}")
    return sets[name]


class ModelBuilder:
    """Builds models of one architecture for one data set, and reads and writes their weights."""

    def __init__(self, architecture: Mapping[str, Any], sets: Mapping[str, LabelledImages]) -> None:
        from imagenet_rib.models import architecture_name  # timm: not where a report is written

        some = next(iter(sets.values()))
        self.name: str = architecture["name"]
        self._arguments: dict[str, Any] = {
            **architecture["options"],
            "num_classes": len(some.class_names),
            "image_size": some.size[0],
        }
        self.identity = architecture_name(self.name, **self._arguments)

    def build(self, weights: "Mapping[str, Tensor] | None" = None) -> "nn.Module":
        """Return a new model, with random weights or with those given."""
        from imagenet_rib.models import build_model

        model = build_model(self.name, **self._arguments)
        if weights is not None:
            model.load_state_dict(weights)
        return model

    def read(self, context: Context, role: str) -> "dict[str, Tensor]":
        """Read the weights that the cell needed in ``role`` left."""
        from imagenet_rib.models import load_weights

        return load_weights(context.artifact(role, WEIGHTS), self.identity)

    def write(self, context: Context, weights: "Mapping[str, Tensor]") -> None:
        """Leave weights as this cell's output."""
        from imagenet_rib.models import save_weights

        save_weights(context.outputs / WEIGHTS, weights, self.identity)


def architecture_of(context: Context, role: str) -> Mapping[str, Any]:
    """Return the architecture of the model that the cell needed in ``role`` made or fine-tuned."""
    cell = context.need(role).cell
    if "architecture" in cell.config:
        return cell.config["architecture"]
    return context.store.results.read(cell.needs["pre"]).cell.config["architecture"]
