"""Images per second of whole trainings and evaluations on a GPU, beside bare loops; needs a GPU.

ResNet-50 and ViT-B/16 at 224 px, random weights, batches of 128, in the precision that a cell chooses. Bare
loops take one batch that lies on the GPU already, normalise it and do nothing but the network's steps. Ours
take images from the machine's memory, batch by batch, as a cell does.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from gridcell.data.batches import Batches
from gridcell.learn.classifier import Classifier
from gridcell.learn.fitting import fit
from gridcell.learn.optimisers import Optimisation
from gridcell.learn.precision import mixed_precision
from imagenet_rib.cells.at_once import images_at_once
from imagenet_rib.learning.models import build_model, normalisation_of
from imagenet_rib.learning.predictions import predict

MODELS = ("resnet50", "vit_base_patch16_224")
AIMS = {f"{name}: {what}": ">= 0.95" for name in MODELS for what in ("fit / bare", "evaluation / bare")}
IMAGES, BATCH, SIDE, CLASSES = 2048, 128, 224, 1000
EPOCHS, STEPS, WARM_UP = 4, 24, 6
GPU = torch.device("cuda")


def measure() -> dict[str, float]:
    """Measure; nothing where there is no GPU."""
    if not torch.cuda.is_available():
        return {}
    images = torch.randint(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (IMAGES,))
    figures: dict[str, float] = {}
    for name in MODELS:
        figures |= {f"{name}: {key}": value for key, value in _compare(name, images, labels).items()}
    return figures


def _compare(name: str, images: Tensor, labels: Tensor) -> dict[str, float]:
    model = build_model(name, num_classes=CLASSES, image_size=SIDE).to(GPU)
    normalise = normalisation_of(model)
    shown, right = images[:BATCH].to(GPU), labels[:BATCH].to(GPU)

    def train(each: Callable[[Tensor], Tensor]) -> None:
        with mixed_precision(GPU):
            loss = nn.functional.cross_entropy(each(normalise(shown)), right)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad()

    @torch.inference_mode()
    def answer() -> None:
        with mixed_precision(GPU):
            model(normalise(shown))

    optimiser = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, fused=True)
    bare = _rate(lambda: train(model.train()))
    model.eval()
    bare_answers = _rate(answer)
    compiled = torch.compile(model.train())
    begun = time.perf_counter()
    train(compiled)
    compiling = time.perf_counter() - begun
    bare_compiled = _rate(lambda: train(compiled))
    ours = _fit(model, normalise, images, labels)
    evaluated = _evaluate(model.to(GPU), normalise, images)
    return {
        "fit / bare": ours / bare,
        "evaluation / bare": evaluated / bare_answers,
        "compiled / bare": bare_compiled / bare,
        "fit (images/s)": ours,
        "bare training (images/s)": bare,
        "evaluation (images/s)": evaluated,
        "bare answers (images/s)": bare_answers,
        "first step, compiled (s)": compiling,
    }


def _rate(step: Callable[[], object]) -> float:
    """Return images per second of a step on one batch."""
    for _ in range(WARM_UP):
        step()
    begun = _now()
    for _ in range(STEPS):
        step()
    return STEPS * BATCH / (_now() - begun)


def _fit(model: nn.Module, normalise: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> float:
    ends: list[float] = []
    module = Classifier(
        model,
        lambda model, seen, right: nn.functional.cross_entropy(model(seen), right),
        optimisation=Optimisation(lr=1e-4),
        transform=normalise,
    )
    batches = Batches(images, labels, batch_size=BATCH, seed=0)
    fit(module, batches, epochs=EPOCHS, seed=0, accelerator="gpu", report=lambda **_: ends.append(_now()))
    return IMAGES * (EPOCHS - 1) / (ends[-1] - ends[0])


def _evaluate(model: nn.Module, normalise: Callable[[Tensor], Tensor], images: Tensor) -> float:
    at_once = images_at_once("cuda", SIDE)
    for _ in range(2):  # the first warms up
        begun = _now()
        batches = Batches(images, batch_size=at_once, shuffle=False)
        predict(model, batches, normalise, torch.arange(CLASSES))
        rate = IMAGES / (_now() - begun)
    return rate


def _now() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()
