"""Codes: what a fingerprint stands for, so that a result can say which files changed since."""

from collections.abc import Iterable, Mapping
from typing import Any

from gridcell.cell import canonical_json
from gridcell.store.filesystem import Folder
from gridcell.store.names import is_name
from gridcell.store.notes import parse_notes

_FIELDS = {"files": dict}


class Codes:
    """The stored codes, one file a fingerprint."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._written: set[str] = set()

    def save(self, fingerprint: str, record: Mapping[str, Any]) -> None:
        """Remember what a fingerprint stands for: ``files``, module -> digest, and ``release``."""
        if fingerprint not in self._written:
            self._folder.create(f"codes/{fingerprint}.json", canonical_json(dict(record)).encode())
            self._written.add(fingerprint)

    def read(self, fingerprints: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the records of those fingerprints that are known and whole."""
        names = {f"codes/{each}.json": each for each in fingerprints if is_name(each)}
        found = parse_notes(self._folder.read_many(names), _FIELDS)
        return {names[name]: record for name, record in found.items()}
