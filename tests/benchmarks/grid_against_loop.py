"""The whole mini grid by ``gridcell run``, beside the same work as a bare PyTorch loop in one process.

The loop is what a researcher would write instead: no Lightning, no Ray, no store; one training or evaluation
after another, with as many threads as torch takes by default. It does the same trainings for the same numbers
of steps and evaluates the same weights on the same images.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional as F

from gridcell.data.deriving import derive
from gridcell.data.digits import load_digits_images
from gridcell.data.images import LabelledImages
from imagenet_rib.learning.augmentation import augmentation_of
from imagenet_rib.learning.fisher import diagonal_fisher
from imagenet_rib.learning.models import build_model, head_parameters, normalisation_of
from imagenet_rib.settings import Optimiser, Settings

AIMS = {"grid / loop": "<= 1.15"}
Weights = dict[str, Tensor]


def measure() -> dict[str, float]:
    """Return wall-clock seconds of both sides and their ratio."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as storage:
        suite = ["imagenet-rib", "--suite", "mini", "--set", "distance.enabled=false"]  # the loop has none
        command = [sys.executable, "-m", "gridcell", "run", *suite, "--storage", storage]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        grid = time.perf_counter() - begun
        cells = len(list((Path(storage) / "results").glob("*.json")))
    begun = time.perf_counter()
    trained, evaluated = bare_loop()
    loop = time.perf_counter() - begun
    return {
        "cells of the grid": cells,
        "trainings of the loop": trained,
        "evaluations of the loop": evaluated,
        "grid (s)": grid,
        "loop (s)": loop,
        "grid / loop": grid / loop,
    }


def bare_loop() -> tuple[int, int]:
    """Do the work of the mini suite; return the numbers of trainings and evaluations."""
    import imagenet_rib

    values = yaml.safe_load((imagenet_rib.task.suites / "mini.yaml").read_text())
    settings = Settings.model_validate(values)
    sets = derive(load_digits_images(settings.data.image_size))
    trained = evaluated = 0
    for architecture in settings.architectures.values():
        for pretraining in settings.pretrainings.values():

            def build(architecture=architecture) -> nn.Module:
                return build_model(architecture.name, num_classes=10, image_size=32, **architecture.options)

            torch.manual_seed(0)
            model = build()
            fit(model, sets["pretrain"], pretraining, augment=augmentation_of(pretraining.model_dump()))
            pre = copy(model)
            normalise = normalisation_of(model)
            fisher = diagonal_fisher(
                model, torch.from_numpy(sets["pretrain"].images), samples=1000, transform=normalise
            )
            trained += 1
            evaluated += evaluate(model, pre, sets, settings)
            for downstream in settings.downstream:
                finished = fine_tune(build, pre, fisher, sets[downstream], settings)
                trained += len(finished)
                for weights in finished.values():
                    evaluated += evaluate(model, weights, sets, settings)
                for tenth in range(1, 10):
                    mixed = mix([pre, finished["ft"]], [1 - tenth / 10, tenth / 10])
                    evaluated += evaluate(model, mixed, sets, settings)
                soup = mix([pre, finished["ft"], finished["ewc"], finished["lwf"]], [0.25] * 4)
                evaluated += evaluate(model, soup, sets, settings)
    return trained, evaluated


def copy(model: nn.Module) -> Weights:
    """Return a copy of a model's weights and buffers."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def mix(ingredients: list[Weights], shares: list[float]) -> Weights:
    """Return the weighted mean of weights, integers from the last."""
    mixed = {}
    for name, value in ingredients[-1].items():
        parts = [share * weights[name] for share, weights in zip(shares, ingredients, strict=True)]
        mixed[name] = sum(parts[1:], parts[0]) if value.is_floating_point() else value
    return mixed


def evaluate(
    model: nn.Module, weights: Weights, sets: Mapping[str, LabelledImages], settings: Settings
) -> int:
    """Count right answers on every set; return 1, the number of evaluations."""
    model.load_state_dict(weights)
    model.eval()
    normalise = normalisation_of(model)
    with torch.inference_mode():
        for name in (*settings.downstream, "val"):
            images, labels = torch.from_numpy(sets[name].images), torch.from_numpy(sets[name].labels)
            classes = torch.tensor(sets[name].classes)
            right = 0
            for begin in range(0, len(images), 128):
                logits = model(normalise(images[begin : begin + 128]))[:, classes]
                right += int((classes[logits.argmax(1)] == labels[begin : begin + 128]).sum())
    return 1


def fine_tune(
    build: Callable[[], nn.Module], pre: Weights, fisher: Weights, images: LabelledImages, settings: Settings
) -> dict[str, Weights]:
    """Train by each method that trains; return the weights by method."""

    def start(weights: Weights) -> nn.Module:
        model = build()
        model.load_state_dict(weights)
        return model

    finished = {}
    for method in ("ft", "ewc", "l2_sp", "lwf", "lp", "lp_ft"):
        model = start(finished["lp"] if method == "lp_ft" else pre)
        extra: Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor] | None = None
        if method == "lp":
            head = head_parameters(model)
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(name in head)
        elif method in ("ewc", "l2_sp"):
            strength = settings.methods[method].parameters.strength
            importance = fisher if method == "ewc" else {name: torch.ones(()) for name in fisher}
            extra = penalty(pre, importance, strength)
        elif method == "lwf":
            extra = distillation(start(pre).eval().requires_grad_(False))
        fit(model, images, settings.training, extra=extra, backbone_frozen=method == "lp")
        finished[method] = copy(model)
    return finished


def penalty(pre: Weights, importance: Weights, strength: float) -> Callable[..., Tensor]:
    """Build the quadratic penalty of EWC and L2-SP."""

    def extra(model: nn.Module, x: Tensor, logits: Tensor, classes: Tensor) -> Tensor:
        terms = [(importance[name] * (p - pre[name]) ** 2).sum() for name, p in model.named_parameters()]
        return strength * torch.stack(terms).sum()

    return extra


def distillation(teacher: nn.Module) -> Callable[..., Tensor]:
    """Build the distillation term of LwF, alpha 1 and temperature 2."""

    def extra(model: nn.Module, x: Tensor, logits: Tensor, classes: Tensor) -> Tensor:
        with torch.no_grad():
            expected = F.softmax(teacher(x)[:, classes] / 2, 1)
        return F.kl_div(F.log_softmax(logits / 2, 1), expected, reduction="batchmean")

    return extra


def fit(
    model: nn.Module,
    data: LabelledImages,
    settings: Optimiser,
    *,
    augment: Callable[[Tensor], Tensor] | None = None,
    extra: Callable[..., Tensor] | None = None,
    backbone_frozen: bool = False,
) -> None:
    """Train a model in place."""
    images, labels = torch.from_numpy(data.images), torch.from_numpy(data.labels)
    classes = torch.tensor(data.classes)
    normalise = normalisation_of(model)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if settings.optimiser == "sgd":
        optimiser: torch.optim.Optimizer = torch.optim.SGD(
            parameters, lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
        )
    else:
        optimiser = torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay)
    steps = settings.epochs * -(-len(images) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.lr, total_steps=steps, pct_start=settings.warmup_share, cycle_momentum=False
    )
    model.train(not backbone_frozen)
    for _ in range(settings.epochs):
        for batch in torch.randperm(len(images)).split(settings.batch_size):
            x = normalise(images[batch] if augment is None else augment(images[batch]))
            logits = model(x)[:, classes]
            loss = F.cross_entropy(logits, torch.searchsorted(classes, labels[batch]))
            if extra is not None:
                loss = loss + extra(model, x, logits, classes)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
