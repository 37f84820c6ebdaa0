"""A suite's own sets as shards: each in a folder of its name, read batch by batch."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridcell import CorruptData, Folder, UserError
from gridcell.data import imagenet_wnids, open_shards
from imagenet_rib.grid.input_names import set_uri
from imagenet_rib.vocabulary import PRETRAIN, VAL

if TYPE_CHECKING:
    from gridcell.data import Samples


@dataclass(frozen=True)
class ShardSets:
    """Imported sets below one folder.

    Attributes:
        sets: Those that are there, by name.
        class_names: The label space of all of them: ImageNet's 1,000 classes where every class is named by a
            WordNet id of theirs, else the names of all sets' classes, sorted.
    """

    sets: "Mapping[str, Samples]"
    class_names: tuple[str, ...]

    @property
    def names_imagenet(self) -> bool:
        """Whether the classes are ImageNet's."""
        return self.class_names == imagenet_wnids()

    def said(self) -> Iterator[str]:
        """Say what the imports left out and changed, and what reading converts, a sentence each."""
        for one in self.sets.values():
            yield from one.said()

    def covered(self, name: str) -> tuple[str, ...]:
        """Return the names of the classes that a set has images of; none if there is no such set."""
        one = self.sets.get(name)
        return () if one is None else tuple(one.class_names[label] for label in one.classes)

    def config(self, name: str) -> dict[str, Any]:
        """Return what identifies a set: its content, and the label space where that is not its own.

        Raises:
            UserError: It isn't there.
        """
        if name not in self.sets:
            raise UserError(
                f"There is no set '{name}' in 'data.root', which has {', '.join(self.sets)}: "
                f"'gridcell data import folder --from PATH --to ROOT/{name}' makes one"
            )
        one = self.sets[name]
        own = one.class_names == self.class_names
        space: dict[str, Any] = {} if own else {"classes": list(self.class_names)}
        return {"source": "shards", "set": name, "content": one.content, **space}


def open_shard_sets(root: str | None, downstream: Iterable[str]) -> ShardSets:
    """Open the sets that a suite names, ``val``, and ``pretrain`` if it is there.

    Args:
        root: The folder or bucket.
        downstream: Names of the sets that models are fine-tuned on.

    Raises:
        UserError: A set isn't there, or its import isn't finished or is damaged.
    """
    if root is None:
        raise UserError(
            "The setting 'data.root' must name the folder with a set of shards a folder: "
            "'gridcell data import folder --from PATH --to ROOT/val' makes one"
        )
    sets: dict[str, Samples] = {}
    for name in dict.fromkeys((PRETRAIN, VAL, *downstream)):
        uri = set_uri(root, name)
        if name == PRETRAIN and not Folder.open(uri).exists():
            continue
        try:
            sets[name] = open_shards(uri)
        except CorruptData as error:
            raise UserError(str(error)) from error
    return ShardSets(sets, _space(one.class_names for one in sets.values()))


def _space(names: Iterable[Collection[str]]) -> tuple[str, ...]:
    union = {name for some in names for name in some}
    return imagenet_wnids() if union <= set(imagenet_wnids()) else tuple(sorted(union))
