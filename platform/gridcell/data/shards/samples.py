"""Single samples by number, from shards or from a published folder that was not imported."""

import json
import mmap
import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from gridcell.data.importers import Source, importer
from gridcell.data.importers.layout import NO_GROUP
from gridcell.data.shards.cache import ShardCache
from gridcell.data.shards.manifest import Manifest, read_manifest
from gridcell.data.shards.tarindex import Place, index_tar
from gridcell.data.shards.write import checked_image
from gridcell.errors import CorruptData, UserError
from gridcell.store.filesystem import Folder

_FOLDER_PART = 1024  # samples of a folder that are shuffled as if they were one shard


class Sample(NamedTuple):
    """An undecoded image (bytes of a JPEG or PNG), its label, and its group (-1 where the set has none)."""

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

    def read(self, shard: int, number: int) -> Sample:
        """Return a sample of a shard, both counted from 0."""


class ShardSamples:
    """The samples of an imported set; see :class:`Samples`. May be passed to worker processes.

    Shards on this machine are read in place; remote ones are fetched whole, verified and kept in the cache.

    Args:
        uri: Where the shards are.
        cache: For remote shards; None: :class:`ShardCache` with its defaults.
        most_open: Shards kept open at once, at least 1; open ones take addresses, not memory.

    Raises:
        UserError: There is no finished import at ``uri``.
        CorruptData: The manifest is damaged.
    """

    def __init__(self, uri: str, *, cache: ShardCache | None = None, most_open: int = 64) -> None:
        self._folder = Folder.open(uri)
        self.manifest: Manifest = read_manifest(self._folder)
        self.name = self.manifest.name
        self.class_names = self.manifest.class_names
        self.classes = self.manifest.classes
        self.groups = self.manifest.groups
        self.alternatives = self.manifest.alternatives
        self.counts = tuple(shard.samples for shard in self.manifest.shards)
        self._cache = cache or ShardCache()
        self._most_open = max(1, most_open)
        self._group_numbers = {name: number for number, name in enumerate(self.groups)}
        self._open: OrderedDict[int, tuple[memoryview, list[Place]]] = OrderedDict()

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

    def _shard(self, number: int) -> tuple[memoryview, list[Place]]:
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        shard = self.manifest.shards[number]
        local = self._folder.local(shard.name)
        with local.open("rb") if local is not None else self._cache.open(self._folder, shard) as file:
            size = os.fstat(file.fileno()).st_size
            if size != shard.size:
                raise CorruptData(
                    f"Shard {self._folder.path(shard.name)} has {size} bytes, the manifest says {shard.size}"
                )
            # Mapped rather than read: shuffled reading touches shards again and again, and all processes of
            # a machine share the pages.
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
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


def _bytes(data: memoryview, place: tuple[int, int]) -> bytes:
    return bytes(data[place[0] : place[0] + place[1]])


class FolderSamples:
    """The samples of a published set in a folder, without importing it; see :class:`Samples`.

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
        self._root = Path(root)
        self._entries = layout.entries
        self._crop = layout.crop
        self.name = name
        self.class_names = layout.class_names
        self.classes = tuple(sorted({entry.label for entry in layout.entries}))
        self.groups = layout.groups
        self.alternatives = layout.alternatives
        whole, rest = divmod(len(layout.entries), _FOLDER_PART)
        self.counts = (_FOLDER_PART,) * whole + ((rest,) if rest else ())

    def read(self, shard: int, number: int) -> Sample:
        """Return a sample; ``shard`` counts runs of 1,024 files.

        Raises:
            CorruptData: Its border can't be cut off.
        """
        entry = self._entries[shard * _FOLDER_PART + number]
        content = Path(entry.member.place).read_bytes()
        if self._crop:
            _, content = checked_image(entry.member.name, content, self._crop)
        return Sample(content, entry.label, entry.group)
