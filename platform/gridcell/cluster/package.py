"""What of a working directory goes along with a job: the code, and neither data, results nor secrets."""

import fnmatch
import os
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gridcell.errors import UserError

LIMIT_MIB = 100.0  # Ray refuses above 512 MiB; code needs a hundredth of either
_MIB = 1 << 20
_NAMED = 3  # of what is too large, so many are named

# Folders and files by name: history, environments, caches, results, and where people keep secrets.
LEFT_OUT = (
    *(".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".ipynb_checkpoints"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".cache", ".tox", "*.pyc"),
    *("runs", "mlruns", "mlflow.db", "lightning_logs", "wandb"),
    *(".env", ".env.*", ".netrc", ".aws", ".ssh", "*.pem", "*.key"),
)
# A folder that holds one of these is a virtual environment or a store, whatever its name.
_MARKERS = ("pyvenv.cfg", "gridcell.json")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's earliest date: equal content is an equal archive, uploaded once


@dataclass(frozen=True)
class Package:
    """Files of a folder, as relative paths with their sizes in bytes."""

    root: Path
    sizes: dict[str, int]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(self.sizes.values())

    def __str__(self) -> str:
        return f"{len(self.sizes)} files, {mib(self.size)}"

    def write(self, archive: Path) -> None:
        """Write a zip file, the same bytes for the same content."""
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for name in sorted(self.sizes):
                path = self.root / name
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.external_attr = (path.stat().st_mode & 0o777) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                packed.writestr(entry, path.read_bytes())


def pack(root: Path, exclude: Sequence[str] = (), limit_mib: float = LIMIT_MIB) -> Package:
    """Choose the files of a folder that a job needs.

    In a git repository these are the files that git doesn't ignore, elsewhere all of them; in both cases
    without what ``LEFT_OUT`` names.

    Args:
        root: the working directory.
        exclude: further patterns, as in ``data`` or ``*.ckpt``, matched with each name and each path.
        limit_mib: no more than this.

    Raises:
        UserError: it is more; names the largest entries.
    """
    patterns = (*LEFT_OUT, *(pattern.rstrip("/") for pattern in exclude))
    names = _unignored(root)
    chosen = _walk(root, patterns) if names is None else _selected(root, names, patterns)
    package = Package(root, {name: (root / name).stat().st_size for name in chosen})
    if package.size > limit_mib * _MIB:
        largest = ", ".join(f"--exclude '{name}' ({mib(size)})" for name, size in _largest(package))
        raise UserError(
            f"The working directory has {mib(package.size)} to send, and at most {limit_mib:g} MiB go along "
            f"with a job (--limit-mib): leave out data and results, the largest first: {largest}"
        )
    return package


def mib(size: float) -> str:
    """Write a number of bytes in MiB."""
    return f"{size / _MIB:.1f} MiB"


def _unignored(root: Path) -> list[str] | None:
    """Return the files that git doesn't ignore, or None where ``root`` is in no repository."""
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        found = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:  # no git here
        return None
    return None if found.returncode else os.fsdecode(found.stdout).rstrip("\0").split("\0")


def _selected(root: Path, names: Iterable[str], patterns: Sequence[str]) -> Iterator[str]:
    marked: dict[Path, bool] = {}

    def is_marked(folder: Path) -> bool:
        if folder not in marked:
            marked[folder] = any((folder / marker).exists() for marker in _MARKERS)
        return marked[folder]

    for name in dict.fromkeys(names):
        path = root / name
        if not path.is_file() or any(is_marked(root / parent) for parent in list(Path(name).parents)[:-1]):
            continue
        parts = Path(name).parts
        if not any(_matches("/".join(parts[: end + 1]), patterns) for end in range(len(parts))):
            yield name


def _walk(root: Path, patterns: Sequence[str]) -> Iterator[str]:
    for folder, subfolders, names in os.walk(root):
        here = Path(folder)
        inside = here.relative_to(root)
        subfolders[:] = [
            name
            for name in subfolders
            if not _matches((inside / name).as_posix(), patterns)
            and not (here / name).is_symlink()
            and not any((here / name / marker).exists() for marker in _MARKERS)
        ]
        for name in names:
            relative = (inside / name).as_posix()
            if (here / name).is_file() and not _matches(relative, patterns):
                yield relative


def _matches(path: str, patterns: Sequence[str]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(path, pattern) for pattern in patterns)


def _largest(package: Package) -> list[tuple[str, int]]:
    """Return the folders and files at the top that weigh most."""
    sizes: Counter[str] = Counter()
    for name, size in package.sizes.items():
        sizes[name.partition("/")[0]] += size
    return sizes.most_common(_NAMED)
