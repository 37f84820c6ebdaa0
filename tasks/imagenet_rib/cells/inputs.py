"""What the cells read of one another: the sets of images, and models with their weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell import Context, UserError
from gridcell.data import LabelledImages, LabelledSet, imagenet_wnids
from imagenet_rib.cells.objectnet import with_one_answer
from imagenet_rib.cells.stored_sets import read_sets
from imagenet_rib.grid.input_names import OBJECTNET
from imagenet_rib.method import FineTuning
from imagenet_rib.methods import get

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

WEIGHTS = "weights.safetensors"


class ModelBuilder:
    """Builds models of one architecture for one data set.

    Args:
        architecture: name, options and, of published weights, the side of the model's images.
        sets: what the model is for; none where any images of ImageNet's classes will do.
        classes: how many the model knows, where the sets don't say it; 0 for a model without a head.
    """

    def __init__(
        self, architecture: Mapping[str, Any], sets: Mapping[str, LabelledSet], classes: int | None = None
    ) -> None:
        from imagenet_rib.learning.models import architecture_name  # timm: not where a report is written

        if classes is None:
            classes = len(next(iter(sets.values())).class_names if sets else imagenet_wnids())
        self.name: str = architecture["name"]
        self.image_size: int = architecture.get("input_size") or _side(sets)
        self.options: dict[str, Any] = dict(architecture["options"])
        self._arguments: dict[str, Any] = {
            **self.options,
            "num_classes": classes,
            "image_size": self.image_size,
        }
        self.identity = architecture_name(self.name, **self._arguments)
        self._prepared: dict[str, Any] = {key: architecture.get(key) for key in ("resize", "preparation")}

    def build(self, weights: "Mapping[str, Tensor] | None" = None) -> "nn.Module":
        """Return a new model, with random weights or with those given."""
        from imagenet_rib.learning.models import build_model

        model = build_model(self.name, **self._prepared, **self._arguments)
        if weights is not None:
            model.load_state_dict(weights)
        return model

    def build_pretrained(self, weights: "Mapping[str, Tensor] | Path | None") -> "nn.Module":
        """Return a new model with published weights, or with those of the hub; see ``build_pretrained``."""
        from imagenet_rib.learning.models import build_pretrained

        return build_pretrained(self.name, weights=weights, **self._prepared, **self._arguments)


def _side(sets: Mapping[str, LabelledSet]) -> int:
    """Return the side of images in memory, in pixels; planning makes sure that no others need it."""
    held = next(one for one in sets.values() if isinstance(one, LabelledImages))
    return held.size[0]


class Inputs:
    """What a cell works on: its sets of images, and models with the weights that others left.

    Args:
        context: of the cell.
        sets: by name.
        models: builds the models.

    Example:
        >>> inputs = Inputs.of(context, "pre")  # doctest: +SKIP
        >>> model = inputs.models.build(inputs.weights("pre"))  # doctest: +SKIP
    """

    def __init__(self, context: Context, sets: Mapping[str, LabelledSet], models: ModelBuilder) -> None:
        self._context = context
        self.sets = sets
        self.models = models

    @classmethod
    def of(cls, context: Context, role: str | None = None) -> "Inputs":
        """Read the sets of a cell, and find out the architecture of its models.

        Sets are unpacked once per process. Those that stay where they are, are read by a process for each CPU
        of the cell beyond the first.

        Args:
            context: of the cell.
            role: in which it needs the cell whose architecture its models have; None where its own
                configuration says the architecture.
        """
        sets = read_sets(context)
        config = context.cell.config
        architecture = config["architecture"] if role is None else _made(context, role)
        named = config.get("classes")
        classes = config.get("head_classes", None if named is None else len(named)) if role is None else None
        return cls(context, sets, ModelBuilder(architecture, sets, classes))

    def image_set(self, name: str) -> LabelledSet:
        """Return one set.

        Raises:
            UserError: the data lack it.
        """
        if name not in self.sets:
            raise UserError(f"The data have no set '{name}', only {', '.join(sorted(self.sets))}")
        return self.sets[name]

    def asked_set(self, name: str) -> tuple[LabelledSet, "NDArray[np.int64] | None"]:
        """Return one set with the right answers that the cell's configuration asks for.

        Returns:
            The set, and a table from the labels in its batches to its labels; None where they are the same.

        Raises:
            UserError: the data lack the set, or it has no such answers.
        """
        images = self.image_set(name)
        if name != OBJECTNET or OBJECTNET not in self._context.cell.config:
            return images, None
        if isinstance(images, LabelledImages):
            raise UserError("data.objectnet=released goes with data.source=published alone")
        return with_one_answer(images)

    def weights(self, role: str) -> "dict[str, Tensor]":
        """Read the weights that the cell needed in ``role`` left."""
        from imagenet_rib.learning.models import load_weights

        return load_weights(self._context.artifact(role, WEIGHTS), self.models.identity)

    def wrapped(self, bare: "nn.Module", role: str) -> "nn.Module":
        """Return the model whose weights the cell needed in ``role`` left.

        For most that is the bare model itself; a method may put around it what it trained
        (``FineTuning.wrap``).
        """
        return self.wrapped_by(self._context.need(role).cell.config, bare)

    def wrapped_by(self, config: Mapping[str, Any], bare: "nn.Module") -> "nn.Module":
        """Return the model as the method that a cell's configuration names, if any, leaves it."""
        method = get(config["method"]) if "method" in config else None
        wrap = method.wrap if isinstance(method, FineTuning) else None
        if wrap is None:
            return bare
        return wrap(bare, image_size=self.models.image_size, **config["parameters"])

    def leave(self, weights: "Mapping[str, Tensor]") -> None:
        """Leave weights as the cell's output."""
        from imagenet_rib.learning.models import save_weights

        save_weights(self._context.outputs / WEIGHTS, weights, self.models.identity)


def _made(context: Context, role: str) -> Mapping[str, Any]:
    """Return the architecture of the model that the cell needed in ``role`` made or fine-tuned."""
    cell = context.need(role).cell
    if "architecture" in cell.config:
        return cell.config["architecture"]
    return context.store.results.read(cell.needs["pre"]).cell.config["architecture"]
