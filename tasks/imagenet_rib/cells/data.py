"""The data cell: one set of images, made once, so that all cells see the same; or a published set's index."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gridcell import Cell, Context, UserError
from gridcell.data import Dealing, LabelledImages, LabelledSet, Sources, save_npz, shift
from imagenet_rib.cells.stored_sets import INDEX, SET, read_sets
from imagenet_rib.grid.image_folders import fingerprint_of, open_set, what_is_said
from imagenet_rib.grid.input_names import DATA, set_uri
from imagenet_rib.vocabulary import PRETRAIN, VAL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def run(cell: Cell, context: Context) -> dict[str, Any]:
    """Read a set, or derive it, and leave it; or look a published set up where it is.

    Raises:
        UserError: the folder isn't the one that was planned, a class has too few images, or the set has one
            class.
        CorruptData: a set that was written is damaged.
    """
    config = cell.config
    if config["source"] == "published":
        return _look_up(config, context)
    if config["source"] == "shards":
        return _look_up_shards(config, context)
    made, said = _folder_set(config, context) if config["source"] == "folder" else _made(config, context)
    _check_classes(made)
    save_npz(context.outputs / SET, {made.name: made})
    answer: dict[str, Any] = {"images": {made.name: len(made)}}
    return answer | ({"notes": list(said)} if said else {})


Said = tuple[str, ...]
"""What is left out and what is converted, a sentence each."""


def _made(config: Mapping[str, Any], context: Context) -> tuple[LabelledImages, Said]:
    """Return a set of digits or photographs: as it is there, dealt out, or derived by a shift."""
    if "parameters" not in config:
        return _read(config, context)
    recipe = shift(config["set"])
    sets = read_sets(context)
    pool, said = (_as_images(sets, VAL), ()) if config["source"] == VAL else _read(config, context)
    looked_at = _as_images(sets, PRETRAIN) if PRETRAIN in sets else pool
    sources = Sources(pool, looked_at if recipe.pretrain else None)
    return recipe(sources, seed=_seed(config), parameters=config["parameters"]), said


def _as_images(sets: Mapping[str, LabelledSet], name: str) -> LabelledImages:
    images = sets[name]
    assert isinstance(images, LabelledImages)  # what a data cell that is needed leaves
    return images


def _seed(config: Mapping[str, Any]) -> int:
    return int(config["dealt"]["seed"] if "dealt" in config else config["seed"])


def _read(config: Mapping[str, Any], context: Context) -> tuple[LabelledImages, Said]:
    """Read images that are there: a whole set, or the part of the images that a set is dealt."""
    if config["source"] == "digits":
        from gridcell.data import load_digits_images

        base = load_digits_images(config["image_size"])
        chosen = _positions(config, base.labels, base.class_names, None)
        return replace(base.select(chosen), name=config["set"]), ()
    from imagenet_rib.cells.image_sets import read_part, read_parts

    name, dealt = config["set"], "dealt" in config
    parts = open_set(
        context.locations[DATA], VAL if dealt else name, config.get("min_images", 1), config.get("classes")
    )
    _check_planned(fingerprint_of(parts), config["fingerprint"], context)
    if not dealt:
        return read_parts(name, parts, config["image_size"]), tuple(what_is_said(parts))
    labels = parts[0].labels
    if len(set(labels.tolist())) < 2:
        raise UserError(f"{parts[0].folders.root} has images of one class; at least two are needed")
    chosen = _positions(config, labels, parts[0].space, parts[0].checksums)
    return read_part(name, parts[0], config["image_size"], chosen), tuple(what_is_said(parts))


def _positions(
    config: Mapping[str, Any],
    labels: "NDArray[np.int64]",
    class_names: Sequence[str],
    contents: Sequence[str] | None,
) -> "NDArray[np.int64]":
    return Dealing.from_record(config["dealt"]).deal(labels, class_names, contents)[config["set"]]


def _folder_set(config: Mapping[str, Any], context: Context) -> tuple[LabelledImages, Said]:
    """Read a set of a suite that ``gridcell data derive`` wrote, as it is now: pictures may be edited."""
    from gridcell.data import content_digest, read_suite

    name, root = config["set"], context.locations[DATA]
    images = read_suite(root, [name], verify=False)[name]
    _check_planned(content_digest(images), config["content"], context)
    return images, ()


def _check_planned(found: str, planned: str, context: Context) -> None:
    """Raise UserError if the folder holds other images than when the grid was planned."""
    if found != planned:
        raise UserError(f"{context.locations[DATA]} changed since the grid was planned: run again")


def _look_up(config: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Leave the label and group of each image of a published set; the images stay where they are."""
    from gridcell.data import read_stored, save_index

    name, content, root = config["set"], config["content"], context.locations.get(DATA)
    if root is None or content is None:
        raise UserError("The setting 'data.root' must name the folder of the published sets")
    images = read_stored(name, set_uri(root, name), content)
    _check_classes(images)
    save_index(context.outputs / INDEX, replace(images, reader=config.get("reader", "pil")))
    checksum = images.samples().checksum()  # of a set that was not imported: once here, not in each plan
    return {"images": {name: len(images)}} | ({"sha256": checksum} if checksum is not None else {})


def _look_up_shards(config: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Leave the label of each image of one's own set; the images stay where they are."""
    from gridcell.data import open_shards, read_stored, relabelled, save_index

    name = config["set"]
    uri = set_uri(context.locations[DATA], name)
    images = read_stored(open_shards(uri).name, uri, config["content"])
    images = relabelled(images, name, config.get("classes", images.class_names))
    _check_classes(images)
    save_index(context.outputs / INDEX, replace(images, reader=config.get("reader", "pil")))
    return {"images": {name: len(images)}}


def _check_classes(images: LabelledSet) -> None:
    if len(images.classes) < 2:
        raise UserError(
            f"Set '{images.name}' has images of one class; at least two are needed, or every answer is right"
        )
