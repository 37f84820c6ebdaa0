"""The data cell: makes the sets of images once, so that every other cell sees the same bytes."""

from typing import Any

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.data.images import save_npz
from imagenet_rib.work.inputs import SETS


def run(cell: Cell, context: Context) -> dict[str, Any]:
    """Derive the sets from the embedded digits, or read them from the user's folder.

    Raises:
        UserError: the folder isn't the one that was planned, or lacks a set or class.
    """
    config = cell.config
    if config["source"] == "digits":
        from gridcell.data.derive import derive
        from gridcell.data.digits import load_digits_images

        base = load_digits_images(config["image_size"])
        sets = derive(base, seed=config["seed"], parameters=config["shifts"])
    elif config["source"] in ("imagenet", "published"):
        from imagenet_rib.imagenet import read_imagenet

        sets = read_imagenet(
            context.locations.get("data"),
            config["image_size"],
            seed=config.get("seed", 0),
            shifts=config.get("shifts", {}),
            derived=config["source"] == "imagenet",
        )
    else:
        from gridcell.data.suite import read_suite

        sets = read_suite(context.locations["data"])
    save_npz(context.outputs / SETS, sets)
    return {"images": {name: len(one) for name, one in sets.items()}}
