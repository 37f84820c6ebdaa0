"""Notes about runs: small JSON files beside the results, on which no result depends."""

import json
import logging
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any


def parse_notes(
    stored: Mapping[str, bytes],
    fields: Mapping[str, type | UnionType],
    accepts: Callable[[Mapping[str, Any]], bool] = lambda note: True,
) -> dict[str, dict[str, Any]]:
    """Return name -> note. One that is damaged is left out, with a warning that names it.

    Args:
        stored: name -> content.
        fields: that each note has, and their types.
        accepts: tells whether the values of these fields make sense.

    Example:
        >>> parse_notes({"a.json": b'{"age": 3}'}, {"age": int}, lambda note: note["age"] >= 0)
        {'a.json': {'age': 3}}
    """
    notes = {}
    for name, data in stored.items():
        try:
            note = json.loads(data)
        except (ValueError, RecursionError):  # the latter where brackets are nested without end
            note = None
        if (
            isinstance(note, dict)
            and all(field in note and isinstance(note[field], kind) for field, kind in fields.items())
            and accepts(note)
        ):
            notes[name] = note
        else:  # with no handler set, Python prints warnings to standard error
            logging.getLogger(__name__).warning("The note %s of the storage is damaged: left out", name)
    return notes
