"""The content of a user's file, which planning asks for without loading torch."""

import hashlib
from pathlib import Path

from gridcell import UserError


def file_fingerprint(path: str) -> str:
    """Return a hash of a module's file.

    Raises:
        UserError: there is no such file.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"There is no file '{path}' to take a module from")
    return hashlib.sha256(file.read_bytes()).hexdigest()[:20]
