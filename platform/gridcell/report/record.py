"""What a report was written from, in one file beside it: for comparing it with other results later."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gridcell.cell import canonical_json
from gridcell.errors import UserError
from gridcell.report.results import GridResults
from gridcell.report.tidy import commit_of
from gridcell.store import Result
from gridcell.store.values import with_not_finite, without_not_finite

RECORD = "record.json.gz"
"""The file's name in a report's folder."""

FORMAT = 1

_DIGITS = 16  # of hashes
_OWN = ("title", "seed", "metrics", "content", "files", "started", "stale")
_SHARED = ("kind", "code", "commit", "versions")
_WHOLE = ("task", "suite", "select", "settings", "notes", "timings", "targets", "roots", "codes")


@dataclass(frozen=True)
class Done:
    """What is remembered of a cell that is done.

    Attributes:
        kind: of the cell.
        title: of the cell.
        seed: of the cell.
        metrics: what it answered; of cells that are no target's, nothing.
        content: hash of what it answered, files included; of cells without needs alone.
        files: hash of the files that it left; of targets' cells alone.
        code: fingerprint of its code; empty: unknown.
        commit: of its sources; see ``commit_of``.
        versions: of the packages that it was made with.
        started: seconds since 1970.
        stale: whether it was made by other code or from other inputs than were there.
    """

    kind: str
    title: str
    seed: int | None
    metrics: Mapping[str, Any]
    content: str
    files: str = ""
    code: str = ""
    commit: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    started: float = 0.0
    stale: bool = False


@dataclass(frozen=True)
class Record:
    """Results of a grid, without their files.

    Attributes:
        task: name of the task.
        suite: name of the suite.
        select: label -> accepted values.
        settings: of the suite.
        notes: what readers of data left out or converted.
        timings: patterns of metrics that are measured times.
        targets: (labels, id of the cell), also of those that are not done.
        roots: ids of the cells without needs, such as data.
        cells: id -> what is remembered, of those that are done.
        codes: fingerprint of code -> module -> digest.
    """

    task: str
    suite: str
    select: Mapping[str, Sequence[str]]
    settings: Mapping[str, Any]
    notes: Sequence[str]
    timings: Sequence[str]
    targets: Sequence[tuple[Mapping[str, Any], str]]
    roots: Sequence[str]
    cells: Mapping[str, Done]
    codes: Mapping[str, Mapping[str, str]]


def record_of(task: str, timings: Sequence[str], results: GridResults) -> Record:
    """Return what is to be remembered of results.

    Args:
        task: name of the task.
        timings: its patterns of metrics that are measured times.
        results: the results.
    """
    wanted = {target.cell for target in results.grid.targets} or set(results.grid.cells)
    roots = [cell.id for cell in results.grid.cells.values() if not cell.needs]
    cells = {
        cell_id: _done(
            result,
            answers=cell_id in wanted,
            is_root=not result.cell.needs,
            stale=cell_id in results.staleness.reasons,
        )
        for cell_id, result in results.results.items()
    }
    known = results.store.codes.read({cell.code for cell in cells.values()} - {""})
    return Record(
        task=task,
        suite=results.suite,
        select={key: list(values) for key, values in results.selected.items()},
        settings=dict(results.settings),
        notes=list(results.grid.notes),
        timings=list(timings),
        targets=[(dict(target.labels), target.cell) for target in results.grid.targets],
        roots=roots,
        cells=cells,
        codes={fingerprint: record["files"] for fingerprint, record in known.items()},
    )


def _done(result: Result, *, answers: bool, is_root: bool, stale: bool) -> Done:
    made = result.provenance
    files = {name: item.sha256 for name, item in result.answered.items()} if answers else {}
    return Done(
        kind=result.cell.kind,
        title=result.cell.title,
        seed=result.cell.seed,
        metrics=dict(result.metrics) if answers else {},
        content=result.content[:_DIGITS] if is_root else "",
        files=hashlib.sha256(canonical_json(files).encode()).hexdigest()[:_DIGITS] if files else "",
        code=str(made.get("code", "")),
        commit=commit_of(made) or "",
        versions=made.get("versions", {}),
        started=float(made.get("started", 0.0)),
        stale=stale,
    )


def write_record(record: Record, folder: Path) -> None:
    """Write a record into a report's folder; what many cells share, such as versions, is written once."""
    shared: dict[str, int] = {}
    cells = []
    for cell_id, done in record.cells.items():
        values = {name: getattr(done, name) for name in _OWN}
        metrics, not_finite = without_not_finite(values["metrics"])
        common = canonical_json([getattr(done, name) for name in _SHARED])
        place = shared.setdefault(common, len(shared))
        cells.append([cell_id, place, *{**values, "metrics": metrics}.values(), not_finite])
    body = {name: getattr(record, name) for name in _WHOLE}
    text = json.dumps({"format": FORMAT, **body, "shared": list(map(json.loads, shared)), "cells": cells})
    (folder / RECORD).write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))


def read_record(folder: Path) -> Record:
    """Read the record in a report's folder.

    Raises:
        UserError: there is none, or it can't be read.
    """
    try:
        found = json.loads(gzip.decompress((folder / RECORD).read_bytes()))
        if found["format"] != FORMAT:
            raise UserError(f"'{folder / RECORD}' has format {found['format']}; this gridcell reads {FORMAT}")
        cells = {}
        for cell_id, place, *values, not_finite in found["cells"]:
            own = dict(zip(_OWN, values, strict=True))
            own["metrics"] = with_not_finite(own["metrics"], not_finite)
            cells[cell_id] = Done(**own, **dict(zip(_SHARED, found["shared"][place], strict=True)))
        targets = [(labels, cell_id) for labels, cell_id in found["targets"]]
        return Record(**{name: found[name] for name in _WHOLE} | {"targets": targets}, cells=cells)
    except FileNotFoundError:
        raise UserError(
            f"The folder '{folder}' holds no '{RECORD}': write the report again with this version"
        ) from None
    except (OSError, EOFError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"'{folder / RECORD}' can't be read: {error}") from error
