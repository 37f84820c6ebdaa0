"""Images evaluated per second, beside the bare forward pass over ready batches."""

import statistics
import time

import torch

from gridcell.data.batches import Batches
from imagenet_rib.learning.models import build_model, normalisation_of
from imagenet_rib.learning.predictions import predict
from imagenet_rib.settings import Settings

AIMS = {"vit: evaluation / bare forward": ">= 0.95", "resnet: evaluation / bare forward": ">= 0.95"}
IMAGES, REPEATS, BATCH = 4096, 15, 128


def measure() -> dict[str, float]:
    """Return throughput ratios; both sides alternate, and each counts with its median."""
    import yaml

    from imagenet_rib import task

    settings = Settings.model_validate(yaml.safe_load((task.suites / "mini.yaml").read_text()))
    figures = {}
    for name, architecture in settings.architectures.items():
        figures |= _compare(name, architecture.name, architecture.options)
    return figures


def _compare(label: str, name: str, options: dict[str, object]) -> dict[str, float]:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a cell computes
    model = build_model(name, num_classes=10, image_size=32, **options).eval()
    normalise = normalisation_of(model)
    images = torch.randint(0, 256, (IMAGES, 32, 32, 3), dtype=torch.uint8)
    ready = [normalise(images[begin : begin + BATCH]) for begin in range(0, IMAGES, BATCH)]
    classes = torch.arange(10)

    def bare() -> None:
        with torch.inference_mode():
            for batch in ready:
                model(batch)

    sides = {
        "evaluation": lambda: predict(
            model, Batches(images, batch_size=BATCH, shuffle=False), normalise, classes
        ),
        "bare": bare,
    }
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(REPEATS):
        for side, run in sides.items():
            begun = time.perf_counter()
            run()
            seconds[side].append(time.perf_counter() - begun)
    ours, reference = (statistics.median(seconds[side]) for side in ("evaluation", "bare"))
    return {
        f"{label}: evaluation (images/s)": IMAGES / ours,
        f"{label}: bare forward (images/s)": IMAGES / reference,
        f"{label}: evaluation / bare forward": reference / ours,
    }
