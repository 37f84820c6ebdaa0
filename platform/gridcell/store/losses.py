"""Losses: attempts at cells that ended without a result, and the work that went with them."""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gridcell.store.filesystem import Folder
from gridcell.store.notes import parse_notes

_FIELDS = {"cell": str, "failure_class": str, "seconds": int | float, "steps": int | None}


@dataclass(frozen=True)
class Loss:
    """An attempt without a result: its cell's id, why it ended, and the work that is lost.

    Work is lost from the last checkpoint on, or from the attempt's start where it made none: so many seconds,
    and so many of the steps that the cell reports, None where it reported none.
    """

    cell: str
    failure_class: str
    seconds: float
    steps: int | None = None


class Losses:
    """All attempts that ended without a result, whether or not their cells are done by now."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def add(self, loss: Loss, attempt: str = "") -> None:
        """Remember a loss; the same named attempt counts once."""
        name = f"losses/{loss.cell}-{attempt or uuid.uuid4().hex[:12]}.json"
        self._folder.write(name, json.dumps(vars(loss)).encode())

    def read_all(self) -> list[Loss]:
        """Return them all, without damaged ones."""
        names = [f"losses/{name}" for name in self._folder.names("losses") if name.endswith(".json")]
        notes = parse_notes(self._folder.read_many(names), _FIELDS)
        return [Loss(**{field: note[field] for field in _FIELDS}) for note in notes.values()]


def lost_by_class(losses: Iterable[Loss], cells: Mapping[str, object]) -> dict[str, dict[str, float]]:
    """Return failure class -> ``attempts``, ``seconds`` and, where known, ``steps`` lost by ``cells``."""
    found: dict[str, dict[str, float]] = {}
    for loss in losses:
        if loss.cell in cells:
            entry = found.setdefault(loss.failure_class, {"attempts": 0, "seconds": 0.0})
            entry["attempts"] += 1
            entry["seconds"] = round(entry["seconds"] + loss.seconds, 1)
            if loss.steps is not None:
                entry["steps"] = entry.get("steps", 0) + loss.steps
    return dict(sorted(found.items()))


def describe_lost(lost: Mapping[str, Mapping[str, float]]) -> str:
    """Say in a sentence what ``lost_by_class`` found."""
    counts = ", ".join(f"{entry['attempts']:g} {name}" for name, entry in lost.items())
    seconds = sum(entry["seconds"] for entry in lost.values())
    steps = [entry["steps"] for entry in lost.values() if "steps" in entry]
    counted = f" and {sum(steps) or 'none'} of the steps that cells reported" if steps else ""
    return (
        f"Attempts without a result: {counts}. What they did since their last checkpoint (or since their "
        f"start, where there was none) is lost: {seconds:.0f} s of computing{counted}."
    )
