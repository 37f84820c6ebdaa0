"""The data cell: sets of images made once, or a published set's index, so that all cells see the same."""

from collections.abc import Mapping
from typing import Any

from gridcell import Cell, Context, UserError
from gridcell.data import LabelledSet, save_npz
from imagenet_rib.cells.inputs import INDEX, SETS
from imagenet_rib.grid.input_names import DATA
from imagenet_rib.grid.published import set_uri


def run(cell: Cell, context: Context) -> dict[str, Any]:
    """Derive the sets from the embedded digits, read them from the user's folder, or look one up there.

    Raises:
        UserError: the folder isn't the one that was planned, or lacks a set or class, or a set has one class.
        CorruptData: a published set is damaged.
    """
    config = cell.config
    if config["source"] == "published":
        return _look_up(config["set"], config["content"], context)
    said: tuple[str, ...] = ()
    if config["source"] == "digits":
        from gridcell.data import derive, load_digits_images

        base = load_digits_images(config["image_size"])
        sets = derive(base, seed=config["seed"], parameters=config["shifts"])
    elif config["source"] == "imagenet":
        from imagenet_rib.cells.image_sets import read_imagenet
        from imagenet_rib.grid.image_folders import open_sets

        found = open_sets(context.locations[DATA])
        _check_planned(found.fingerprint, config, context)
        said = found.said
        sets = read_imagenet(
            found,
            config["image_size"],
            seed=config["seed"],
            shifts=config["shifts"],
        )
    else:
        from gridcell.data import fingerprint, read_suite

        _check_planned(fingerprint(context.locations[DATA]), config, context)
        sets = read_suite(context.locations[DATA])
    for one in sets.values():
        _check_classes(one)
    save_npz(context.outputs / SETS, sets)
    answer: dict[str, Any] = {"images": {name: len(one) for name, one in sets.items()}}
    return answer | ({"notes": list(said)} if said else {})


def _check_planned(found: str, config: Mapping[str, Any], context: Context) -> None:
    """Raise UserError if the folder holds other images than when the grid was planned."""
    if found != config.get("fingerprint", found):
        raise UserError(f"{context.locations[DATA]} changed since the grid was planned: run again")


def _look_up(name: str, content: str | None, context: Context) -> dict[str, Any]:
    """Leave the label and group of each image of a published set; the images stay where they are."""
    from gridcell.data import read_stored, save_index

    root = context.locations.get(DATA)
    if root is None or content is None:
        raise UserError("The setting 'data.root' must name the folder of the published sets")
    images = read_stored(name, set_uri(root, name), content)
    _check_classes(images)
    save_index(context.outputs / INDEX, images)
    checksum = images.samples().checksum()  # of a set that was not imported: once here, not in each plan
    return {"images": {name: len(images)}} | ({"sha256": checksum} if checksum is not None else {})


def _check_classes(images: LabelledSet) -> None:
    if len(images.classes) < 2:
        raise UserError(
            f"Set '{images.name}' has images of one class; at least two are needed, or every answer is right"
        )
