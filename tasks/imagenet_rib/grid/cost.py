"""What a grid of published models on the published data will cost, before it runs."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from gridcell import Cell, Grid
from imagenet_rib.grid.input_names import is_data
from imagenet_rib.grid.passes import MODELS_A_PASS, same_images
from imagenet_rib.grid.slices import CORRUPTED
from imagenet_rib.grid.throughput import DECODED, HARDWARE, Throughput, throughput_of
from imagenet_rib.settings import Settings
from imagenet_rib.vocabulary import VAL

IMAGES = {
    "v2": 10_000,
    "a": 7_500,
    "r": 30_000,
    "sketch": 50_889,
    "objectnet": 18_574,
    "cartoon": 50_000,
    "drawing": 50_000,
    CORRUPTED: 75 * 50_000,
    VAL: 50_000,
}
"""Images of the published sets (ImageNet-RIB, table 1; ObjectNet: those of classes that ImageNet has)."""

CORRUPTIONS = 15
BYTES_PER_WEIGHT = 4


@dataclass(frozen=True)
class _Cost:
    """What one cell costs.

    Attributes:
        compute: seconds on the GPU.
        decodes: images that are decoded for it; of evaluations that go through the images together, its part.
        alone: images that were decoded for it if it ran by itself.
        speed: images that are decoded for it in a second, by all its processes.
    """

    compute: float
    decodes: float
    alone: float
    speed: float

    @property
    def seconds(self) -> float:
        """What it takes: loaders decode while the GPU computes, so the slower of the two counts."""
        return max(self.compute, self.decodes / self.speed)


def estimate(settings: Settings, grid: Grid) -> Mapping[str, str]:
    """Estimate GPU-hours and storage; nothing for data whose sizes are known only once they are read.

    Training counts its images times epochs, LwF's teacher beside it; every method as a full fine-tuning,
    which is more than linear probes take. A cell takes as long as the slower of computing and decoding.
    Weights are stored as float32, right or wrong as a bit an image.
    """
    if settings.data.source != "published":
        return {}
    seconds: defaultdict[str, float] = defaultdict(float)
    decodes: defaultdict[str, float] = defaultdict(float)
    alone = stored = 0.0
    unknown: Counter[str] = Counter()
    costs = _costs(settings, grid)
    for cell_id, cell in grid.cells.items():
        name = _model_of(cell, grid)
        speed = throughput_of(name) if name else None
        if speed is not None:
            seconds[cell.kind] += costs[cell_id].seconds
            decodes[cell.kind] += costs[cell_id].decodes
            alone += costs[cell_id].alone
            stored += _stored_bytes(cell, speed)
        elif name is not None:
            unknown[name] += 1
    hours = {kind: amount / 3600 for kind, amount in sorted(seconds.items()) if amount}
    parts = ", ".join(f"{kind} {amount:,.0f}" for kind, amount in hours.items())
    read = ", ".join(f"{kind} {_short(amount)}" for kind, amount in sorted(decodes.items()) if amount)
    lines = {
        "GPU-hours, roughly": (
            f"{sum(hours.values()):,.0f} ({parts}) on {HARDWARE}, each with {settings.resources.cpus} CPUs "
            f"that decode {DECODED[settings.data.reader]:.0f} images/s"
        ),
        "images decoded": (
            f"{_short(sum(decodes.values()))} ({read}) at best, where up to {MODELS_A_PASS} models see an "
            f"image together; {_short(alone)} if each evaluation went alone"
        ),
        "storage": f"{stored / 1e9:,.0f} GB of weights and answers, the images not counted",
    }
    if unknown:
        lines["not counted"] = (
            f"{unknown.total()} cells of {', '.join(sorted(unknown))}: no figures for these"
        )
    return lines


def durations(settings: Settings, grid: Grid) -> Mapping[str, float]:
    """Estimate each cell's seconds on one GPU, where ``estimate`` can say anything; by id."""
    if settings.data.source != "published":
        return {}
    return {cell: cost.seconds for cell, cost in _costs(settings, grid).items()}


def _costs(settings: Settings, grid: Grid) -> dict[str, _Cost]:
    """Return cell -> what it costs, of the cells of models with figures."""
    evaluations = {id_: cell for id_, cell in grid.cells.items() if cell.kind == "evaluate"}
    pass_of = {cell_id: same_images(cell, grid.cells) for cell_id, cell in evaluations.items()}
    together = Counter(pass_of.values())
    costs = {}
    for cell_id, cell in grid.cells.items():
        speed = throughput_of(_model_of(cell, grid) or "")
        if speed is None:
            continue
        alone = shared = _images(cell)
        if cell.kind == "evaluate":
            models = together[pass_of[cell_id]]
            shared = alone * math.ceil(models / MODELS_A_PASS) / models
        cores = max(1, cell.resources.cpus - 1) * cell.resources.workers  # one is for what computes
        costs[cell_id] = _Cost(_compute(cell, speed), shared, alone, cores * DECODED[settings.data.reader])
    return costs


def _short(count: float) -> str:
    """Return a number of images as people say it: ``36.2 G``."""
    unit, size = next((each for each in (("G", 1e9), ("M", 1e6), ("k", 1e3)) if count >= each[1]), ("", 1.0))
    return f"{count / size:.3g} {unit}".rstrip()


def _model_of(cell: Cell, grid: Grid) -> str | None:
    """Return timm's name of the model a cell works with, found by following what it needs."""
    if "architecture" in cell.config:
        return str(cell.config["architecture"]["name"])
    for role, need in cell.needs.items():
        if not is_data(role):
            return _model_of(grid.cells[need], grid)
    return None


def _compute(cell: Cell, speed: Throughput) -> float:
    """Return the seconds that the GPU computes."""
    images = _images(cell)
    if cell.kind == "train":
        return images / speed.train + (images / speed.infer if cell.config["method"] == "lwf" else 0.0)
    if cell.kind == "evaluate":
        return images / speed.infer
    return images / speed.train


def _images(cell: Cell) -> float:
    """Return how many images the model is shown, each time counted."""
    if cell.kind == "train":
        training = cell.config["training"]  # images held out are shown as often, in a pass without gradients
        return float(_at_most(cell.config["downstream"], training.get("max_images")) * training["epochs"])
    if cell.kind == "evaluate":
        return _answers(cell)
    return float(cell.config["samples"]) if cell.kind == "fisher" else 0.0


def _answers(cell: Cell) -> float:
    images = sum(_at_most(name, cell.config.get("max_images")) for name in cell.config["sets"])
    return images / CORRUPTIONS if "corruption" in cell.config else images


def _at_most(name: str, most: int | None) -> int:
    return IMAGES[name] if most is None else min(IMAGES[name], most)


def _stored_bytes(cell: Cell, speed: Throughput) -> float:
    if cell.kind in ("pretrained", "train", "fisher"):
        return speed.parameters * 1e6 * BYTES_PER_WEIGHT
    return _answers(cell) / 8 if cell.kind == "evaluate" else 0.0
