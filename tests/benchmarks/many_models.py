"""Eighteen checkpoints of EfficientNet-Lite0 on JPEG crops of photographs: one pass against eighteen cells.

The images are 400 x 300 px and are brought to 224 px. Both sides are the evaluation cell itself, on stored
shards, with one thread; beside them stands what eighteen bare forward passes over ready batches take, in
batches of the same size. Freed memory is kept, as workers keep it (``gridcell.execute.allocation``). Figures
are of processor time, which other work on the machine disturbs less than the clock's. The separate cells and
the bare passes are counted by a part of the models and images: they take the same time for each. The weights
are random: the time does not depend on them.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from tests.photographs import crops

from gridcell.cell import Cell
from gridcell.execute.allocation import keep_freed_memory
from gridcell.execute.attempt import Attempt
from gridcell.execute.run_cell import run_cell, run_cells
from gridcell.store import Store

AIMS = {"one pass / bare forward passes": "<= 1.1", "decodes of one pass": "<= 1000"}
IMAGES, MODELS = 1000, 18
SEPARATE = 3  # cells that are run one by one
BARE_IMAGES = 250
PHOTOGRAPHS = {"china": 698, "flower": 985, "chelsea": 282, "coffee": 967}
ARCHITECTURE = {"name": "tf_efficientnet_lite0", "options": {}, "input_size": 224}


def measure() -> dict[str, float]:
    """Return images a second of each side, their ratios, and how often an image was decoded."""
    import torch

    torch.set_num_threads(1)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        cells, stores, locations = _prepared(Path(folder))
        from imagenet_rib import task

        def single() -> None:
            for cell in cells[:SEPARATE]:
                outcome = run_cell(Attempt(cell, task, stores[0], locations))
                assert outcome.done, outcome

        def together() -> None:
            ended: list[Any] = []
            run_cells([Attempt(cell, task, stores[1], locations) for cell in cells], ended.append)
            assert len(ended) == MODELS
            assert all(outcome.done for outcome in ended), ended

        seconds, decodes = {}, {}
        for name, side in {"separate cells": single, "one pass": together}.items():
            with _decodes() as counted:
                seconds[name] = _processor_seconds(side)
            decodes[name] = float(counted[0])
        for cell in cells[:SEPARATE]:  # the same answers
            one, other = (store.results.read(cell.id) for store in stores)
            assert one.content == other.content
    speeds = {
        "separate cells": IMAGES * SEPARATE / seconds["separate cells"],
        "one pass": IMAGES * MODELS / seconds["one pass"],
        "bare forward passes": BARE_IMAGES * MODELS / _bare(),
    }
    return {
        **{f"{name} (images/s)": speed for name, speed in speeds.items()},
        "separate cells / one pass": speeds["one pass"] / speeds["separate cells"],
        "one pass / bare forward passes": speeds["bare forward passes"] / speeds["one pass"],
        **{f"decodes of {name}": count for name, count in decodes.items()},
    }


def _processor_seconds(side: Callable[[], None]) -> float:
    begun = time.process_time()
    side()
    return time.process_time() - begun


@contextmanager
def _decodes() -> Any:
    from gridcell.data.shards import datasets

    counted, decode = [0], datasets.published_rgb

    def counting(*arguments: Any, **options: Any) -> Any:
        counted[0] += 1
        return decode(*arguments, **options)

    with mock.patch.object(datasets, "published_rgb", counting):
        yield counted


def _prepared(root: Path) -> tuple[list[Cell], list[Store], dict[str, str]]:
    """Write the images as shards, and two stores that hold the sets and the checkpoints."""
    import torch

    from gridcell.data.sharded import read_stored, save_index
    from gridcell.data.shards.samples import open_samples
    from gridcell.data.shards.write import import_set
    from imagenet_rib.cells.evaluate import WEIGHTS
    from imagenet_rib.cells.stored_sets import INDEX
    from imagenet_rib.learning.models import architecture_name, build_model, save_weights

    for name, label in PHOTOGRAPHS.items():
        (root / "images" / str(label)).mkdir(parents=True)
        for number, picture in enumerate(crops(name, IMAGES // len(PHOTOGRAPHS), 400)):
            path = root / "images" / str(label) / f"{number:04d}.jpg"
            picture.crop((0, 50, 400, 350)).save(path, quality=90)
    import_set("folder", [root / "images"], str(root / "sets" / "folder"), shard_mb=16)
    uri = str(root / "sets" / "folder")
    images = read_stored("folder", uri, open_samples("folder", uri).content)
    stores = [Store(str(root / side)).prepare() for side in ("separate", "together")]
    arguments = {"num_classes": len(images.class_names), "image_size": 224}
    identity = architecture_name(ARCHITECTURE["name"], **arguments)

    def leave(cell: Cell, write: Callable[[Path], None]) -> Cell:
        out = root / "out" / cell.id
        out.mkdir(parents=True)
        write(out)
        for store in stores:
            store.results.commit(cell, {}, out, {})
        return cell

    data = leave(Cell("imagenet-rib", "data", {}), lambda out: save_index(out / INDEX, images))
    cells = []
    for seed in range(MODELS):
        torch.manual_seed(seed)
        weights = build_model(ARCHITECTURE["name"], **arguments).state_dict()
        made = Cell("imagenet-rib", "pretrain", {"architecture": ARCHITECTURE}, seed=seed)
        leave(made, lambda out, weights=weights: save_weights(out / WEIGHTS, weights, identity))
        needs = {"data folder": data.id, "weights": made.id}
        cells.append(Cell("imagenet-rib", "evaluate", {"merge": None, "sets": ["folder"]}, needs=needs))
    return cells, stores, {"data": str(root / "sets")}


def _bare() -> float:
    import torch

    from imagenet_rib.cells.at_once import images_at_once
    from imagenet_rib.learning.models import build_model, normalisation_of

    models = [
        build_model(ARCHITECTURE["name"], num_classes=1000, image_size=224).eval() for _ in range(MODELS)
    ]
    normalise = normalisation_of(models[0])
    at_once = images_at_once("cpu", 224)
    sizes = [min(at_once, BARE_IMAGES - begin) for begin in range(0, BARE_IMAGES, at_once)]
    pixels = np.random.default_rng(0).integers(256, size=(max(sizes), 224, 224, 3), dtype=np.uint8)
    ready = normalise(torch.from_numpy(pixels))

    def forward() -> None:
        with torch.inference_mode():
            for size in sizes:
                for model in models:
                    model(ready[:size])

    return _processor_seconds(forward)
