"""What earlier imports left: a plan, finished shards, and those that are damaged by now."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, Literal

from gridcell.data.importers import Entry, Source
from gridcell.data.shards.damage import damage
from gridcell.data.shards.manifest import INDEX, MANIFEST, Manifest, read_manifest
from gridcell.data.shards.origin import origins
from gridcell.errors import UserError
from gridcell.store.filesystem import Folder

UNFINISHED = "unfinished"
_PLAN = f"{UNFINISHED}/plan.json"

OnCorrupt = Literal["fail", "skip"]


def same(plan: dict[str, Any], other: Any) -> bool:
    """Tell whether two plans make the same shards, wherever their source lies and whoever made it."""
    names = ("name", "images", "crop_px", "source_stamp", "shard_mb")
    return isinstance(other, dict) and all(plan[name] == other.get(name) for name in names)


def finished_import(folder: Folder, plan: dict[str, Any]) -> Manifest | None:
    """Return the manifest that an earlier import of the same files left, or None.

    Raises:
        UserError: It is of other files, or of the same ones dealt otherwise.
    """
    if not folder.filesystem.exists(folder.path(MANIFEST)):
        return None
    manifest = read_manifest(folder)
    if not same(plan, manifest.how):
        raise UserError(
            f"'{folder.root}' holds an import of '{manifest.name}' from other files or with another "
            "--shard-mb; choose another --to, or remove it first"
        )
    return manifest


def whole_shards(
    folder: Folder, manifest: Manifest, parts: Sequence[Sequence[Entry]], workers: int
) -> dict[int, dict[str, Any]]:
    """Read the shards of a finished import; return the records of those that are as the manifest says.

    Args:
        folder: Where they are.
        manifest: Of that import.
        parts: What each shard was made from.
        workers: Threads.

    Raises:
        UserError: That import dealt the images to another number of shards.
    """
    if len(parts) != len(manifest.shards):
        raise UserError(
            f"'{folder.root}' holds {len(manifest.shards)} shards of {manifest.how['made_by']}, which this "
            f"gridcell would make {len(parts)}; choose another --to, or remove them first"
        )
    with ThreadPoolExecutor(workers, thread_name_prefix="gridcell-import") as pool:
        problems = list(pool.map(lambda shard: damage(folder, shard), manifest.shards))
    records = {}
    for number, (shard, entries, problem) in enumerate(zip(manifest.shards, parts, problems, strict=True)):
        left = [entry for entry in entries if entry.member.name not in manifest.corrupt]
        if problem is None and len(left) == shard.samples:
            names = {entry.member.name for entry in entries}
            records[number] = {
                "shard": asdict(shard),
                "labels": [entry.label for entry in left],
                "groups": [entry.group for entry in left],
                "corrupt": {name: why for name, why in manifest.corrupt.items() if name in names},
                "origin": _origins_of(manifest)[number],
                "changed": manifest.how.get("changed", {number: [0, 0]})[number],
                "converted": manifest.how.get("converted", {number: None})[number],
            }
    return records


def check_origins(
    folder: Folder, manifest: Manifest, source: Source, parts: Sequence[Sequence[Entry]], workers: int
) -> None:
    """Read the images that a finished import was made from, and make sure that they are the same.

    Raises:
        UserError: One changed, though its name and size did not.
    """
    before = _origins_of(manifest)
    if len(before) != len(parts) or None in before:  # of a gridcell that did not write them down
        return
    now = origins(source, parts, workers)
    changed = [number for number, one in enumerate(now) if one != before[number]]
    if changed:
        raise UserError(
            f"'{folder.root}' holds an import of '{manifest.name}' whose images changed since, though their "
            f"names and sizes did not ({len(changed)} of {len(parts)} shards): choose another --to, or "
            "remove it first"
        )


def unchanged(
    kept: dict[int, dict[str, Any]], source: Source, parts: Sequence[Sequence[Entry]], workers: int
) -> dict[int, dict[str, Any]]:
    """Return the records of those finished shards whose images are still those that they were made from."""
    now = origins(source, [parts[number] for number in kept], workers)
    return {
        number: record
        for (number, record), one in zip(kept.items(), now, strict=True)
        if record.get("origin") == one
    }


def _origins_of(manifest: Manifest) -> list[str | None]:
    return list(manifest.how.get("origins", [None] * len(manifest.shards)))


def index_is_whole(folder: Folder, manifest: Manifest) -> bool:
    """Tell whether the index is the one that the manifest names."""
    try:
        return hashlib.sha256(folder.read(INDEX)).hexdigest() == manifest.index
    except FileNotFoundError:
        return False


def check_none_left_out(manifest: Manifest, on_corrupt: OnCorrupt) -> None:
    """Make sure that a finished import is what was asked for.

    Raises:
        UserError: It left out corrupt images, which now are to stop it.
    """
    if manifest.corrupt and on_corrupt == "fail":
        first = next(iter(manifest.corrupt.values()))
        raise UserError(f"This import is done, but left out {len(manifest.corrupt)} corrupt images: {first}")


def claim(folder: Folder, plan: dict[str, Any]) -> None:
    """Leave the plan beside the first shard, or find the same one there.

    Raises:
        UserError: There is another one.
    """
    if folder.create(_PLAN, json.dumps(plan).encode()):
        return
    try:
        found = json.loads(folder.read(_PLAN))
    except ValueError:
        found = None
    if not same(plan, found):
        raise UserError(
            f"'{folder.root}' holds an unfinished import of something else; choose another --to, "
            f"or remove '{folder.path(UNFINISHED)}' first"
        )


def finished_shards(folder: Folder, count: int, on_corrupt: OnCorrupt) -> dict[int, dict[str, Any]]:
    """Return the records of the shards that are there in full; of damaged ones none."""
    names = [f"{UNFINISHED}/{number:05d}.json" for number in range(count)]
    kept = {}
    for number, data in enumerate(map(folder.read_many(names).get, names)):
        if data is None:
            continue
        try:
            record = json.loads(data)
            size = folder.filesystem.size(folder.path(shard_name(number)))
            whole = len(record["labels"]) == len(record["groups"]) == record["shard"]["samples"]
            if whole and size == record["shard"]["size"] and not (record["corrupt"] and on_corrupt == "fail"):
                kept[number] = record
        except (ValueError, KeyError, TypeError, FileNotFoundError):
            continue
    return kept


def shard_name(number: int) -> str:
    """Return a shard's file name."""
    return f"shard-{number:05d}.tar"
