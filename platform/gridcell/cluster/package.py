"""What of a working directory goes along with a job: the code, and neither results, shards nor secrets."""

import fnmatch
import os
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gridcell.errors import UserError
from gridcell.printable import counted

LIMIT_MIB = 100.0  # Ray refuses above 512 MiB; code needs a hundredth of either
_MIB = 1 << 20
_NAMED = 3  # of what is too large, so many are named

# Folders and files by name: history, environments, caches, results, and where people keep secrets.
LEFT_OUT = (
    *(".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".ipynb_checkpoints"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".cache", ".tox", "*.pyc"),
    *("runs", "mlruns", "mlflow.db", "lightning_logs", "wandb"),
    *(".env", ".env.*", ".netrc", ".aws", ".ssh", "*.pem", "*.key", "*.p12", "id_rsa*", "id_ed25519*"),
    *(".git-credentials", ".pypirc", ".pgpass", ".kube", "kubeconfig", ".docker", "credentials*.json"),
    *("credentials", "credentials*.y*ml", "credentials*.toml", "credentials*.ini", "credentials*.csv"),
    *(".envrc", "*.env", "id_ecdsa*", "id_dsa*", "*_rsa", "*_ed25519", "*_ecdsa", "*.ppk", "*.pfx"),
    *("*.jks", "*.keystore", "*.kdbx", "*.ovpn", "*.gpg", ".gnupg", "*.tfstate", "*.tfstate.*", "*.tfvars"),
    *("secret*.y*ml", "secret*.json", "secret*.toml", "secret*.ini", "secret*.txt", ".secret*", "*.secret*"),
    *("kaggle.json", ".kaggle", ".npmrc", ".yarnrc*", "_netrc", ".htpasswd", ".my.cnf", ".boto", ".s3cfg"),
    *("rclone.conf", ".azure", "gcloud", ".gcloud", ".oci", ".terraform", "service[-_]account*.json"),
    *("client_secret*.json", ".huggingface", ".dockercfg", ".dockerconfigjson", ".vault*", "token"),
    *("token.json", "tokens.json", "token.txt", "*.token", ".token*", "auth_token", ".authinfo*"),
    *(".comet.config", ".databrickscfg", ".snowsql", ".passwd*", "password*.txt"),
)
# A folder that holds all of one of these is a virtual environment, a store, a report or a set of shards,
# whatever its name. Many a folder has a manifest.
_MARKERS = (("pyvenv.cfg",), ("gridcell.json",), ("record.json.gz",), ("manifest.json", "index.npz"))
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
        return f"{counted(len(self.sizes), 'file')}, {mib(self.size)}"

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

    In a git repository these are the files that git doesn't ignore, with those of its submodules, elsewhere
    all of them; in both cases without what ``LEFT_OUT`` names. A linked folder is sent as a copy.

    Args:
        root: the working directory.
        exclude: further patterns, as in ``data`` or ``*.ckpt``, matched with each name and each path.
        limit_mib: no more than this.

    Raises:
        UserError: it is more (names the largest entries), or a link leads to a folder elsewhere.
    """
    patterns = (*LEFT_OUT, *(pattern.rstrip("/") for pattern in exclude))
    names = _unignored(root)
    found = list(_walk(root, patterns) if names is None else _selected(root, names, patterns))
    links = [name for name in found if (root / name).is_dir()]
    files = [name for name in found if name not in links]
    chosen = [*files, *_linked(root, links, files, patterns)]
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
    """Return the files that git doesn't ignore, or None where ``root`` is in no repository.

    Of a repository within this one, such as a submodule, git names the folder alone: it is asked there again.
    """
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        found = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:  # no git here
        return None
    if found.returncode:
        return None
    names: list[str] = []
    for name in filter(None, os.fsdecode(found.stdout).split("\0")):
        path = root / name
        if path == root:  # a submodule that isn't checked out calls itself "./"
            continue
        if path.is_dir() and not path.is_symlink():
            names += (f"{name.rstrip('/')}/{inner}" for inner in _unignored(path) or ())
        else:
            names.append(name)
    return names


def _selected(root: Path, names: Iterable[str], patterns: Sequence[str]) -> Iterator[str]:
    marked: dict[Path, bool] = {}

    def is_marked(folder: Path) -> bool:
        if folder not in marked:
            marked[folder] = _is_marked(folder)
        return marked[folder]

    for name in dict.fromkeys(names):
        path = root / name
        folders = [root / parent for parent in list(Path(name).parents)[:-1]] + [path] * path.is_dir()
        if path.exists() and not any(map(is_marked, folders)) and not _is_left_out(name, patterns):
            yield name


def _linked(root: Path, links: Iterable[str], files: Sequence[str], patterns: Sequence[str]) -> Iterator[str]:
    """Yield what is sent of linked folders: the files to be sent of where they lead, as seen by the link."""
    whole = root.resolve()
    for link in links:
        target = (root / link).resolve()
        if not target.is_relative_to(whole):
            raise UserError(
                f"The folder '{link}' is a link to {target}, which isn't in the working directory: "
                f"--exclude '{link}' leaves it here, a copy in its place is sent"
            )
        inside = target.relative_to(whole)
        below = (Path(name).relative_to(inside) for name in files if Path(name).is_relative_to(inside))
        names = (f"{link}/{name.as_posix()}" for name in below)
        yield from (name for name in names if not _is_left_out(name, patterns))


def _walk(root: Path, patterns: Sequence[str]) -> Iterator[str]:
    for folder, subfolders, names in os.walk(root):
        here = Path(folder)
        inside = here.relative_to(root)
        subfolders[:] = [
            name
            for name in subfolders
            if not _matches((inside / name).as_posix(), patterns) and not _is_marked(here / name)
        ]
        yield from ((inside / name).as_posix() for name in subfolders if (here / name).is_symlink())
        for name in names:
            relative = (inside / name).as_posix()
            if (here / name).is_file() and not _matches(relative, patterns):
                yield relative


def _is_marked(folder: Path) -> bool:
    return any(all((folder / name).exists() for name in marker) for marker in _MARKERS)


def _is_left_out(name: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern matches the file or a folder that it is in."""
    parts = Path(name).parts
    return any(_matches("/".join(parts[: end + 1]), patterns) for end in range(len(parts)))


def _matches(path: str, patterns: Sequence[str]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(path, pattern) for pattern in patterns)


def _largest(package: Package) -> list[tuple[str, int]]:
    """Return the folders and files at the top that weigh most."""
    sizes: Counter[str] = Counter()
    for name, size in package.sizes.items():
        sizes[name.partition("/")[0]] += size
    return sizes.most_common(_NAMED)
