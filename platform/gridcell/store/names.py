"""Names that come from a store's records: whoever may write a store must reach no file outside of it."""

import re

from gridcell.errors import CorruptData

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST = 1024  # bytes; no filesystem or object store takes more


def checked_name(name: object) -> str:
    """Return the name of a file within a folder, or refuse it.

    It may have folders of its own, but leads neither above the folder nor anywhere by itself.

    Raises:
        CorruptData: it is no such name.

    Example:
        >>> checked_name("artifacts/ab12/weights.pt")
        'artifacts/ab12/weights.pt'
    """
    if isinstance(name, str) and name and "\0" not in name and len(name.encode(errors="replace")) <= _LONGEST:
        parts = re.split(r"[/\\]", name)
        if not any(part in ("", ".", "..") for part in parts) and not re.match(r"~|[A-Za-z]:[/\\]", name):
            return name
    raise CorruptData(f"{str(name)[:100]!r} is no name of a file in a storage")


def is_name(name: object) -> bool:
    """Whether ``checked_name`` takes it."""
    try:
        checked_name(name)
    except CorruptData:
        return False
    return True


def checked_sha256(text: object) -> str:
    """Return a SHA-256 in hexadecimal, which is part of a cached file's name, or refuse it.

    Raises:
        CorruptData: it is none.
    """
    if isinstance(text, str) and _SHA256.fullmatch(text):
        return text
    raise CorruptData(f"{str(text)[:100]!r} is no SHA-256")
