"""The two readers of stored images, on the same JPEG crops of photographs: time, levels, accuracy.

Both read as a loader's process does, with one thread, and prepare images for EfficientNet-Lite0 (224 of 256
px, bicubic), which then answers both. Images are 500 x 375 px, 400 x 300 px and, as ImageNet-C's, 224 x 224
px. Beside them stands what mixed precision changes on the same images (bfloat16 against float32, by the same
reader). Seconds are the processor's.
"""

import io
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tests.photographs import PHOTOGRAPHS, crops

if TYPE_CHECKING:
    from torch import Tensor, nn

    from imagenet_rib.learning.predictions import Normalisation

AIMS = {
    "500 x 375: pil / torchvision (time)": ">= 2",
    "224 x 224: values that differ (ppm)": "<= 0",
    "largest difference (levels)": "<= 1",
}
SIZES = ((500, 375), (400, 300), (224, 224))
QUALITIES = (75, 90)
OF_EACH = 24  # crops of a photograph, size and quality: 1,008 images in all
REPEATS = 3
MODEL = "tf_efficientnet_lite0"


def measure() -> dict[str, float]:
    """Return images a second, how many of the values given to a model differ, and answers of both readers."""
    import torch

    torch.set_num_threads(1)
    model, normalise = _model()
    figures: dict[str, float] = {}
    answers = {"pil": 0, "torchvision": 0}
    images, same, same_mixed, largest = 0, 0, 0, 0
    for width, height in SIZES:
        size = f"{width} x {height}"
        files = list(_files(width, height))
        prepared = {}
        seconds = {}
        for reader, read in _readers(normalise).items():
            prepared[reader], seconds[reader] = _timed(read, [content for content, _ in files])
            figures[f"{size}: {reader} (images/s)"] = len(files) / seconds[reader]
        figures[f"{size}: pil / torchvision (time)"] = seconds["pil"] / seconds["torchvision"]
        levels = (prepared["pil"].int() - prepared["torchvision"].int()).abs()
        figures[f"{size}: values that differ (ppm)"] = 1e6 * float((levels > 0).double().mean())
        figures[f"{size}: by two levels (ppm)"] = 1e6 * float((levels > 1).double().mean())
        largest = max(largest, int(levels.max()))
        found = {reader: _top1(model, normalise, each) for reader, each in prepared.items()}
        mixed = _top1(model, normalise, prepared["pil"], mixed=True)
        images += len(files)
        same += int((found["pil"] == found["torchvision"]).sum())
        same_mixed += int((found["pil"] == mixed).sum())
        for reader, top1 in found.items():
            answers[reader] += sum(one in right for one, (_, right) in zip(top1.tolist(), files, strict=True))
    return {
        **figures,
        "largest difference (levels)": float(largest),
        "images": float(images),
        **{f"accuracy by {reader} (%)": 100 * right / images for reader, right in answers.items()},
        "another top-1 answer by torchvision (images)": float(images - same),
        "another top-1 answer by bfloat16 (images)": float(images - same_mixed),
    }


def _files(width: int, height: int) -> Iterator[tuple[bytes, set[int]]]:
    for number, (name, right) in enumerate(PHOTOGRAPHS.items()):
        for quality in QUALITIES:
            for crop in crops(name, OF_EACH, max(width, height), seed=1000 * number + quality + width):
                top = (max(width, height) - height) // 2
                file = io.BytesIO()
                crop.crop((0, top, width, top + height)).save(file, "JPEG", quality=quality)
                yield file.getvalue(), right


def _readers(normalise: "Normalisation") -> "dict[str, Callable[[bytes], Tensor]]":
    from gridcell.data.folders.decode import published_rgb
    from gridcell.data.folders.readers import published_tensor

    return {
        "pil": lambda content: normalise.prepare(published_rgb(content, "")),
        "torchvision": lambda content: normalise.prepare(published_tensor(content, "")),
    }


def _timed(read: "Callable[[bytes], Tensor]", files: list[bytes]) -> "tuple[Tensor, float]":
    """Return all images as one reader prepares them, and the seconds of its fastest of some rounds."""
    import torch

    seconds = []
    for _ in range(REPEATS):
        begun = time.process_time()
        prepared = [read(content) for content in files]
        seconds.append(time.process_time() - begun)
    return torch.stack(prepared), min(seconds)


def _model() -> "tuple[nn.Module, Normalisation]":
    from imagenet_rib.learning.models import build_model, build_pretrained, normalisation_of
    from imagenet_rib.learning.offline_weights import offline_weights

    own = build_model(f"{MODEL}.in1k", num_classes=1000, image_size=224).state_dict()
    weights = offline_weights(f"{MODEL}.in1k", own)
    model = build_pretrained(f"{MODEL}.in1k", num_classes=1000, image_size=224, weights=weights).eval()
    return model, normalisation_of(model)


def _top1(model: "nn.Module", normalise: "Normalisation", images: "Tensor", mixed: bool = False) -> "Tensor":
    import torch

    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        batches = (images[begin : begin + 16] for begin in range(0, len(images), 16))
        return torch.cat([model(normalise(batch)).argmax(1) for batch in batches])
