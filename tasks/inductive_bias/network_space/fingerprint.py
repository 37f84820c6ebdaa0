"""The content of a user's file, which planning asks for without loading torch."""

import hashlib
from pathlib import Path

from gridcell import UserError, plugins


def file_fingerprint(path: str) -> str:
    """Return a hash of a module's file, and of what it imports or reads from its folder.

    Raises:
        UserError: there is no such file, or it is not Python.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"There is no file '{path}' to take a module from")
    (_, own), *others = plugins.contents(file).items()
    digest = hashlib.sha256(own)
    for name, content in others:
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:20]
