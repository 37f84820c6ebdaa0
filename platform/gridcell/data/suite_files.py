"""The files of a suite's set: one digest of their names and bytes, by which an edited picture is noticed."""

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterable
from pathlib import Path

from gridcell.data.folders import walk
from gridcell.data.folders.facts import facts_of
from gridcell.errors import UserError


def files_digest(folder: Path) -> str:
    """Return the digest of a set's files as they are now; empty if one can't be read as an image.

    What is known of files that did not change is kept between commands.
    """
    with contextlib.suppress(UserError):
        files = walk(folder).files
        known = zip(files, facts_of(folder, files), strict=True)
        return _digest((file.name, facts.sha256 if facts else "") for file, facts in known)
    return ""


def written_digest(folder: Path, without: Collection[str] = ()) -> str:
    """Return the same by the bytes of all files, each read anew; nothing of them is kept.

    Args:
        folder: Of the set.
        without: Names of files that are left out.
    """
    files = [file for file in walk(folder).files if file.name not in without]
    return _digest((file.name, hashlib.sha256(file.path.read_bytes()).hexdigest()) for file in files)


def _digest(named: Iterable[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(named)).encode()).hexdigest()
