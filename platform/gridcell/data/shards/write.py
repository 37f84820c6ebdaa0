"""Importing: from a published set to shards, in parallel, going on where an earlier import was stopped."""

import hashlib
import io
import json
import math
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gridcell import __version__
from gridcell.data.folders.decode import COLOUR, Look, Unreadable, check_whole, look_at, to_upright_png
from gridcell.data.folders.formats import ENDING_OF
from gridcell.data.folders.left_out import conversions
from gridcell.data.folders.walk import require_outside
from gridcell.data.importers import Entry, Importer, Layout, Source, importer
from gridcell.data.importers.layout import NO_GROUP, without_small
from gridcell.data.shards.index import SampleIndex
from gridcell.data.shards.manifest import INDEX, MANIFEST, Manifest, Shard
from gridcell.data.shards.order import dealt
from gridcell.data.shards.origin import Origin, content_of
from gridcell.data.shards.resume import (
    UNFINISHED,
    OnCorrupt,
    check_none_left_out,
    check_origins,
    claim,
    finished_import,
    finished_shards,
    index_is_whole,
    shard_name,
    unchanged,
    whole_shards,
)
from gridcell.errors import CorruptData, UserError
from gridcell.registry import version_of
from gridcell.store.filesystem import Folder

SHARD_MB = 128.0
_NAMED = 10  # corrupt images that a message names

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        manifest: As written, or as found where there was nothing to do.
        written: Number of shards written now.
        kept: Number of shards that an earlier import had finished, and that are whole.
    """

    manifest: Manifest
    written: int
    kept: int


def import_set(
    name: str,
    sources: Sequence[str | Path],
    to: str,
    *,
    workers: int = 1,
    on_corrupt: OnCorrupt = "fail",
    shard_mb: float = SHARD_MB,
    min_images: int = 1,
    progress: Progress | None = None,
) -> Imported:
    """Write the shards and the manifest of a published set.

    Images are kept byte for byte (a cropped one is written as PNG, without loss, and so is a photograph of
    one's own that has to be turned upright or drawn on white), in an order shuffled once,
    the same at every import; see :func:`~gridcell.data.shards.order.dealt`. Every image is decoded to find
    the corrupt ones. A shard appears whole or not at all. An import that goes on reads the images of its
    finished shards, without decoding them, and writes those shards again whose images changed meanwhile. Of a
    finished import every shard and every image is read, and shards that are missing or damaged by now are
    written again.

    Args:
        name: An importer, e.g. ``v2``.
        sources: Folders and archives that hold the set.
        to: Where the shards go: a folder, or ``s3://...``, ``gs://...``.
        workers: Threads; decoding, hashing and reading run beside each other.
        on_corrupt: What an image that can't be decoded does: stops the import, or is left out and recorded.
        shard_mb: Size of a shard to aim at, in 10^6 bytes of images.
        min_images: Classes with fewer images are left out.
        progress: Called with the images handled so far (with those of earlier imports) and in all.

    Raises:
        UserError: Source or destination can't be used, the shards would lie in a source, the images of a
            finished import changed, or ``on_corrupt`` is ``fail`` and an image is corrupt.
    """
    if workers < 1:
        raise UserError(f"--workers must be at least 1, not {workers}")
    if not (shard_mb > 0 and math.isfinite(shard_mb)):
        raise UserError(f"--shard-mb must be above 0 and finite, not {shard_mb}")
    recipe = importer(name)
    folder = Folder.open(to)
    if folder.is_local:
        for path in sources:
            require_outside(folder.root, path)
    with Source(sources) as source:
        layout = without_small(recipe.read(source), min_images, source)
        plan = _plan(recipe, source, layout, shard_mb)
        parts = dealt(layout.entries, layout.groups, name, shard_mb)
        found = finished_import(folder, plan)
        if found is not None:
            check_none_left_out(found, on_corrupt)
            check_origins(folder, found, source, parts, workers)
            kept = whole_shards(folder, found, parts, workers)
            if len(kept) == len(parts) and index_is_whole(folder, found):
                return Imported(found, written=0, kept=len(parts))
        folder.check_writable()
        claim(folder, plan)
        if found is None:
            kept = unchanged(finished_shards(folder, len(parts), on_corrupt), source, parts, workers)
        job = _Job(folder, source, layout, on_corrupt, progress or (lambda done, total: None), len(parts))
        job.count(sum(len(parts[number]) for number in kept))
        records = {**kept, **_write_all(job, parts, [n for n in range(len(parts)) if n not in kept], workers)}
    in_order = [records[number] for number in range(len(parts))]
    index = SampleIndex.of(
        [label for record in in_order for label in record["labels"]],
        [group for record in in_order for group in record["groups"]],
    ).to_bytes()
    manifest = _manifest(recipe, layout, plan, in_order, hashlib.sha256(index).hexdigest())
    folder.write(INDEX, index)
    folder.write(MANIFEST, manifest.to_json())
    folder.remove(UNFINISHED)
    return Imported(manifest, written=len(parts) - len(kept), kept=len(kept))


def _plan(recipe: Importer, source: Source, layout: Layout, shard_mb: float) -> dict[str, Any]:
    """Return what determines the shards; an import goes on only where an earlier one had the same."""
    if not layout.entries:
        raise UserError(f"There is no image of {recipe.title} in {', '.join(map(str, source.paths))}")
    return {
        "made_by": f"gridcell.data.shards {__version__}",
        "name": recipe.name,
        **version_of(recipe, "importer_version"),
        "images": len(layout.entries),
        "left_out": layout.left_out,
        "said": list(layout.said),
        "crop_px": layout.crop,
        "source": [path.resolve().name for path in source.paths],
        "source_stamp": source.stamp(),
        "shard_mb": shard_mb,
    }


class _Job:
    """What the threads of one import share: the way to count, and the way to stop."""

    def __init__(
        self,
        folder: Folder,
        source: Source,
        layout: Layout,
        on_corrupt: OnCorrupt,
        progress: Progress,
        shards: int,
    ) -> None:
        self.folder, self.source, self.layout = folder, source, layout
        self.on_corrupt = on_corrupt
        self.shards = shards
        self.stop = threading.Event()
        self._progress = progress
        self._lock = threading.Lock()
        self._done = 0

    def count(self, images: int) -> None:
        """Count images as handled."""
        with self._lock:
            self._done += images
            self._progress(self._done, len(self.layout.entries))


class _Stopped(Exception):  # noqa: N818 - another thread has failed; its error is the one to show
    pass


def _write_all(
    job: _Job, parts: list[list[Entry]], wanted: list[int], workers: int
) -> dict[int, dict[str, Any]]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="gridcell-import")
    try:
        futures = {pool.submit(_write_shard, job, number, parts[number]): number for number in wanted}
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for error in (future.exception() for future in done):
            if error is not None:
                raise error
        return {number: future.result() for future, number in futures.items()}
    finally:  # an error or Ctrl-C: the others end after the image they are at
        job.stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _write_shard(job: _Job, number: int, entries: Sequence[Entry]) -> dict[str, Any]:
    """Write one shard, then its record, and return the record."""
    from webdataset import TarWriter

    labels: list[int] = []
    groups: list[int] = []
    corrupt: dict[str, str] = {}
    turned = transparent = 0
    converted: Counter[str] = Counter()
    origin = Origin()
    name = shard_name(number)
    with tempfile.NamedTemporaryFile(prefix="gridcell-", suffix=".tar") as file:
        with TarWriter(file, encoder=False, mtime=0, user="", group="", compress=False) as tar:
            for entry in entries:
                if job.stop.is_set():
                    raise _Stopped
                content = None
                try:
                    content = content_of(job.source, entry)
                    look, suffix, image = _checked(
                        entry.member.name, content, job.layout.crop, own=job.layout.own
                    )
                except CorruptData as error:
                    corrupt[entry.member.name] = str(error)
                else:
                    sample = {"__key__": f"{number:05d}-{len(labels):06d}", suffix: image}
                    tar.write({**sample, "cls": str(entry.label).encode(), "json": _about(job.layout, entry)})
                    labels.append(entry.label)
                    groups.append(entry.group)
                    turned += job.layout.own and look.turned
                    transparent += job.layout.own and look.alpha
                    stored = look if image is content else look_at(image, entry.member.name)
                    converted.update(conversions([stored], COLOUR, own=False))
                origin.add(entry.member.name, content)
                job.count(1)
        if corrupt and job.on_corrupt == "fail":
            raise _corrupt(list(corrupt.values()), job.shards)
        file.flush()
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        shard = Shard(name, len(labels), Path(file.name).stat().st_size, sha256)
        job.folder.put(Path(file.name), name)
    record = {
        "shard": asdict(shard),
        "labels": labels,
        "groups": groups,
        "corrupt": corrupt,
        "origin": origin.hexdigest(),
        "changed": [turned, transparent],
        "converted": dict(converted),
    }
    job.folder.write(f"{UNFINISHED}/{number:05d}.json", json.dumps(record).encode())
    return record


def _corrupt(sentences: Sequence[str], shards: int) -> UserError:
    """Name the corrupt images of a shard; those of the other shards may not have been looked at."""
    more = f", and {len(sentences) - _NAMED} more" if len(sentences) > _NAMED else ""
    where = f" (of the first of {shards} shards that has any)" if shards > 1 and len(sentences) > 1 else ""
    named = ", ".join(sentences[:_NAMED])
    counted = f"{len(sentences)} images can't be read{where}: " if len(sentences) > 1 else ""
    return UserError(f"{counted}{named}{more}; --on-corrupt skip leaves such images out")


def _about(layout: Layout, entry: Entry) -> bytes:
    about = {"file": entry.member.name}
    if entry.group != NO_GROUP:
        about["group"] = layout.groups[entry.group]
    return json.dumps(about).encode()


def checked_image(name: str, content: bytes, crop: int, *, own: bool = False) -> tuple[str, bytes]:
    """Decode an image to see that it is whole, and bring it to the form in which any reader sees it right.

    Args:
        name: Its file's name, for messages.
        content: The file's bytes, which tell the format.
        crop: Border to cut off in px; 0 leaves the file as it is.
        own: Whether it is turned upright and drawn on white; see :mod:`gridcell.data.folders.decode`.

    Returns:
        Ending by its format, e.g. ``jpg``, and the file's bytes.

    Raises:
        CorruptData: It can't be decoded, or is no larger than its border; the message names it.
    """
    _, suffix, image = _checked(name, content, crop, own=own)
    return suffix, image


def _checked(name: str, content: bytes, crop: int, *, own: bool) -> tuple[Look, str, bytes]:
    """Return what an image's header says, then as :func:`checked_image`."""
    try:
        look = check_whole(content, name, own=own)
        if own and (look.turned or look.alpha):
            return look, "png", to_upright_png(content, name)
    except Unreadable as error:
        raise CorruptData(str(error)) from error
    if crop:
        return look, "png", _cropped(name, content, crop)
    return look, ENDING_OF[look.format], content


def _cropped(name: str, content: bytes, crop: int) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        width, height = image.size
        if min(width, height) <= 2 * crop:
            raise CorruptData(
                f"Image {name} can't be read: {width} x {height} px leave nothing within a border of "
                f"{crop} px"
            )
        buffer = io.BytesIO()
        image.crop((crop, crop, width - crop, height - crop)).save(buffer, "PNG")
        return buffer.getvalue()


def _manifest(
    recipe: Importer, layout: Layout, plan: dict[str, Any], records: Sequence[dict[str, Any]], index: str
) -> Manifest:
    labels: Counter[int] = Counter()
    groups: Counter[int] = Counter()
    corrupt: dict[str, str] = {}
    changed = [record.get("changed", [0, 0]) for record in records]
    converted = [record.get("converted") for record in records]
    for record in records:
        labels.update(record["labels"])
        groups.update(record["groups"])
        corrupt.update(record["corrupt"])
    return Manifest(
        name=recipe.name,
        title=recipe.title,
        class_names=layout.class_names,
        images_per_class=dict(sorted(labels.items())),
        groups=layout.groups,
        images_per_group=tuple(groups[number] for number in range(len(layout.groups))),
        alternatives={label: tuple(others) for label, others in sorted(layout.alternatives.items())},
        shards=tuple(Shard(**record["shard"]) for record in records),
        index=index,
        corrupt=dict(sorted(corrupt.items())),
        how={
            **plan,
            "published": {"images": recipe.images, "classes": recipe.classes},
            "origins": [record["origin"] for record in records],
            **({"changed": changed} if any(map(any, changed)) else {}),
            **({"converted": converted} if layout.own and None not in converted else {}),
        },
    )
