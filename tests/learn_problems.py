"""A small learning problem with everything that makes resuming hard."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile
from typing import Any

import torch
from torch import Tensor, nn

from gridcell.data.batches import Batches
from gridcell.learn.classifier import Classifier
from gridcell.learn.optimisers import Optimisation


class Folder:
    """A checkpoint store in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps: list[int] = []

    def save(self, local_path: Path, step: int) -> None:
        self.steps.append(step)
        copyfile(local_path, self.folder / "last.ckpt")

    def latest(self, into: Path) -> Path | None:
        if not (self.folder / "last.ckpt").exists():
            return None
        return Path(copyfile(self.folder / "last.ckpt", into / "fetched.ckpt"))


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))


def data(size: int = 50, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 6, generator=generator)
    return images, (images[:, :3] + 0.3 * images[:, 3:]).argmax(1)


def cross_entropy(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(model(images), labels)


def classifier(**settings: Any) -> Classifier:
    settings.setdefault("optimisation", Optimisation(lr=0.05, warmup_share=0.2))
    return Classifier(network(), settings.pop("loss", cross_entropy), **settings)


def batches(seed: int = 0, **parts: int) -> Batches:
    return Batches(*data(), batch_size=8, seed=seed, **parts)


class FromTheFirst:
    """Batches that can't begin anywhere but at the first."""

    def __iter__(self) -> Iterator[Any]:
        return iter(batches())

    def __len__(self) -> int:
        return len(batches())
