"""Single samples by number, from shards or from a published folder that was not imported."""

import hashlib
import json
import mmap
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from gridcell.data.folders.left_out import said_of_case
from gridcell.data.importers import Source, importer
from gridcell.data.importers.layout import NO_GROUP, Entry
from gridcell.data.shards.index import SampleIndex
from gridcell.data.shards.manifest import INDEX, MANIFEST, Manifest, read_manifest
from gridcell.data.shards.order import dealt
from gridcell.data.shards.resume import UNFINISHED
from gridcell.data.shards.tarindex import Place, index_tar
from gridcell.data.shards.write import SHARD_MB, checked_image
from gridcell.errors import CorruptData, UserError
from gridcell.store.cache import FileCache, KnownFile
from gridcell.store.filesystem import Folder, sha256_of

OWN = "folder"
"""The importer of photographs of one's own; published sets are read as their authors read them."""


class Sample(NamedTuple):
    """An undecoded image, its label, and its group (-1 where the set has none)."""

    image: bytes
    label: int
    group: int


class Samples(Protocol):
    """A labelled set that can be read sample by sample.

    Attributes:
        name: Of the set.
        class_names: The whole label space; position = label.
        classes: Labels of the classes covered, ascending: what logits are restricted to.
        groups: Names of its parts, e.g. ``"fog/3"``; empty where it has none.
        alternatives: Label -> further labels that are right too.
        counts: Number of samples in each shard.
    """

    name: str
    class_names: tuple[str, ...]
    classes: tuple[int, ...]
    groups: tuple[str, ...]
    alternatives: Mapping[int, tuple[int, ...]]
    counts: tuple[int, ...]

    @property
    def content(self) -> str:
        """Hash of what the set holds, wherever it lies."""

    def read(self, shard: int, number: int) -> Sample:
        """Return a sample of a shard, both counted from 0."""

    def file(self, shard: int, number: int) -> str:
        """Return the name of the file that a sample was published in."""

    def index(self) -> SampleIndex:
        """Return the label and group of every sample."""

    def checksum(self) -> str | None:
        """Read all images and return a hash of their bytes; None where ``content`` is one already."""

    def said(self) -> tuple[str, ...]:
        """Say what was left out and changed, and what decoding changes, a sentence each; reads no image."""


def open_samples(name: str, uri: str) -> Samples:
    """Open a set: shards where there is a finished import, else a folder as published.

    Args:
        name: An importer, e.g. ``v2``.
        uri: Of the set's own folder; on a remote filesystem only imported sets can be read.

    Raises:
        UserError: There is no such set, another one, or an import that isn't finished.
        CorruptData: The manifest is damaged.

    Example:
        >>> open_samples("v2", "s3://bucket/v2").content[:8]  # doctest: +SKIP
        '5b1c07e2'
    """
    folder = Folder.open(uri)
    if folder.filesystem.exists(folder.path(MANIFEST)):
        samples = ShardSamples(uri)
        if samples.name != name:
            raise UserError(f"{uri} holds an import of '{samples.name}', not of '{name}'")
        return samples
    if folder.filesystem.exists(folder.path(UNFINISHED)):
        raise UserError(f"The import at {uri} isn't finished: give its command again")
    if folder.local("") is None or not Path(folder.root).is_dir():
        raise UserError(
            f"There is no set '{name}' at {uri}: "
            f"'gridcell data import {name} --from PATH --to {uri}' makes it"
        )
    return FolderSamples(name, folder.root)


def open_shards(uri: str) -> Samples:
    """Open an imported set, whatever it was imported as.

    Raises:
        UserError: There is no finished import at ``uri``; says how one is made.
        CorruptData: Its manifest is damaged.

    Example:
        >>> open_shards("s3://bucket/v2").content[:8]  # doctest: +SKIP
        '5b1c07e2'
    """
    folder = Folder.open(uri)
    if not folder.filesystem.exists(folder.path(MANIFEST)):
        if folder.filesystem.exists(folder.path(UNFINISHED)):
            raise UserError(f"The import at {uri} isn't finished: give its command again")
        raise UserError(
            f"There are no shards at {uri}: 'gridcell data import folder --from PATH --to {uri}' makes them"
        )
    return ShardSamples(uri)


class ShardSamples:
    """The samples of an imported set; see :class:`Samples`. May be passed to worker processes.

    Shards on this machine are read in place, each verified when it is first opened, and again if it was
    replaced; remote ones are fetched whole, verified and kept in the cache.

    Args:
        uri: Where the shards are.
        cache: For remote shards; None: :class:`FileCache` with its defaults.
        most_open: Shards kept open at once, at least 1; open ones take addresses, not memory.

    Raises:
        UserError: There is no finished import at ``uri``.
        CorruptData: The manifest is damaged.
    """

    def __init__(self, uri: str, *, cache: FileCache | None = None, most_open: int = 64) -> None:
        self.uri = uri
        self.manifest: Manifest = read_manifest(self._folder)
        self.content = self.manifest.content
        self.name = self.manifest.name
        self.class_names = self.manifest.class_names
        self.classes = self.manifest.classes
        self.groups = self.manifest.groups
        self.alternatives = self.manifest.alternatives
        self.counts = tuple(shard.samples for shard in self.manifest.shards)
        self._cache = cache or FileCache()
        self._most_open = max(1, most_open)
        self._group_numbers = {name: number for number, name in enumerate(self.groups)}
        self._open: OrderedDict[int, tuple[memoryview, list[Place]]] = OrderedDict()
        self._verified: dict[int, tuple[int, int]] = {}  # shard -> inode and time (ns) of the file

    @property
    def _folder(self) -> Folder:
        return Folder.open(self.uri)  # not kept: remote filesystems don't survive a fork

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": OrderedDict()}  # another process maps the files for itself

    def read(self, shard: int, number: int) -> Sample:
        """Return a sample of a shard, both counted from 0.

        Raises:
            CorruptData: The shard is damaged, or its number of samples isn't the manifest's.
            FileNotFoundError: It is gone.
        """
        data, places = self._shard(shard)
        place = places[number]
        group = NO_GROUP
        if self._group_numbers:
            group = self._group_numbers[json.loads(_bytes(data, place.about))["group"]]
        return Sample(_bytes(data, place.image), int(_bytes(data, place.label)), group)

    def file(self, shard: int, number: int) -> str:
        """Return the name of the file that a sample was published in."""
        data, places = self._shard(shard)
        return (
            f"{json.loads(_bytes(data, places[number].about))['file']} in {self.manifest.shards[shard].name}"
        )

    def index(self) -> SampleIndex:
        """Return the label and group of every sample.

        Raises:
            CorruptData: A shard is missing, or the index is missing or damaged.
        """
        folder = self._folder
        there = set(folder.names(""))
        for name in (INDEX, *(shard.name for shard in self.manifest.shards)):
            if name not in there:
                raise CorruptData(
                    f"{folder.path(name)} is missing; 'gridcell data verify {self.uri}' says more"
                )
        data = folder.read(INDEX)
        if hashlib.sha256(data).hexdigest() != self.manifest.index:
            raise CorruptData(f"{folder.path(INDEX)} doesn't match its checksum; import the set again")
        return SampleIndex.from_bytes(data, folder.path(INDEX))

    def checksum(self) -> str | None:
        """Return None: ``content`` has the checksum of every shard."""
        return None

    def said(self) -> tuple[str, ...]:
        """Say what the import left out and changed, and what decoding changes; knows it from the manifest."""
        converted = self.manifest.converted
        if converted is None and self.name == OWN:
            converted = (
                "its import did not count the images that reading converts (grey, 16 bits, CMYK, several "
                "frames): 'gridcell data import' to another folder does"
            )
        sentences = (*self.manifest.imported, converted, said_of_case(self.class_names))
        return tuple(f"{self.uri}: {sentence}" for sentence in sentences if sentence)

    def _shard(self, number: int) -> tuple[memoryview, list[Place]]:
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        shard = self.manifest.shards[number]
        local = self._folder.local(shard.name)
        known = KnownFile(shard.name, shard.size, shard.sha256)
        with local.open("rb") if local is not None else self._cache.open(self._folder, known) as file:
            stat = os.fstat(file.fileno())
            if stat.st_size != shard.size:
                raise CorruptData(
                    f"Shard {self._folder.path(shard.name)} has {stat.st_size} bytes, "
                    f"the manifest says {shard.size}"
                )
            # Mapped rather than read: shuffled reading touches shards again and again, and all processes of
            # a machine share the pages.
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            if local is not None:  # the cache has verified the others
                self._verify(number, data, stat)
        places = index_tar(data, self._folder.path(shard.name))
        if len(places) != shard.samples:
            raise CorruptData(
                f"Shard {self._folder.path(shard.name)} has {len(places)} samples, "
                f"the manifest says {shard.samples}"
            )
        self._open[number] = (data, places)
        if len(self._open) > self._most_open:
            self._open.popitem(last=False)
        return data, places

    def _verify(self, number: int, data: memoryview, stat: os.stat_result) -> None:
        """Compare a shard with its checksum, unless this very file was: images decode with wrong bits too."""
        shard, file = self.manifest.shards[number], (stat.st_ino, stat.st_mtime_ns)
        if self._verified.get(number) == file:
            return
        if hashlib.sha256(data).hexdigest() != shard.sha256:
            raise CorruptData(
                f"Shard {self._folder.path(shard.name)} doesn't match its checksum: import the set again"
            )
        self._verified[number] = file


def _bytes(data: memoryview, place: tuple[int, int]) -> bytes:
    return bytes(data[place[0] : place[0] + place[1]])


class FolderSamples:
    """The samples of a published set in a folder, without importing it; see :class:`Samples`.

    They come in the order in which an import would store them, so that training sees the same batches.

    Args:
        name: An importer, e.g. ``v2``, or ``folder`` for images of one's own, one folder per class.
        root: The folder.

    Raises:
        UserError: There is no such importer, or the folder isn't laid out as it says, or is an archive.
    """

    def __init__(self, name: str, root: str | Path) -> None:
        if not Path(root).is_dir():
            raise UserError(f"{root} is no folder: only folders can be read without 'gridcell data import'")
        with Source([root]) as source:
            layout = importer(name).read(source)
            if not all(isinstance(entry.member.place, Path) for entry in layout.entries):
                raise UserError(f"{root} holds archives: import them with 'gridcell data import'")
        self._parts = dealt(layout.entries, layout.groups, name, SHARD_MB)
        self._crop, self._own = layout.crop, layout.own
        self.name = name
        self.class_names = layout.class_names
        self.classes = tuple(sorted({entry.label for entry in layout.entries}))
        self.groups = layout.groups
        self.alternatives = layout.alternatives
        self.counts = tuple(map(len, self._parts))

    @property
    def content(self) -> str:
        """Hash of the files' names in the folder, sizes and classes: no image is opened."""
        digest = hashlib.sha256(
            json.dumps([self.name, self._crop, sorted(self.alternatives.items())]).encode()
        )
        for entry in self._entries:
            name = entry.member.name.partition("/")[2]  # without the folder's own
            digest.update(json.dumps([name, entry.member.size, entry.label, entry.group]).encode())
        return digest.hexdigest()

    @property
    def _entries(self) -> Iterator[Entry]:
        return (entry for part in self._parts for entry in part)

    def read(self, shard: int, number: int) -> Sample:
        """Return a sample.

        Raises:
            CorruptData: Its border can't be cut off.
        """
        entry = self._parts[shard][number]
        content = Path(entry.member.place).read_bytes()
        if self._crop or self._own:
            _, content = checked_image(entry.member.name, content, self._crop, own=self._own)
        return Sample(content, entry.label, entry.group)

    def file(self, shard: int, number: int) -> str:
        """Return a sample's path."""
        return str(self._parts[shard][number].member.place)

    def index(self) -> SampleIndex:
        """Return the label and group of every sample."""
        return SampleIndex.of(
            [entry.label for entry in self._entries], [entry.group for entry in self._entries]
        )

    def said(self) -> tuple[str, ...]:
        """Return nothing: a published folder is read as its authors read it."""
        return ()

    def checksum(self) -> str | None:
        """Read all images and return a hash of their bytes, in their order: 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for entry in self._entries:
            digest.update(bytes.fromhex(sha256_of(Path(entry.member.place))))
        return digest.hexdigest()
