"""What a grid of published models on the published data will cost, before it runs."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from gridcell import Cell, Grid
from imagenet_rib.grid.input_names import is_data
from imagenet_rib.grid.slices import CORRUPTED
from imagenet_rib.grid.throughput import HARDWARE, Throughput, throughput_of
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


def estimate(settings: Settings, grid: Grid) -> Mapping[str, str]:
    """Estimate GPU-hours and storage; nothing for data whose sizes are known only once they are read.

    Training counts its images times epochs, LwF's teacher beside it; every method as a full fine-tuning,
    which is more than linear probes take. Weights are stored as float32, right or wrong as a bit an image.
    """
    if settings.data.source != "published":
        return {}
    seconds: defaultdict[str, float] = defaultdict(float)
    stored = 0.0
    unknown: Counter[str] = Counter()
    for cell in grid.cells.values():
        name = _model_of(cell, grid)
        speed = throughput_of(name) if name else None
        if speed is not None:
            seconds[cell.kind] += _seconds(cell, speed)
            stored += _stored_bytes(cell, speed)
        elif name is not None:
            unknown[name] += 1
    hours = {kind: amount / 3600 for kind, amount in sorted(seconds.items()) if amount}
    parts = ", ".join(f"{kind} {amount:,.0f}" for kind, amount in hours.items())
    lines = {
        "GPU-hours, roughly": f"{sum(hours.values()):,.0f} ({parts}) on {HARDWARE}",
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
    speeds = {cell: throughput_of(_model_of(grid.cells[cell], grid) or "") for cell in grid.cells}
    return {cell: _seconds(grid.cells[cell], speed) for cell, speed in speeds.items() if speed is not None}


def _model_of(cell: Cell, grid: Grid) -> str | None:
    """Return timm's name of the model a cell works with, found by following what it needs."""
    if "architecture" in cell.config:
        return str(cell.config["architecture"]["name"])
    for role, need in cell.needs.items():
        if not is_data(role):
            return _model_of(grid.cells[need], grid)
    return None


def _seconds(cell: Cell, speed: Throughput) -> float:
    if cell.kind == "train":
        seen = IMAGES[cell.config["downstream"]] * cell.config["training"]["epochs"]
        return seen / speed.train + (seen / speed.infer if cell.config["method"] == "lwf" else 0.0)
    if cell.kind == "evaluate":
        return _answers(cell) / speed.infer
    if cell.kind == "fisher":
        return float(cell.config["samples"]) / speed.train
    return 0.0


def _answers(cell: Cell) -> float:
    images = sum(IMAGES[name] for name in cell.config["sets"])
    return images / CORRUPTIONS if "corruption" in cell.config else images


def _stored_bytes(cell: Cell, speed: Throughput) -> float:
    if cell.kind in ("pretrained", "train", "fisher"):
        return speed.parameters * 1e6 * BYTES_PER_WEIGHT
    return _answers(cell) / 8 if cell.kind == "evaluate" else 0.0
