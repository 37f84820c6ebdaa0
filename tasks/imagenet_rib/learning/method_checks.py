"""The contract of methods: what can be tried on two small models and a few random images."""

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from gridcell.testing import Check, require
from imagenet_rib.method import FineTuning, Merging, Method, Recipe, Start, Teacher

if TYPE_CHECKING:
    from torch import Tensor, nn

_MODELS: tuple[dict[str, Any], ...] = (
    {"name": "vit_tiny_patch16_224", "patch_size": 16, "embed_dim": 16, "depth": 2, "num_heads": 2},
    {"name": "resnet18", "layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8]},
)
_SIDE, _LABELS = 32, 8
_CLASSES = (0, 2, 3, 7)  # of the downstream set
_IMAGES = 8
_NAMED = 3  # of the weights that are wrong
_MOVED = 0.1  # standard deviation of what is added to weights, as training moves them
_LIKE = 1e-4  # two ways to compute a loss differ by rounding alone


def checks(method: Method) -> list[Check]:
    """Return what a method keeps to, beside what all parts keep to."""
    if isinstance(method, Merging):
        return [Check("it merges weights into weights of the same shapes", partial(_merges, method))]
    return [
        Check(
            "its loss on a few images is finite, and some parameter learns from it", partial(_trains, method)
        ),
        Check("its short cuts, if any, give the loss that it gives without", partial(_shortens, method)),
        Check("its callbacks, if any, run in a fit of two steps", partial(_fits, method)),
        Check("the weights that it leaves load into the model", partial(_exports, method)),
    ]


def _models(method: Method) -> "Iterator[nn.Module]":
    """Yield each small model that the method does not skip."""
    import torch

    from imagenet_rib.learning.models import build_model

    for architecture in _MODELS:
        if method.skip(architecture["name"]) is None:
            torch.manual_seed(0)
            yield build_model(num_classes=_LABELS, image_size=_SIDE, **architecture)


def _recipe(method: FineTuning, model: "nn.Module") -> Recipe:
    import torch

    from imagenet_rib.learning.models import head_parameters

    before = copy.deepcopy(model).eval().requires_grad_(False)
    fisher = {name: torch.ones_like(tensor) for name, tensor in model.named_parameters()}
    start = Start(
        model=model,
        reference={name: tensor.clone() for name, tensor in before.state_dict().items()},
        fisher=fisher if "fisher" in method.statistics else None,
        classes=torch.tensor(_CLASSES),
        head=head_parameters(model),
        teacher=lambda: copy.deepcopy(before),
        image_size=_SIDE,
        class_names=tuple(f"class {label}" for label in range(_LABELS)),
    )
    recipe = method.prepare(start, **method.parameters().model_dump())
    require(isinstance(recipe, Recipe), f"prepare returns {type(recipe).__name__}, and must return a Recipe")
    require(
        isinstance(recipe.callbacks, tuple), "its recipe's callbacks must be a tuple, such as (callback,)"
    )
    return recipe


def _trains(method: FineTuning) -> None:
    import torch

    for model in _models(method):
        recipe = _recipe(method, model)
        trained = {name: one for name, one in recipe.model.named_parameters() if recipe.trainable(name)}
        require(trained, "no parameter of its model is trainable")
        for name, one in recipe.model.named_parameters():
            one.requires_grad_(name in trained)
        loss = recipe.loss(recipe.model.train(), *_batch())
        require(isinstance(loss, torch.Tensor) and loss.ndim == 0, "its loss is not one number")
        require(loss.isfinite(), f"its loss is {loss.item()}")
        loss.backward()
        gradients = [one.grad for one in trained.values() if one.grad is not None]
        require(any(bool(one.any()) for one in gradients), "no trainable parameter learns from its loss")
        require(all(bool(one.isfinite().all()) for one in gradients), "a gradient is not finite")


def _batch() -> "tuple[Tensor, Tensor]":
    """Return random images and labels of the downstream classes."""
    import torch

    images = torch.randn(_IMAGES, 3, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0))
    return images, torch.tensor(_CLASSES * (_IMAGES // len(_CLASSES)))


def _shortens(method: FineTuning) -> None:
    """What a teacher answers, or a probe's body, is computed once: the loss must be the same as without.

    It is so only in the middle of a training: before it a student answers as its teacher does, and whatever
    is taught costs nothing. So what trains is moved first.
    """
    import torch

    images, labels = _batch()
    for model in _models(method):
        recipe = _recipe(method, model)
        recipe.model.eval()
        generator = torch.Generator().manual_seed(0)

        def loss(compute: Callable[[], Any], what: str) -> float:
            _seed()
            found = compute()
            one = isinstance(found, torch.Tensor) and found.ndim == 0
            require(one, f"its loss with {what} is not one number")
            return float(found)

        with torch.no_grad():
            teacher = recipe.teacher
            answers = torch.empty(0) if teacher is None else teacher.model(images)
            for name, one in recipe.model.named_parameters():
                if recipe.trainable(name):
                    one.add_(_MOVED * torch.randn(one.shape, generator=generator))
            whole = loss(partial(recipe.loss, recipe.model, images, labels), "no short cut")
            short = {}
            if teacher is not None:
                taught = partial(teacher.loss, recipe.model, images, labels, answers)
                short["teacher"] = loss(taught, "its teacher's answers")
            if recipe.probe is not None:
                probed = partial(recipe.loss, recipe.probe.head, recipe.probe.body(images), labels)
                short["probe"] = loss(probed, "its probe's features")
        for name, value in short.items():
            alike = abs(value - whole) <= _LIKE * max(abs(whole), 1.0)
            require(alike, f"in training its loss is {value:.5g} with its {name}, {whole:.5g} without")


def _seed() -> None:
    import random

    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def _fits(method: FineTuning) -> None:
    from lightning.pytorch import Callback

    for model in _models(method):
        for taught in (False, True):
            recipe = _recipe(method, copy.deepcopy(model))  # anew: a callback may remember an earlier fit
            if not recipe.callbacks or (taught and recipe.teacher is None):
                break
            named = ", ".join(
                sorted(type(one).__name__ for one in recipe.callbacks if not isinstance(one, Callback))
            )
            require(not named, f"its callbacks must be objects of lightning.pytorch.Callback, not {named}")
            _fit(recipe, recipe.teacher if taught else None)


def _fit(recipe: Recipe, teacher: Teacher | None) -> None:
    """Train for two steps, on labels or on these and a teacher's answers."""
    import torch
    from torch.utils.data import DataLoader

    from gridcell.learn import Classifier, fit

    images, labels = _batch()
    loss: Callable[..., Tensor] = recipe.loss
    targets: Any = labels
    if teacher is not None:
        with torch.no_grad():
            targets = (labels, teacher.model(images))
        loss = _Taught(teacher)
    module = Classifier(
        recipe.model,
        loss,
        trainable=recipe.trainable,
        frozen_statistics=recipe.frozen_statistics,
        moving_statistics=recipe.moving_statistics,
    )
    batches: DataLoader[Any] = DataLoader([(images, targets)] * 2, batch_size=None)  # type: ignore[arg-type]
    fit(module, batches, epochs=1, seed=0, accelerator="cpu", callbacks=recipe.callbacks)


class _Taught:
    """The loss of a teacher, of batches that have its answers beside labels."""

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher

    def __call__(self, model: "nn.Module", images: "Tensor", targets: Any) -> "Tensor":
        return self._teacher.loss(model, images, *targets)


def _exports(method: FineTuning) -> None:
    for model in _models(method):
        bare = copy.deepcopy(model)
        recipe = _recipe(method, model)
        weights = recipe.export(recipe.model)
        if method.wrap is not None:
            bare = method.wrap(bare, image_size=_SIDE, **method.parameters().model_dump())
        _loads(bare, weights, "export")


def _merges(method: Merging) -> None:
    import torch

    parameters = method.parameters()
    for model in _models(method):
        generator = torch.Generator().manual_seed(0)
        weights = {
            name: {key: _moved(tensor, generator) for key, tensor in model.state_dict().items()}
            for name in method.ingredients(parameters)
        }
        for variant in method.variants(parameters):
            _loads(model, method.merge(weights, **variant), f"merge with {dict(variant)}")


def _moved(tensor: "Tensor", generator: Any) -> "Tensor":
    import torch

    if not tensor.is_floating_point():
        return tensor.clone()
    return tensor + 0.01 * torch.randn(tensor.shape, generator=generator)


def _loads(model: "nn.Module", weights: "Mapping[str, Tensor]", what: str) -> None:
    expected = model.state_dict()
    lacking, more = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected.keys())
    require(not lacking, f"{what} leaves out {_first(lacking)}")
    require(not more, f"{what} adds {_first(more)}, which the model does not have")
    for name, tensor in expected.items():
        require(
            weights[name].shape == tensor.shape,
            f"{what} gives '{name}' the shape {tuple(weights[name].shape)}, not {tuple(tensor.shape)}",
        )


def _first(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
