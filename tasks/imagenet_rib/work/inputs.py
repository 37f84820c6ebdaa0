"""What the cells read of one another: the sets of images, and models with their weights."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell.context import Context
from gridcell.data.images import LabelledImages, load_npz
from gridcell.errors import UserError
from imagenet_rib.method import FineTuning
from imagenet_rib.methods import get

if TYPE_CHECKING:
    from torch import Tensor, nn

Wrapping = Callable[["nn.Module", int], "nn.Module"]
"""``(bare model, side of its images) -> model with what a method puts around it``."""

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
        self.image_size: int = architecture.get("input_size") or some.size[0]
        self._arguments: dict[str, Any] = {
            **architecture["options"],
            "num_classes": len(some.class_names),
            "image_size": self.image_size,
        }
        self.identity = architecture_name(self.name, **self._arguments)

    def build(self, weights: "Mapping[str, Tensor] | None" = None) -> "nn.Module":
        """Return a new model, with random weights or with those given."""
        from imagenet_rib.models import build_model

        model = build_model(self.name, **self._arguments)
        if weights is not None:
            model.load_state_dict(weights)
        return model

    def build_pretrained(self, weights: "Mapping[str, Tensor] | None") -> "nn.Module":
        """Return a new model with published weights, or with those of the hub; see ``build_pretrained``."""
        from imagenet_rib.models import build_pretrained

        return build_pretrained(self.name, weights=weights, **self._arguments)

    def read(self, context: Context, role: str) -> "dict[str, Tensor]":
        """Read the weights that the cell needed in ``role`` left."""
        from imagenet_rib.models import load_weights

        return load_weights(context.artifact(role, WEIGHTS), self.identity)

    def write(self, context: Context, weights: "Mapping[str, Tensor]") -> None:
        """Leave weights as this cell's output."""
        from imagenet_rib.models import save_weights

        save_weights(context.outputs / WEIGHTS, weights, self.identity)


def wrapping_of(context: Context, role: str) -> Wrapping:
    """Return what makes of the bare model the one whose weights the cell needed in ``role`` left.

    For most that is the bare model itself; a method may put around it what it trained (``FineTuning.wrap``).
    """
    config = context.need(role).cell.config
    method = get(config["method"]) if "method" in config else None
    wrap = method.wrap if isinstance(method, FineTuning) else None
    if wrap is None:
        return lambda model, image_size: model
    return lambda model, image_size: wrap(model, image_size=image_size, **config["parameters"])


def architecture_of(context: Context, role: str) -> Mapping[str, Any]:
    """Return the architecture of the model that the cell needed in ``role`` made or fine-tuned."""
    cell = context.need(role).cell
    if "architecture" in cell.config:
        return cell.config["architecture"]
    return context.store.results.read(cell.needs["pre"]).cell.config["architecture"]
