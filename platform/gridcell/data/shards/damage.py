"""Whether a stored shard is the file that the manifest names."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gridcell.data.shards.manifest import Shard
from gridcell.store.filesystem import Folder, sha256_of


def damage(folder: Folder, shard: Shard) -> str | None:
    """Read a shard and say in a sentence how its file differs from the manifest's, or None if it doesn't."""
    try:
        with on_disk(folder, shard) as file:
            return damage_of(file, shard)
    except FileNotFoundError:
        return f"{shard.name} is missing"


@contextlib.contextmanager
def on_disk(folder: Folder, shard: Shard) -> Iterator[Path]:
    """Yield a shard's file on this machine: the stored one where the folder is local, else a copy for now.

    Raises:
        FileNotFoundError: It is missing.
    """
    local = folder.local(shard.name)
    if local is not None:
        yield local
        return
    with tempfile.NamedTemporaryFile(prefix="gridcell-", suffix=".tar") as file:
        folder.get(shard.name, Path(file.name))
        yield Path(file.name)


def damage_of(file: Path, shard: Shard) -> str | None:
    """Do as ``damage`` with a file on this machine; FileNotFoundError where there is none."""
    size = file.stat().st_size
    if size != shard.size:
        return f"{shard.name} has {size} bytes, the manifest says {shard.size}"
    sha256 = sha256_of(file)
    if sha256 != shard.sha256:
        return (
            f"{shard.name} is damaged: its SHA-256 is {sha256[:12]}..., "
            f"the manifest says {shard.sha256[:12]}..."
        )
    return None
