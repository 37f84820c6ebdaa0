"""The manifest: what a set of shards holds, with checksums, and how it was made."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gridcell.data.folders.left_out import said_of_conversions
from gridcell.errors import CorruptData, UserError
from gridcell.printable import counted
from gridcell.store.filesystem import Folder

MANIFEST = "manifest.json"
INDEX = "index.npz"
_FORMAT = "gridcell-shards"
_VERSION = 2


@dataclass(frozen=True)
class Shard:
    """One shard.

    Attributes:
        name: File's name in the set's folder.
        samples: How many it holds.
        size: In bytes.
        sha256: Of the file, 64 hexadecimal digits.
    """

    name: str
    samples: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a set of shards holds.

    Attributes:
        name: Of the set, e.g. ``v2``.
        title: As published.
        class_names: The whole label space; position = label.
        images_per_class: Label -> number of images; the classes the set covers, ascending.
        groups: Names of its parts, e.g. ``"fog/3"``; empty where it has none.
        images_per_group: Number of images of each of ``groups``.
        alternatives: Label -> further labels that are right too.
        shards: In the order of their numbers; samples are counted on from one to the next.
        index: SHA-256 of ``index.npz``, which has the label and group of every sample.
        corrupt: File -> why it can't be read, of the images that were left out for it.
        how: How it was made.
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    images_per_class: Mapping[int, int]
    groups: tuple[str, ...]
    images_per_group: tuple[int, ...]
    alternatives: Mapping[int, tuple[int, ...]]
    shards: tuple[Shard, ...]
    index: str
    corrupt: Mapping[str, str] = field(default_factory=dict)
    how: Mapping[str, Any] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """Number of images in all shards."""
        return sum(shard.samples for shard in self.shards)

    @property
    def classes(self) -> tuple[int, ...]:
        """Labels of the classes covered, ascending."""
        return tuple(self.images_per_class)

    @property
    def changed(self) -> str:
        """What the import did to photographs of one's own, in a sentence; empty where it stored the files."""
        turned, transparent = (sum(counts) for counts in zip(*self.how.get("changed", [(0, 0)]), strict=True))
        parts = ((turned, "turned upright by EXIF"), (transparent, "with transparency drawn on white"))
        said = [f"{count} image{'s' * (count != 1)} {what}" for count, what in parts if count]
        return f"{', '.join(said)}: stored as PNG" if said else ""

    @property
    def imported(self) -> tuple[str, ...]:
        """What the import left out and changed, a sentence each."""
        corrupt = counted(len(self.corrupt), "corrupt image") + " left out"
        return (
            *self.how.get("said", ()),
            *([corrupt] if self.corrupt else []),
            *filter(None, [self.changed]),
        )

    @property
    def converted(self) -> str | None:
        """What decoding changes of photographs of one's own, in a sentence; empty where nothing is.

        None where the import did not count it.
        """
        if "converted" not in self.how:
            return None
        kinds: Counter[str] = Counter()
        for one in self.how["converted"]:
            kinds.update(one)
        return said_of_conversions(kinds)

    @property
    def content(self) -> str:
        """Hash of what the set holds, wherever it lies and whatever it was made from: 64 hex digits."""
        about = [self.class_names, self.groups, sorted(self.alternatives.items()), self.index]
        digests = [shard.sha256 for shard in self.shards]
        return hashlib.sha256(json.dumps([about, digests]).encode()).hexdigest()

    def to_json(self) -> bytes:
        """Return the file's content, the same for equal manifests."""
        record = {"format": _FORMAT, "version": _VERSION, "samples": self.samples, **asdict(self)}
        return (json.dumps(record, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, where: str) -> "Manifest":
        """Read what :meth:`to_json` wrote; ``where`` it was read from is for error messages.

        Raises:
            CorruptData: It is damaged.
            UserError: It is no such manifest, or of another version.
        """
        try:
            record = json.loads(data)
            if record["format"] != _FORMAT:
                raise UserError(f"{where} holds no shards of gridcell")
            if record["version"] != _VERSION:
                raise UserError(
                    f"{where} has format {record['version']}; this gridcell reads {_VERSION}: import it again"
                )
            manifest = cls(
                name=record["name"],
                title=record["title"],
                class_names=tuple(record["class_names"]),
                images_per_class={int(k): int(v) for k, v in record["images_per_class"].items()},
                groups=tuple(record["groups"]),
                images_per_group=tuple(record["images_per_group"]),
                alternatives={int(k): tuple(v) for k, v in record["alternatives"].items()},
                shards=tuple(Shard(**shard) for shard in record["shards"]),
                index=record["index"],
                corrupt=record["corrupt"],
                how=record["how"],
            )
            if any("/" in shard.name or shard.name.startswith(".") for shard in manifest.shards):
                raise CorruptData(f"{where}/{MANIFEST} names a shard outside its folder")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptData(f"{where}/{MANIFEST} is damaged: {error}") from error
        return manifest


def read_manifest(folder: Folder) -> Manifest:
    """Read the manifest of a finished import.

    Raises:
        CorruptData: It is damaged.
        UserError: There is none.
    """
    try:
        data = folder.read(MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"There is no finished import at '{folder.root}': no {MANIFEST}; 'gridcell data import' makes one"
        ) from None
    return Manifest.from_json(data, folder.root)
