"""What a method is: a way to fine-tune, or a way to merge finished weights.

A method is one file in :mod:`imagenet_rib.methods` with a module-level ``method``. Planning a grid reads
these files, so neither they nor this one import torch before training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from gridcell import Strict

if TYPE_CHECKING:
    from lightning.pytorch import Callback
    from torch import Tensor, nn

    StateDict = Mapping[str, Tensor]
    Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


class Parameters(Strict):
    """Settings of a method: typed, frozen, none beyond those declared. Every setting has a default."""


def never_skipped(architecture: str) -> str | None:
    """Skip no architecture."""
    return None


def never(parameters: Any) -> bool:
    """Say no, whatever the parameters."""
    return False


def every_parameter(name: str) -> bool:
    """Train every parameter."""
    return True


def state_dict(model: nn.Module) -> dict[str, Tensor]:
    """Export a model's own weights and buffers."""
    return dict(model.state_dict())


@dataclass(frozen=True)
class Start:
    """What a fine-tuning method is given.

    Attributes:
        model: The model to train, holding the weights the method starts from; the method's to change.
        reference: The pre-trained weights and buffers by name, on the CPU.
        fisher: Fisher information of the pre-trained model by parameter name, or ``None`` if the method
            did not ask for it.
        classes: The classes of the downstream set, sorted, int64 of shape ``(K,)``.
        head: Names of the parameters of the model's last layer.
        teacher: Builds a frozen copy of the pre-trained model.
        architecture: timm's name of the model, with the tag of its pre-trained weights if it has one.
        image_size: Height and width of the model's inputs, pixels.
        class_names: Names of all the model's classes, by label.
    """

    model: nn.Module
    reference: Mapping[str, Tensor]
    fisher: Mapping[str, Tensor] | None
    classes: Tensor
    head: tuple[str, ...]
    teacher: Callable[[], nn.Module]
    architecture: str = ""
    image_size: int = 0
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probe:
    """A model whose last layer alone trains, so that what this layer is given of an image stays the same.

    The features of a set are then computed once, and not at every epoch.

    Attributes:
        body: From normalised images ``(N, 3, H, W)`` to features ``(N, D)``; frozen.
        head: From features to logits. It is a part of the recipe's model, which answers
            ``head(body(images))``, and the recipe's loss is called with it and with features.
    """

    body: nn.Module
    head: nn.Module


@dataclass(frozen=True)
class Teacher:
    """A frozen model whose answers the loss takes; those to a set are computed once, not at every epoch.

    Attributes:
        model: From normalised images ``(N, 3, H, W)`` to answers ``(N, K)``.
        loss: Called as ``loss(model, images, labels, answers)``; returns what the recipe's loss does.
    """

    model: nn.Module
    loss: Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Recipe:
    """What a fine-tuning method answers: what is trained, and how.

    Attributes:
        model: The module to train, e.g. the given model, or a wrapper around it.
        loss: Called as ``loss(model, images, labels)`` with normalised images ``(N, 3, H, W)`` and global
            labels, int64 of shape ``(N,)``; returns a scalar.
        trainable: Says by its name whether a parameter of ``model`` trains.
        frozen_statistics: Whether batch normalisation keeps its statistics.
        moving_statistics: Whether batch normalisation updates its statistics although its scale and shift do
            not train; by default it does so only where they train.
        export: Turns the trained module into weights that the unchanged architecture loads, or, of a
            method with a ``wrap``, the architecture wrapped by it.
        probe: Where the last layer alone trains: how the model is divided there.
        teacher: Where the loss takes a frozen model's answers: that model.
        callbacks: Lightning callbacks of the fit. What they keep has to be in their ``state_dict``, so that a
            fit that goes on from a checkpoint is the same. Settings of theirs belong to the method's
            ``parameters``, which are part of a cell's id. A batch is ``(images, labels)``; of a recipe with
            a teacher it may be ``(images, (labels, answers))``.
    """

    model: nn.Module
    loss: Loss
    trainable: Callable[[str], bool] = every_parameter
    frozen_statistics: bool = False
    moving_statistics: bool = False
    export: Callable[[nn.Module], Mapping[str, Tensor]] = state_dict
    probe: Probe | None = None
    teacher: Teacher | None = None
    callbacks: tuple[Callback, ...] = ()


@dataclass(frozen=True)
class FineTuning:
    """A method that trains.

    Attributes:
        name: Name in suites and reports.
        summary: One sentence for listings, with its source.
        prepare: Called as ``prepare(start, **parameters)``; makes the recipe.
        parameters: Settings, each with a default.
        start: Method from whose finished weights, on the same downstream set, training starts.
        statistics: Statistics of the pre-trained model that must be there first, e.g. ``("fisher",)``.
        skip: Returns why an architecture can't be trained this way, or ``None`` if it can.
        wrap: Where the result is more than weights of the unchanged architecture: called as
            ``wrap(model, image_size=..., **parameters)``, makes of the bare model the module that loads
            what was exported and that is evaluated. Such weights can't be merged or started from.
        on_features: Whether its recipe, with given parameters, has a probe whose body depends on the model
            alone, so that cells which differ in their seed train on the same features.
        compares_images: Whether the loss is no mean over the images of a batch, so that a batch can't be
            divided among several workers.
        version: Of what it does. Raise it where that changes: its results of before are then not used.
    """

    name: str
    summary: str
    prepare: Callable[..., Recipe]
    parameters: type[BaseModel] = Parameters
    start: str = "pre"
    statistics: tuple[str, ...] = ()
    skip: Callable[[str], str | None] = never_skipped
    wrap: Callable[..., nn.Module] | None = None
    on_features: Callable[[Any], bool] = never
    compares_images: bool = False
    version: int = 1

    def needs(self, parameters: BaseModel) -> tuple[str, ...]:
        """Return the methods whose finished weights this one takes."""
        return (self.start,)


def _no_variants(parameters: BaseModel) -> tuple[Mapping[str, float], ...]:
    return ({},)


def _never_alone(variant: Mapping[str, float]) -> str | None:
    return None


@dataclass(frozen=True)
class Merging:
    """A method that merges finished weights, without training.

    Attributes:
        name: Name in suites and reports.
        summary: One sentence for listings, with its source.
        ingredients: Returns for given parameters the methods whose weights are merged; ``"pre"`` stands
            for the pre-trained weights.
        merge: Called as ``merge(weights, **variant)`` with the ingredients' weights by name; returns the
            merged weights.
        parameters: Settings, each with a default.
        variants: Returns for given parameters the settings to evaluate, the headline first.
        alone: Returns the ingredient that a variant consists of alone, whose evaluation then serves for it
            too, or ``None`` where it mixes.
        skip: Returns why an architecture can't be merged this way, or ``None`` if it can.
        version: Of what it does. Raise it where that changes: its results of before are then not used.
    """

    name: str
    summary: str
    ingredients: Callable[[Any], tuple[str, ...]]
    merge: Callable[..., StateDict]
    parameters: type[BaseModel] = Parameters
    variants: Callable[[Any], tuple[Mapping[str, float], ...]] = field(default=_no_variants)
    alone: Callable[[Mapping[str, float]], str | None] = _never_alone
    skip: Callable[[str], str | None] = never_skipped
    version: int = 1

    def needs(self, parameters: BaseModel) -> tuple[str, ...]:
        """Return the methods whose finished weights this one takes."""
        return tuple(name for name in self.ingredients(parameters) if name != self.name)


Method = FineTuning | Merging
