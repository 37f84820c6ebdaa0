"""Reading and decoding shards against torchvision's ImageFolder, on the same images, in one run.

Both sides read 512 JPEGs of 400 x 300 px, decode them with
Pillow and resize and crop them or not; files are in the operating system's cache for both, so this compares
the work per image, not disks. The sides take turns, and the ratio is of their best processor times, which
other work on the machine disturbs less than the clock's.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

AIMS = {"ratio_decode": ">= 1", "ratio_shuffled": ">= 1", "ratio_transform": ">= 1"}
IMAGES = 512
SIZE = (400, 300)  # width, height in px
ROUNDS = 7


def measure() -> dict[str, float]:
    """Return images per second of one core, and shards over ImageFolder (``ratio_*``: above 1 is faster)."""
    import torch
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    from gridcell.data.shards.datasets import DecodedImages, EvaluationOrder, StoredBatches, TrainingOrder
    from gridcell.data.shards.samples import FolderSamples, ShardSamples
    from gridcell.data.shards.write import import_set

    torch.set_num_threads(1)
    prepare = transforms.Compose(
        [transforms.Resize(256), transforms.CenterCrop(224), transforms.PILToTensor()]
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _write_photographs(root / "images")
        begun = time.process_time()
        import_set("folder", [root / "images"], str(root / "shards"), shard_mb=4)
        importing = IMAGES / (time.process_time() - begun)
        shards, plain = ShardSamples(str(root / "shards")), FolderSamples("folder", root / "images")

        nothing = torch.zeros(1, dtype=torch.uint8)

        def blank(image: Any) -> torch.Tensor:
            return nothing

        def visit(samples: Any) -> int:
            images = DecodedImages(samples, blank)
            return sum(1 for number in range(len(images)) if images[number])

        def visit_batches(prepared: Any, order: Any) -> int:
            return sum(len(labels) for _, labels in StoredBatches(shards, prepared, order))

        def visit_map(dataset: Any, order: Any) -> int:
            return sum(1 for index in order if dataset[index])

        decode, full = ImageFolder(root / "images"), ImageFolder(root / "images", prepare)
        shuffled = np.random.default_rng(0).permutation(IMAGES).tolist()
        sides: dict[str, Callable[[], int]] = {
            "folder_decode": lambda: visit_map(decode, range(IMAGES)),
            "shards_decode": lambda: visit(shards),
            "plain_decode": lambda: visit(plain),
            "folder_shuffled": lambda: visit_map(decode, shuffled),
            "shards_shuffled": lambda: visit_batches(
                blank, TrainingOrder(shards.counts, batch_size=64, seed=0)
            ),
            "folder_transform": lambda: visit_map(full, range(IMAGES)),
            "shards_transform": lambda: visit_batches(prepare, EvaluationOrder(np.arange(IMAGES), 64)),
        }
        best = dict.fromkeys(sides, float("inf"))
        for _ in range(ROUNDS):
            for name, side in sides.items():
                begun = time.process_time()
                count = side()
                best[name] = min(best[name], time.process_time() - begun)
                assert count == IMAGES, (name, count)
    rate = {f"{name}_images_per_s": IMAGES / seconds for name, seconds in best.items()}
    return {
        **rate,
        "import_images_per_s": importing,
        "ratio_decode": best["folder_decode"] / best["shards_decode"],
        "ratio_plain_folder": best["folder_decode"] / best["plain_decode"],
        "ratio_shuffled": best["folder_shuffled"] / best["shards_shuffled"],
        "ratio_transform": best["folder_transform"] / best["shards_transform"],
    }


def _write_photographs(root: Path) -> None:
    """Write crops of sample photographs, as JPEGs of a camera's quality, in eight class folders."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    photographs = [load_sample_image("china.jpg"), load_sample_image("flower.jpg")]
    photographs += [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        whole = Image.fromarray(photographs[number % len(photographs)])
        width, height = (int(rng.uniform(0.6, 1) * length) for length in whole.size)
        left, top = rng.integers(0, whole.width - width + 1), rng.integers(0, whole.height - height + 1)
        crop = whole.crop((left, top, left + width, top + height)).resize(SIZE, Image.Resampling.LANCZOS)
        file = root / f"class{number % 8}" / f"{number:05d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        crop.save(file, quality=90)
