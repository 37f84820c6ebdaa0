"""Notes about runs: small JSON files beside the results, on which no result depends."""

import json
import logging
from collections.abc import Mapping
from types import UnionType
from typing import Any


def parse_notes(
    stored: Mapping[str, bytes], fields: Mapping[str, type | UnionType]
) -> dict[str, dict[str, Any]]:
    """Return name -> note. One that is damaged is left out, with a warning that names it.

    Args:
        stored: name -> content.
        fields: that each note has, and their types.
    """
    notes = {}
    for name, data in stored.items():
        try:
            note = json.loads(data)
        except ValueError:
            note = None
        if isinstance(note, dict) and all(
            field in note and isinstance(note[field], kind) for field, kind in fields.items()
        ):
            notes[name] = note
        else:  # with no handler set, Python prints warnings to standard error
            logging.getLogger(__name__).warning("The note %s of the storage is damaged: left out", name)
    return notes
