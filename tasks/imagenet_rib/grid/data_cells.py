"""The cells that stand for the sets of images, one a set, and what identifies each.

What makes a set is in its own cell alone: the images that it is dealt, its shift, the shift's parameters. So
a new shift, or a set that is replaced, changes no other set's cell.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gridcell import Cell, CorruptData, GridBuilder, UserError, plugins, unknown, version_of
from gridcell.data import (
    BUILT_IN,
    DIGITS,
    Dealing,
    Shift,
    added_corruptions,
    chosen_parameters,
    shift,
    shifts_in_order,
    sizes_of,
)
from imagenet_rib.grid.image_folders import ImageSets, fingerprint_of, open_sets
from imagenet_rib.grid.input_names import DATA, data_role
from imagenet_rib.grid.published import check_there, published_set
from imagenet_rib.grid.shard_sets import ShardSets, open_shard_sets
from imagenet_rib.grid.slices import CORRUPTED
from imagenet_rib.settings import Data
from imagenet_rib.vocabulary import PRETRAIN, VAL

VERSIONS = {"digits": 3, "imagenet": 6, "folder": 2, "published": 1, "shards": 1}
"""By source.

``imagenet`` 6: snow on photographs falls to one side, as published. ``digits`` 3, ``imagenet`` 5, ``folder``
2: a cell holds one set. ``digits`` 2, ``imagenet`` 4: fog, frost, glass blur, motion blur and elastic
transform are calibrated against ImageNet-C's, cartoon and drawing of photographs against the published drops.
``imagenet`` 3: EXIF and transparency are heeded, 16 bits are scaled, more formats are read; 2: set c is the
15 corruptions at all severities there are, and val is whole where it can be.
"""


@dataclass(frozen=True)
class DataCell:
    """What identifies a set.

    Attributes:
        config: of its cell.
        needs: names of the sets that it is made from.
    """

    config: Mapping[str, Any]
    needs: Sequence[str] = ()


class Source(Protocol):
    """Where the images come from."""

    @property
    def names_imagenet(self) -> bool:
        """Whether the classes are ImageNet's, whatever the images."""

    @property
    def available(self) -> Collection[str]:
        """Names of the sets that can be asked for."""

    def cell(self, name: str) -> DataCell:
        """Return what identifies a set.

        Raises:
            UserError: it can't be had.
        """


class DataCells:
    """The cells of the sets, each added to the grid when it is first asked for.

    Args:
        grid: that they are added to.
        data: the settings.
        downstream: names of the sets that models are fine-tuned on.

    Raises:
        UserError: the settings contradict each other, or a set can't be had.
    """

    def __init__(self, grid: GridBuilder, data: Data, downstream: Sequence[str]) -> None:
        for name, parameters in data.shifts.items():
            with grid.setting("data", "shifts", name):
                shift(name).check(parameters)
        if data.min_images > 1 and data.source != "imagenet":
            raise UserError(
                f"The setting 'data.min_images' goes with data.source=imagenet, not with {data.source}: "
                "'gridcell data import' and 'gridcell data derive' take --min-images"
            )
        if data.classes != "auto" and data.source != "imagenet":
            raise UserError(
                f"The setting 'data.classes' goes with data.source=imagenet, not with {data.source}"
            )
        if data.objectnet != "all" and data.source != "published":
            raise UserError(
                f"The setting 'data.objectnet' goes with data.source=published, not with {data.source}"
            )
        if data.reader != "pil" and data.source not in ("published", "shards"):
            raise UserError(
                "The setting 'data.reader' goes with data.source=published and shards; images of "
                f"{data.source} are decoded once, by Pillow"
            )
        self._reader = {} if data.reader == "pil" else {"reader": data.reader}
        self._grid = grid
        self._source = _source(grid, data, downstream)
        for index, name in enumerate(downstream):
            with grid.setting("downstream", index):
                if name not in self._source.available:
                    raise unknown("downstream set", name, self._source.available, plugins.hint())
        if data.root is not None:
            grid.locate(DATA, data.root)
        self._version = VERSIONS[data.source]
        self.unsplit = self._source.unsplit if isinstance(self._source, _Derived) else None
        """Why the images can't be dealt out, so that all sets show the same ones; None where they can."""
        self.added = frozenset(
            name for name in downstream if isinstance(self._source, _Derived) and name not in BUILT_IN
        )
        """Sets of shifts from outside."""
        self._cells: dict[str, Cell] = {}

    def possible(self, downstream: Sequence[str]) -> list[str]:
        """Return the sets that can be made, and note why others can't."""
        source = self._source
        lacking = {name: source.cannot(name) for name in downstream} if isinstance(source, _Derived) else {}
        self._grid.note(*(f"Left out: {why}" for why in lacking.values() if why))
        return [name for name in downstream if not lacking.get(name)]

    @property
    def image_sets(self) -> ImageSets | None:
        """The sets in folders, opened once a plan; None for another source."""
        return self._source.found if isinstance(self._source, _Derived) else None

    @property
    def shards(self) -> ShardSets | None:
        """The sets as shards, opened once a plan; None for another source."""
        return self._source.sets if isinstance(self._source, _Shards) else None

    @property
    def classes(self) -> dict[str, Cell]:
        """What tells a cell the classes: no cell where they are known to be ImageNet's."""
        return {} if self._source.names_imagenet else self.of(VAL)

    def of(self, *names: str) -> dict[str, Cell]:
        """Return the cells of sets, by the roles that they are needed in.

        Raises:
            UserError: a set can't be had.
        """
        return {data_role(name): self._cell(name) for name in names}

    def _cell(self, name: str) -> Cell:
        if name not in self._cells:
            about = self._source.cell(name)
            self._cells[name] = self._grid.add(
                "data",
                {**about.config, **self._reader},
                version=self._version,
                needs={data_role(need.partition(" ")[0]): self._cell(need) for need in about.needs},
                title=f"data {name}",
            )
        return self._cells[name]

    def shown_corruptions(self) -> list[str]:
        """Return the corruptions that set c shows, all of ImageNet-C's where that isn't known.

        Raises:
            UserError: the set can't be had.
        """
        from gridcell.data import all_corruptions

        self.of(CORRUPTED)
        groups = self._source.groups if isinstance(self._source, _Published) else ()
        there = {group.partition("/")[0] for group in groups}
        known = all_corruptions()
        return [*(name for name in known if name in there or not there), *sorted(there.difference(known))]


def _source(grid: GridBuilder, data: Data, downstream: Sequence[str]) -> Source:
    if data.source == "digits":
        if data.root is not None:
            raise UserError("The setting 'data.root' goes with data.source=folder, not with digits")
        base = {"source": "digits", "image_size": data.image_size}
        return _Derived(data, base, _dealing(data, downstream), dict(enumerate(DIGITS)), grid)
    if data.source == "imagenet":
        if data.root is None:
            raise UserError(
                "The setting 'data.root' must name a folder of ImageNet-labelled images, one folder a class, "
                "named by WordNet id or class index: --set data.root=DIR"
            )
        found = open_sets(data.root, data.min_images, data.classes)
        grid.note(*found.said([PRETRAIN, VAL, *downstream]))
        base = {"source": "imagenet", "image_size": data.image_size}
        base["fingerprint"] = fingerprint_of(found.given[VAL])
        if data.min_images > 1:
            base["min_images"] = data.min_images
        if found.own is not None:
            base["classes"] = list(found.own)
        sizes, copies = found.base.sizes, found.base.copies
        unsplit = None if found.val_is_whole else _too_few(data, found)
        if unsplit is not None:
            grid.note(f"{data.root}: {unsplit}; so all sets are made of all images: enough to measure")
        dealing = _dealing(data, downstream, found) if unsplit is None else Dealing.among([], seed=data.seed)
        if unsplit is not None or found.val_is_whole:
            sizes = sizes_of(found.base.labels)
        elif copies:
            are = "1 image of val is a copy" if copies == 1 else f"{copies:,} images of val are copies"
            where = "dealt to the set of the image that is copied, if that set covers the class"
            grid.note(f"{data.root}: {are}: {where}")
        return _Derived(data, base, dealing, sizes, grid, found, unsplit)
    if data.source == "folder":
        return _Folder(data, grid)
    if data.source == "shards":
        sets = open_shard_sets(data.root, downstream)
        grid.note(*sets.said())
        return _Shards(sets)
    if data.root is not None:
        check_there(data.root, [*(name for name in downstream if name in BUILT_IN), VAL])
    return _Published(data)


def _dealing(data: Data, downstream: Iterable[str], found: ImageSets | None = None) -> Dealing:
    """Return how images are dealt out; refuse a shift from outside here if too few are left for it."""
    known, given = shifts_in_order(), found.given if found is not None else {}
    derived = [known[name] for name in downstream if name in known and name not in given]
    dealing = Dealing.among(derived, seed=data.seed)
    if dealing.added and found is None:
        dealing.counts(dict(enumerate(DIGITS)), [str(digit) for digit in range(len(DIGITS))])
    elif dealing.added and found is not None and not found.val_is_whole:
        dealing.counts(found.base.sizes, found.class_names, found.base.copies)
    return dealing


def _too_few(data: Data, found: ImageSets) -> str | None:
    """Say why images can't be dealt out to the benchmark's sets; None where they can."""
    try:
        dealing = Dealing.among([], seed=data.seed)
        dealing.counts(found.base.sizes, found.class_names, found.base.copies)
    except UserError as error:
        return str(error)
    return None


@dataclass(frozen=True)
class _Derived:
    """Sets that are derived from labelled images, but for those that the folder has.

    The set called ``pretrain val`` are the images of ``val`` that are dealt to pre-training: the folder may
    have another set ``pretrain``.
    """

    data: Data
    base: Mapping[str, Any]
    dealing: Dealing
    sizes: Mapping[int, int]
    grid: GridBuilder
    found: ImageSets | None = None
    unsplit: str | None = None

    @property
    def names_imagenet(self) -> bool:
        return self.found is not None and self.found.own is None

    @property
    def available(self) -> Collection[str]:
        return shifts_in_order()

    @property
    def whole(self) -> bool:
        """Whether all images are validated on."""
        return self.unsplit is not None or (self.found is not None and self.found.val_is_whole)

    def cannot(self, name: str) -> str | None:
        """Say why a set can't be made of all images; None where it can."""
        needed = shift(name).least
        if self.unsplit is None or name in self._given or min(self.sizes.values()) >= needed:
            return None
        return f"set {name} needs {needed} images of each class"

    @property
    def _given(self) -> Mapping[str, Any]:
        return self.found.given if self.found is not None else {}

    def cell(self, name: str) -> DataCell:
        given, whole = self._given, self.whole
        if name in given and (name != VAL or whole):
            return DataCell({**self.base, "set": name, "fingerprint": fingerprint_of(given[name])})
        name = name.partition(" ")[0]
        if name == PRETRAIN and self.unsplit is not None:
            raise UserError(f"There are no images for set '{PRETRAIN}': {self.unsplit}")
        if name in (PRETRAIN, VAL):
            return DataCell({**self.base, "set": name, **self._dealt(name)})
        recipe = shift(name)
        parameters = _parameters(recipe, self._set(name))
        about: dict[str, Any] = {"set": name, "parameters": parameters, **version_of(recipe)}
        if name == CORRUPTED and (added := added_corruptions()):
            about["corruptions"] = added
        looked_at = PRETRAIN if whole or PRETRAIN not in given else f"{PRETRAIN} {VAL}"
        needs = [looked_at] if recipe.pretrain else []
        if self.unsplit is not None:
            needs = [
                one for one in needs if one in given
            ]  # else what looks at the images of pre-training looks at its own
        if recipe.source == "val" or self.unsplit is not None:
            return DataCell({"source": VAL, "seed": self.data.seed, **about}, [VAL, *needs])
        if whole:
            raise UserError(
                f"Shift '{name}' takes fresh images, but none are left: all images of the set {VAL} are "
                'validated on, as the folder has all other sets. Give the shift the source "val"'
            )
        return DataCell({**self.base, **about, **self._dealt(name)}, needs)

    def _dealt(self, name: str) -> dict[str, Any]:
        """Return what decides which images a set is dealt; images without copies are dealt as if none had."""
        copied = self.found is not None and self.found.base.copies
        return {"dealt": self.dealing.to_record(name), **({"copies": "together"} if copied else {})}

    def _set(self, name: str) -> Mapping[str, Any]:
        """Return what is set of a shift, with what has to be chosen for these images."""
        given = self.data.shifts.get(name, {})
        if name != CORRUPTED:
            return given
        known = self.dealing.counts(self.sizes, self._names)[VAL] if not self.whole else self.sizes
        chosen, said = chosen_parameters(len(self.sizes), sum(known.values()), {name: given})
        self.grid.note(*said)
        return chosen[name]

    @property
    def _names(self) -> Sequence[str]:
        return self.found.class_names if self.found is not None else [str(one) for one in range(len(DIGITS))]


def _parameters(recipe: Shift, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters of a shift; a value that equals its default is the default: 1 for 1.0."""
    equal = {name: default for name, default in recipe.parameters.items() if given.get(name) == default}
    return {**recipe.parameters, **given, **equal}


class _Folder:
    """A suite of sets that ``gridcell data derive`` made."""

    names_imagenet = False

    def __init__(self, data: Data, grid: GridBuilder) -> None:
        from gridcell.data import suite_notes, written_checksums

        if data.root is None:
            raise UserError(
                "The setting 'data.root' must name the folder that 'gridcell data derive' made: "
                "--set data.root=DIR"
            )
        self._root, self._grid = data.root, grid
        self._written = written_checksums(data.root)
        grid.note(*suite_notes(data.root))

    @property
    def available(self) -> Collection[str]:
        return self._written

    def cell(self, name: str) -> DataCell:
        from gridcell.data import set_checksums

        if name not in self._written:
            raise unknown("set of the suite in 'data.root'", name, self._written)
        try:
            content = set_checksums(self._root, [name])[name]
        except CorruptData as error:
            raise UserError(f"{error}. 'gridcell data derive' writes the sets again") from error
        if content != self._written[name]:
            self._grid.note(
                f"{self._root}: pictures of set '{name}' are not those that 'gridcell data derive' wrote; "
                "they are used as they are now"
            )
        return DataCell({"source": "folder", "set": name, "content": content})


@dataclass(frozen=True)
class _Shards:
    """Sets of one's own that ``gridcell data import`` wrote."""

    sets: ShardSets

    @property
    def names_imagenet(self) -> bool:
        return self.sets.names_imagenet

    @property
    def available(self) -> Collection[str]:
        return [name for name in self.sets.sets if name not in (PRETRAIN, VAL)]

    def cell(self, name: str) -> DataCell:
        return DataCell(self.sets.config(name))


@dataclass
class _Published:
    """The published sets, each in a folder of its name."""

    data: Data
    groups: tuple[str, ...] = ()
    names_imagenet: bool = field(default=True, init=False)
    available: Collection[str] = field(default=BUILT_IN, init=False)

    def cell(self, name: str) -> DataCell:
        there = published_set(name, self.data.root)
        if there is not None and name == CORRUPTED:
            self.groups = there.groups
        content = there.content if there is not None else None
        return DataCell({"source": "published", "set": name, "content": content})
