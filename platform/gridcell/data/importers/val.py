"""ImageNet's validation set (ILSVRC 2012): folders named by WordNet id, or flat files with a ground truth.

Flat files come as ``ILSVRC2012_val_00000001.JPEG`` and so on. The ground truth is a text file among them or
in an archive beside them, in one of the forms in use:

* ``LOC_val_solution.csv``: ``ILSVRC2012_val_00048981,n03995372 85 1 499 272``;
* ``val.txt``: ``ILSVRC2012_val_00000001.JPEG 65``, the label, or a WordNet id in its place;
* one WordNet id a line, in the order of the files;
* the development kit's ``ILSVRC2012_validation_ground_truth.txt``: one number from 1 to 1000 a line. These
  number the classes in **another order** than classifiers do, given by ``meta.mat`` of the same kit, which is
  needed too.
"""

import io
import re
from pathlib import PurePosixPath

from gridcell.data.imagenet import imagenet_wnids, label_of_wnid
from gridcell.data.importers.layout import Entry, Layout, by_wnid_folder, images_of
from gridcell.data.importers.registry import Importer
from gridcell.data.importers.source import Member, Source
from gridcell.errors import UserError

_DEVKIT = "ILSVRC2012_validation_ground_truth.txt"
_TRUTHS = ("LOC_val_solution.csv", "val.txt", "imagenet_2012_validation_synset_labels.txt", _DEVKIT)
_FLAT = re.compile(r"ILSVRC2012_val_(\d{8})")


def read(source: Source) -> Layout:
    """Label images by folder, or flat ones by the ground truth."""
    images = images_of(source)
    if any(PurePosixPath(member.name).parent.name in label_of_wnid() for member in images):
        return by_wnid_folder(source)
    truth = source.find(*_TRUTHS)
    if truth is None:
        raise UserError(
            "The images lie in no folders named by WordNet id, and no ground truth is with them "
            f"(one of {', '.join(_TRUTHS)})"
        )
    labels = _ground_truth(source, truth)
    entries = []
    for member in images:
        stem = PurePosixPath(member.name).stem
        if stem not in labels:
            raise UserError(f"{truth.name} has no class for {member.name}")
        entries.append(Entry(member, labels[stem]))
    return Layout(entries, imagenet_wnids())


def _ground_truth(source: Source, truth: Member) -> dict[str, int]:
    """Return the label of each image by its file's name without ending.

    Raises:
        UserError: A line has another form, or names no class.
    """
    lines = source.read(truth).decode("utf-8", errors="replace").splitlines()
    number_of = _devkit_labels(source) if PurePosixPath(truth.name).name == _DEVKIT else None
    labels: dict[str, int] = {}
    position = 0
    for count, line in enumerate(lines, start=1):
        words = re.split(r"[,\s]+", line.strip())
        if words == [""] or words[0] == "ImageId":
            continue
        position += 1
        named = _FLAT.match(words[0])
        if named and len(words) > 1:
            stem, word = named[0], words[1]
        else:
            stem, word = f"ILSVRC2012_val_{position:08d}", words[0]
        if number_of is not None:
            label = number_of.get(word)
        elif word.isdecimal() and not named:
            raise UserError(f"{truth.name} numbers classes without saying in which order; name it {_DEVKIT}")
        else:
            label = int(word) if word.isdecimal() and int(word) < 1000 else label_of_wnid().get(word)
        if label is None:
            raise UserError(f"Line {count} of {truth.name} names no ImageNet class: {line.strip()!r}")
        labels[stem] = label
    return labels


def _devkit_labels(source: Source) -> dict[str, int]:
    """Return label by the development kit's number, from its ``meta.mat``.

    Raises:
        UserError: It is missing or has another form.
    """
    member = source.find("meta.mat")
    if member is None:
        raise UserError(
            f"{_DEVKIT} numbers classes in an order of its own: meta.mat of the same kit is needed too"
        )
    from scipy.io import loadmat

    try:
        synsets = loadmat(io.BytesIO(source.read(member)), squeeze_me=True)["synsets"]
        pairs = [(int(row["ILSVRC2012_ID"]), str(row["WNID"])) for row in synsets]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(f"{member.name} can't be read: {error}") from error
    return {str(number): label_of_wnid()[wnid] for number, wnid in pairs if wnid in label_of_wnid()}


IMPORTER = Importer("val", "ImageNet validation set", read, images=50_000, classes=1_000)
