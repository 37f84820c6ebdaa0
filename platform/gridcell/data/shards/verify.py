"""Checking a set of shards against its manifest."""

import json
import tarfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gridcell.data.shards.damage import damage_of, on_disk
from gridcell.data.shards.manifest import Manifest, Shard, read_manifest
from gridcell.data.shards.samples import ShardSamples
from gridcell.errors import CorruptData, UserError
from gridcell.store.filesystem import Folder


@dataclass(frozen=True)
class Verified:
    """The outcome: what was checked, and one sentence per problem, each naming the shard."""

    manifest: Manifest
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Content:
    problems: list[str]
    labels: list[int]
    groups: list[str]


def verify(uri: str, *, workers: int = 1, progress: Callable[[int, int], None] | None = None) -> Verified:
    """Read every shard; compare sizes, checksums, and counts per class and group with the manifest.

    The samples are counted with the standard library's tar reader, not with the one that feeds training.

    Args:
        uri: Where the shards are.
        workers: Threads.
        progress: Called with the shards checked so far and in all.

    Raises:
        UserError: There is no finished import at ``uri``.
        CorruptData: The manifest is damaged.
    """
    if workers < 1:
        raise UserError(f"--workers must be at least 1, not {workers}")
    folder = Folder.open(uri)
    manifest = read_manifest(folder)
    labels: list[int] = []
    groups: list[str] = []
    problems: list[str] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="gridcell-verify") as pool:
        contents = pool.map(lambda shard: _check_shard(folder, shard), manifest.shards)
        for number, content in enumerate(contents, start=1):
            problems += content.problems
            labels += content.labels
            groups += content.groups
            if progress is not None:
                progress(number, len(manifest.shards))
    if not problems:
        if Counter(labels) != Counter(manifest.images_per_class):
            problems.append("The images per class are not those of the manifest")
        if Counter(groups) != Counter(dict(zip(manifest.groups, manifest.images_per_group, strict=True))):
            problems.append("The images per group are not those of the manifest")
        problems += _check_index(uri, labels, groups)
    known = {shard.name for shard in manifest.shards}
    problems += [
        f"{name} is not in the manifest"
        for name in folder.names("")
        if name.endswith(".tar") and name not in known
    ]
    return Verified(manifest, tuple(problems))


def _check_index(uri: str, labels: list[int], groups: list[str]) -> list[str]:
    samples = ShardSamples(uri)
    try:
        index = samples.index()
    except CorruptData as error:
        return [str(error)]
    in_group = [samples.groups[number] for number in index.groups if number >= 0]
    same = index.labels.tolist() == labels and in_group == groups
    return [] if same else ["The index has other labels or groups than the shards"]


def _check_shard(folder: Folder, shard: Shard) -> _Content:
    content = _Content([], [], [])
    try:
        with on_disk(folder, shard) as file:
            problem = damage_of(file, shard)
            if problem is None:
                _count(file, content)
                if len(content.labels) != shard.samples:
                    samples = len(content.labels)
                    problem = f"{shard.name} has {samples} samples, the manifest says {shard.samples}"
    except FileNotFoundError:
        problem = f"{shard.name} is missing"
    if problem is not None:
        content.problems.append(problem)
    return content


def _count(file: Path, content: _Content) -> None:
    with tarfile.open(file, mode="r:") as tar:
        for member in tar:
            opened = tar.extractfile(member)
            if opened is None:
                continue
            if member.name.endswith(".cls"):
                content.labels.append(int(opened.read()))
            elif member.name.endswith(".json"):
                group = json.loads(opened.read()).get("group")
                if group is not None:
                    content.groups.append(group)
