"""What a grid of published models on the published data will cost, before it runs."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gridcell import Cell, Grid
from imagenet_rib.grid.input_names import is_data
from imagenet_rib.grid.passes import MODELS_A_PASS, PROBES_A_PASS, same_features, same_images
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
WORTH_SAYING = 0.95  # of the hours: below that the faster reader is named


@dataclass(frozen=True)
class _Cost:
    """What one cell costs.

    Attributes:
        compute: seconds on the GPU.
        decodes: images that are decoded for it; of cells that go through the images together, its part.
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
        return self.with_decoding(1.0)

    def with_decoding(self, times_as_fast: float) -> float:
        """Return the seconds it takes where images are decoded so many times as fast."""
        return max(self.compute, self.decodes / (times_as_fast * self.speed))


def estimate(settings: Settings, grid: Grid) -> Mapping[str, str]:
    """Estimate GPU-hours and storage; nothing for data whose sizes are known only once they are read.

    Training counts its images times epochs as a full fine-tuning, and once more for LwF's teacher. Linear
    probes count the images once, for all seeds together: then their features are known. A cell takes as long
    as the slower of computing and decoding.
    Weights are stored as float32, right or wrong as a bit an image.
    """
    if settings.data.source != "published":
        return {}
    seconds: defaultdict[str, float] = defaultdict(float)
    decodes: defaultdict[str, float] = defaultdict(float)
    alone = stored = 0.0
    unknown: Counter[str] = Counter()
    costs, reader = _costs(settings, grid), settings.data.reader
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
    if not costs:
        return _not_counted(unknown)
    lines = {
        "GPU-hours, roughly": (
            f"{sum(hours.values()):,.0f} ({parts}) on {HARDWARE}, each with {settings.resources.cpus} CPUs "
            f"that decode {DECODED[reader]:.0f} images/s (data.reader={reader})"
            + _faster_reader(reader, costs.values())
        ),
        "images decoded": (
            f"{_short(sum(decodes.values()))} ({read}) at best, where up to {MODELS_A_PASS} models see an "
            f"image together; {_short(alone)} if each cell went alone"
        ),
        "storage": f"{stored / 1e9:,.0f} GB of weights and answers, the images not counted",
    }
    return lines | _not_counted(unknown)


def _faster_reader(reader: str, costs: Collection[_Cost]) -> str:
    """Say what the fastest reader would take, where that is a twentieth less or more than that."""
    fastest = max(DECODED, key=DECODED.__getitem__)
    usual = sum(cost.seconds for cost in costs)
    fast = sum(cost.with_decoding(DECODED[fastest] / DECODED[reader]) for cost in costs)
    return f"; {fast / 3600:,.0f} with data.reader={fastest}" if fast <= WORTH_SAYING * usual else ""


def _not_counted(unknown: Counter[str]) -> dict[str, str]:
    """Say how many cells are of models whose speed nobody knows, by timm's name."""
    if not unknown:
        return {}
    return {"not counted": f"{unknown.total()} cells of {', '.join(sorted(unknown))}: no figures for these"}


def durations(settings: Settings, grid: Grid) -> Mapping[str, float]:
    """Estimate each cell's seconds on one GPU, where ``estimate`` can say anything; by id."""
    if settings.data.source != "published":
        return {}
    return {cell: cost.seconds for cell, cost in _costs(settings, grid).items()}


def _costs(settings: Settings, grid: Grid) -> dict[str, _Cost]:
    """Return cell -> what it costs, of the cells of models with figures."""
    pass_of = {cell_id: _pass_of(cell, grid) for cell_id, cell in grid.cells.items()}
    together = Counter((key, grid.cells[cell_id].resources) for cell_id, key in pass_of.items())
    costs = {}
    for cell_id, cell in grid.cells.items():
        speed = throughput_of(_model_of(cell, grid) or "")
        if speed is None:
            continue
        share, key = 1.0, pass_of[cell_id]
        if key is not None and cell.resources.workers == 1:
            most = MODELS_A_PASS if cell.kind == "evaluate" else PROBES_A_PASS
            count = together[key, cell.resources]
            share = math.ceil(count / most) / count
        shown = _shown(cell, of_probe=cell.kind == "train" and key is not None)
        cores = max(1, cell.resources.cpus - 1) * cell.resources.workers  # one is for what computes
        costs[cell_id] = _Cost(
            shown.trained / speed.train + shown.answered / speed.infer + share * shown.features / speed.infer,
            share * shown.decoded,
            shown.decoded,
            cores * DECODED[settings.data.reader],
        )
    return costs


def _pass_of(cell: Cell, grid: Grid) -> str | None:
    """Return what cells have in common that can be shown their images together; None for others."""
    if cell.kind == "evaluate":
        return same_images(cell, grid.cells)
    return same_features(cell, grid.cells) if cell.kind == "train" else None


@dataclass(frozen=True)
class _Shown:
    """How many images a cell shows to its model, each time counted.

    Attributes:
        trained: that the model is trained on.
        answered: that a model answers for this cell alone.
        features: whose features are computed for all cells that need them.
        decoded: that are read for it.
    """

    trained: float = 0.0
    answered: float = 0.0
    features: float = 0.0
    decoded: float = 0.0


def _shown(cell: Cell, of_probe: bool) -> _Shown:
    if cell.kind == "evaluate":
        images = _answers(cell)
        return _Shown(answered=images, decoded=images)
    if cell.kind == "fisher":
        images = float(cell.config["samples"])
        return _Shown(trained=images, decoded=images)
    if cell.kind != "train":
        return _Shown()
    training = cell.config["training"]  # images held out are shown as often, in a pass without gradients
    once_more = (
        4 / 3 if training.get("gradient_checkpointing") else 1.0
    )  # a third forward, two thirds backward
    images = float(_at_most(cell.config["downstream"], training.get("max_images")))
    if of_probe:
        return _Shown(features=images, decoded=images)
    epochs = training["epochs"]
    if cell.config["method"] != "lwf":
        return _Shown(trained=once_more * epochs * images, decoded=epochs * images)
    before = images if epochs > 1 else 0.0  # the teacher's answers are then known before training
    return _Shown(trained=once_more * epochs * images, answered=images, decoded=epochs * images + before)


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


def _answers(cell: Cell) -> float:
    images = sum(_at_most(name, cell.config.get("max_images")) for name in cell.config["sets"])
    return images / CORRUPTIONS if "corruption" in cell.config else images


def _at_most(name: str, most: int | None) -> int:
    return IMAGES[name] if most is None else min(IMAGES[name], most)


def _stored_bytes(cell: Cell, speed: Throughput) -> float:
    if cell.kind in ("pretrained", "train", "fisher"):
        return speed.parameters * 1e6 * BYTES_PER_WEIGHT
    return _answers(cell) / 8 if cell.kind == "evaluate" else 0.0
