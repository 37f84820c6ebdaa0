"""ImageNet-C (Hendrycks and Dietterich 2019): ``<corruption>/<severity>/<WordNet id>/<image>``.

Published as five archives (blur, digital, extra, noise, weather); the four corruptions of ``extra`` are not
among the benchmark's 15 and are left out.
"""

from pathlib import PurePosixPath

from gridcell.data.corruptions import all_corruptions
from gridcell.data.imagenet import imagenet_wnids, label_of_wnid
from gridcell.data.importers.layout import Entry, Layout, images_of
from gridcell.data.importers.registry import Importer
from gridcell.data.importers.source import Source
from gridcell.errors import UserError

EXTRA_CORRUPTIONS = ("gaussian_blur", "saturate", "spatter", "speckle_noise")
"""ImageNet-C's four further corruptions, which are no part of the benchmark's 15."""

SEVERITY_FOLDERS = ("1", "2", "3", "4", "5")
"""Folders of one corruption in ImageNet-C, a severity each."""


def read(source: Source) -> Layout:
    """Label images by their folder's WordNet id and group them as ``corruption/severity``."""
    known = {f"{name}/{severity}" for name in all_corruptions() for severity in SEVERITY_FOLDERS}
    extra = {f"{name}/{severity}" for name in EXTRA_CORRUPTIONS for severity in SEVERITY_FOLDERS}
    labels = label_of_wnid()
    found: list[tuple[Entry, str]] = []
    left_out = 0
    for member in images_of(source):
        folders = PurePosixPath(member.name).parts[:-1]
        group = "/".join(folders[-3:-1])
        if group in extra:
            left_out += 1
        elif group not in known or folders[-1] not in labels:
            raise UserError(f"{member.name} is not <corruption>/<severity 1-5>/<WordNet id>/<image>")
        else:
            found.append((Entry(member, labels[folders[-1]]), group))
    present = {group for _, group in found}
    groups = tuple(
        group for name in all_corruptions() for s in SEVERITY_FOLDERS if (group := f"{name}/{s}") in present
    )
    place = {group: number for number, group in enumerate(groups)}
    entries = [Entry(entry.member, entry.label, place[group]) for entry, group in found]
    return Layout(entries, imagenet_wnids(), groups, left_out=left_out)


IMPORTER = Importer("c", "ImageNet-C", read, images=75 * 50_000, classes=1_000)
