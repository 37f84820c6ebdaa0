"""Where each sample lies in a shard: a reader of the plain tar headers that the writer makes.

The standard library's ``tarfile`` reads any tar but takes some 30 µs a member, which next to decoding a small
JPEG is felt; these headers need three fields.
"""

from dataclasses import dataclass

from gridcell.data.folders.formats import ENDING_OF
from gridcell.errors import CorruptData

_BLOCK = 512  # bytes: header and padding unit of a tar
IMAGES = tuple(ENDING_OF.values())


@dataclass(frozen=True, slots=True)
class Place:
    """Offset and size in bytes of a sample's members: image, label, and what else is known of it."""

    image: tuple[int, int]
    label: tuple[int, int]
    about: tuple[int, int]


def index_tar(data: "memoryview | bytes", where: str) -> list[Place]:
    """List the samples of a shard in their order.

    Args:
        data: The whole file, e.g. memory-mapped: only headers are touched.
        where: The shard, for error messages.

    Raises:
        CorruptData: The bytes are no such shard, or it ends early.
    """
    places: list[Place] = []
    members: dict[str, tuple[int, int]] = {}
    current = ""
    position = 0
    while True:
        header = bytes(data[position : position + _BLOCK])
        if len(header) < _BLOCK:
            raise CorruptData(f"Shard {where} ends early")
        if not header[0]:
            break
        try:
            name = header[:100].rstrip(b"\0").decode("ascii")
            size = int(header[124:135], 8)
        except ValueError:
            raise CorruptData(f"Shard {where} has a damaged header at byte {position}") from None
        key, _, suffix = name.partition(".")
        if header[156:157] != b"0" or not suffix or position + _BLOCK + size > len(data):
            raise CorruptData(f"Shard {where} has a damaged header at byte {position}")
        if key != current and members:
            places.append(_place(members, where, current))
            members = {}
        current = key
        members[suffix] = (position + _BLOCK, size)
        position += _BLOCK + -(-size // _BLOCK) * _BLOCK
    if members:
        places.append(_place(members, where, current))
    return places


def _place(members: dict[str, tuple[int, int]], where: str, key: str) -> Place:
    images = [members[suffix] for suffix in IMAGES if suffix in members]
    if len(images) != 1 or "cls" not in members or "json" not in members:
        raise CorruptData(f"Sample {key} of shard {where} is incomplete")
    return Place(images[0], members["cls"], members["json"])
