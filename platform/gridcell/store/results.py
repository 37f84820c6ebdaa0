"""Results: what a finished cell says, committed in one step under its id, and its artifacts."""

import contextlib
import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from gridcell.cell import Cell, canonical_json, is_intermediate
from gridcell.debugging import PROFILE_FOLDER
from gridcell.errors import CorruptData, UserError
from gridcell.store.cache import FileCache, KnownFile, matches
from gridcell.store.commit import LOCK_S
from gridcell.store.filesystem import Folder, sha256_of
from gridcell.store.names import checked_name, checked_sha256, is_name
from gridcell.store.notes import parse_notes
from gridcell.store.values import plain, with_not_finite, without_not_finite

_SUFFIX = ".json"
RUNGS = "rungs"  # folder of the intermediate records
_PRUNED = "pruned"
_FEW = 20  # results that are read without a look at which there are; a listing tells of a thousand
_FIRST_WAIT_S, _LAST_WAIT_S = 0.05, 1.0  # between looks at a record that another driver is replacing


@dataclass(frozen=True)
class Artifact:
    """A file that a cell left in the store: its name there, SHA-256 (hexadecimal) and size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Result:
    """What a finished cell says.

    Attributes:
        cell: the cell.
        metrics: JSON values, and floats that are not finite; the cell's answer, equal for equal cells.
        artifacts: name -> file in the store.
        provenance: where, when and with which versions it was made; differs between runs.
        curves: metric -> (step, value) pairs reported on the way.
        stamp: SHA-256 of the record as it is stored, which tells it from any other of the same cell.
    """

    cell: Cell
    metrics: Mapping[str, Any]
    artifacts: Mapping[str, Artifact]
    provenance: Mapping[str, Any]
    curves: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
    stamp: str = field(default="", compare=False)

    @property
    def seconds(self) -> float:
        """Wall-clock time that the cell took."""
        return float(self.provenance.get("seconds", 0.0))

    @property
    def answered(self) -> dict[str, Artifact]:
        """The artifacts without profiles, which say how the cell ran and are no part of its answer."""
        profiles = f"{PROFILE_FOLDER}/"
        return {name: item for name, item in self.artifacts.items() if not name.startswith(profiles)}

    @property
    def content(self) -> str:
        """SHA-256 of what the cell answered: metrics and artifacts, without provenance and profiles."""
        artifacts = {name: item.sha256 for name, item in self.answered.items()}
        metrics, not_finite = without_not_finite(dict(self.metrics))
        answered = [metrics, artifacts, *([not_finite] if not_finite else [])]
        return hashlib.sha256(canonical_json(answered).encode()).hexdigest()


def _record_of(cell_id: str) -> str:
    """Return the name of a cell's record: that of a pause is never among the results."""
    return f"{RUNGS if is_intermediate(cell_id) else 'results'}/{cell_id}{_SUFFIX}"


class Results:
    """The committed results. A cell is done when its record exists, and its record is written last."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def done(self) -> set[str]:
        """Return the ids of all committed cells, by one listing."""
        return {
            name.removesuffix(_SUFFIX) for name in self._folder.names("results") if name.endswith(_SUFFIX)
        }

    def at_pauses(self) -> set[str]:
        """Return the ids, such as ``<id>@3``, of all intermediate records, by one listing."""
        return {name.removesuffix(_SUFFIX) for name in self._folder.names(RUNGS) if name.endswith(_SUFFIX)}

    def done_among(self, ids: Iterable[str]) -> set[str]:
        """Return the ids of all committed cells, and those of the pauses that have a record.

        Args:
            ids: that are looked for; without a pause among them, no pause is looked up.
        """
        return self.done() | (self.at_pauses() if any(map(is_intermediate, ids)) else set())

    def commit(
        self,
        cell: Cell,
        metrics: Mapping[str, Any],
        outputs: Path,
        provenance: Mapping[str, Any],
        curves: Mapping[str, Sequence[Sequence[float]]] | None = None,
        replaces: str | None = None,
        *,
        beside: bool = False,
    ) -> Result:
        """Store the files under ``outputs`` and the metrics; the first commit of an id stays.

        A stale record is replaced where its stamp is given: it moves to ``superseded/``.

        Args:
            cell: what was run.
            metrics: numbers, also of NumPy and torch, text, None, and lists and mappings of them.
            outputs: local folder; each file below it becomes an artifact named by its relative path.
            provenance: JSON values.
            curves: metric -> (step, value) pairs.
            replaces: stamp of the record that is to be replaced; another one stays.
            beside: whatever is committed stays; the result is what ``tried`` returns, until ``drop_tried``.

        Returns:
            The result as committed: an earlier one, if another driver was faster.

        Raises:
            TypeError: the metrics hold something else.
            UserError: a file has a name that the store can't hold; nothing was written.
        """
        attempt = uuid.uuid4().hex[:8]  # two writers of one cell never share a file
        where = f"artifacts/{cell.id}/{attempt}"
        artifacts = {}
        for name, file in _storable(outputs, where).items():
            stored = f"{where}/{name}"
            self._folder.put(file, stored)
            artifacts[name] = Artifact(stored, sha256_of(file), file.stat().st_size)
        result = Result(cell, plain(metrics), artifacts, provenance, curves or {})
        data = encode(result)
        if beside:
            self._folder.write(f"tried/{cell.id}{_SUFFIX}", data)
            return decode(cell.id, data)
        if self._replace(cell.id, replaces, data) or self._folder.create(_record_of(cell.id), data):
            return decode(cell.id, data)
        committed = self.read(cell.id)
        if committed.artifacts != artifacts:  # equal if this very commit was told that it failed, and hadn't
            self._folder.remove(where)
        return committed

    def _replace(self, cell_id: str, stamp: str | None, data: bytes) -> bool:
        """Put a record in the place of the one with that stamp; a copy of that one is kept first.

        Of drivers that would replace one record, the one that creates the copy does. The others wait until it
        has; if it takes so long that it must have died, the next copy, with a number, is theirs to create.
        """
        if stamp is None:
            return False
        number, delay, deadline = 1, _FIRST_WAIT_S, monotonic() + LOCK_S
        while (before := self._stored_with(stamp, cell_id)) is not None and before != data:
            copy = f"superseded/{cell_id}-{stamp[:12]}{f'-{number}' if number > 1 else ''}{_SUFFIX}"
            if self._folder.create(copy, before):
                self._folder.write(_record_of(cell_id), data, durable=True)
                self._folder.remove(f"{_PRUNED}/{cell_id}{_SUFFIX}")
                return True
            sleep(delay)
            delay = min(2 * delay, _LAST_WAIT_S)
            if monotonic() > deadline:
                number, delay, deadline = number + 1, _FIRST_WAIT_S, monotonic() + LOCK_S
        return before == data

    def _stored_with(self, stamp: str, cell_id: str) -> bytes | None:
        """Return a cell's record as it is stored, if it has that stamp."""
        try:
            data = self._folder.read(_record_of(cell_id))
        except FileNotFoundError:
            return None
        return data if decode(cell_id, data).stamp == stamp else None

    def tried(self, cell_id: str) -> Result:
        """Return what was stored beside a cell's result.

        Raises:
            FileNotFoundError: nothing was.
        """
        return decode(cell_id, self._folder.read(f"tried/{cell_id}{_SUFFIX}"))

    def drop_tried(self, cell_id: str) -> None:
        """Remove what was stored beside a cell's result, if anything was."""
        try:
            tried = self.tried(cell_id)
        except FileNotFoundError:
            return
        for artifact in tried.artifacts.values():
            self._folder.remove(artifact.path)
        self._folder.remove(f"tried/{cell_id}{_SUFFIX}")

    def superseded(self, cell_id: str) -> list[Result]:
        """Return the results of a cell that were replaced, in no order."""
        names = [name for name in self._folder.names("superseded") if name.startswith(f"{cell_id}-")]
        found = self._folder.read_many(f"superseded/{name}" for name in names)
        return [decode(cell_id, data) for data in found.values()]

    def beside(self, folder: str) -> list[Result]:
        """Return all results in ``superseded`` or ``tried``, without damaged ones, in no order."""
        names = [name for name in self._folder.names(folder) if name.endswith(_SUFFIX)]
        found = self._folder.read_many(f"{folder}/{name}" for name in names)
        results = []
        for name, data in found.items():
            with contextlib.suppress(CorruptData):
                cell_id = name.partition("/")[2].removesuffix(_SUFFIX).partition("-")[0]
                results.append(decode(cell_id, data))
        return results

    def superseded_of(self, ids: Iterable[str]) -> dict[str, list[Result]]:
        """Return id -> results that were replaced, of several cells by one listing; without damaged ones."""
        wanted = set(ids)
        listed = {f"superseded/{name}": name.partition("-")[0] for name in self._folder.names("superseded")}
        names = {name: cell_id for name, cell_id in listed.items() if cell_id in wanted}
        found: dict[str, list[Result]] = {}
        for name, data in self._folder.read_many(names).items():
            with contextlib.suppress(CorruptData):
                found.setdefault(names[name], []).append(decode(names[name], data))
        return found

    def prune(self, result: Result, names: Iterable[str], before: Iterable[str] = ()) -> None:
        """Remove some of a result's artifacts for good; its record and its other artifacts stay.

        The cell stays done. It is run again only if a cell that is to run reads them; see ``pruned``.

        Args:
            result: whose artifacts they are.
            names: of the artifacts.
            before: of those that were pruned earlier.
        """
        files = sorted(names)
        gone = sorted({*files, *before})
        note = json.dumps({"stamp": result.stamp, "artifacts": gone}).encode()
        self._folder.write(
            f"{_PRUNED}/{result.cell.id}{_SUFFIX}", note
        )  # first: else they would look damaged
        for name in files:
            self._folder.remove(result.artifacts[name].path)

    def pruned(self) -> set[str]:
        """Return the ids of the cells whose results lack artifacts that were pruned, by one listing."""
        return {name.removesuffix(_SUFFIX) for name in self._folder.names(_PRUNED)}

    def pruned_of(self, cell_id: str) -> list[str]:
        """Return the names of a result's artifacts that were pruned."""
        return sorted(self.pruned_files([cell_id]).get(cell_id, ()))

    def pruned_files(self, ids: Iterable[str]) -> dict[str, set[str]]:
        """Return id -> names of the artifacts that were pruned, of those cells that lack some.

        Where the note that says so is damaged, any may be gone: those are named that aren't there.
        """
        names = {f"{_PRUNED}/{cell_id}{_SUFFIX}": cell_id for cell_id in ids}
        found = self._folder.read_many(names)
        notes = parse_notes(found, {"artifacts": list}, _names_artifacts)
        gone = {names[name]: set(note["artifacts"]) for name, note in notes.items()}
        unknown = [names[name] for name in found.keys() - notes.keys()]
        results, _ = self.read_many(unknown)
        return gone | {
            cell_id: self._missing(results[cell_id]) if cell_id in results else set() for cell_id in unknown
        }

    def _missing(self, result: Result) -> set[str]:
        """Return the names of a result's artifacts that aren't in the store, by a request each."""
        missing = set()
        for name, artifact in result.artifacts.items():
            try:
                self._folder.modified(artifact.path)
            except FileNotFoundError:
                missing.add(name)
        return missing

    def forget(self, cell_id: str) -> None:
        """Remove a record and its artifacts: the cell isn't done any more."""
        self._folder.remove(f"{_PRUNED}/{cell_id}{_SUFFIX}")
        self._folder.remove(_record_of(cell_id))
        self._folder.remove(f"tried/{cell_id}{_SUFFIX}")
        self._folder.remove(f"artifacts/{cell_id}")

    def read(self, cell_id: str) -> Result:
        """Return a committed result.

        Raises:
            KeyError: the cell isn't done.
            CorruptData: its record is damaged.
        """
        try:
            data = self._folder.read(_record_of(cell_id))
        except FileNotFoundError:
            raise KeyError(cell_id) from None
        return decode(cell_id, data)

    def read_many(self, ids: Iterable[str]) -> tuple[dict[str, Result], list[str]]:
        """Return the results that are committed and whole, and the ids of those that are damaged.

        Of a remote store, many are first looked up in one listing, so that none is asked for in vain.
        """
        ids = list(ids)
        if not self._folder.is_local and len(ids) > _FEW:
            done = self.done_among(ids)
            ids = [cell_id for cell_id in ids if cell_id in done]
        names = {_record_of(cell_id): cell_id for cell_id in ids}
        results: dict[str, Result] = {}
        damaged = []
        for name, data in self._folder.read_many(names).items():
            try:
                results[names[name]] = decode(names[name], data)
            except CorruptData:
                damaged.append(names[name])
        return results, damaged

    def fetch(self, result: Result, name: str, cache: FileCache | Path) -> Path:
        """Return a local, verified copy of an artifact: the stored file itself where the store is local.

        Args:
            result: whose artifact it is.
            name: of the artifact.
            cache: for copies of remote artifacts: a cache, which keeps this one until it is released, or a
                folder of the caller's.

        Raises:
            KeyError: the result has no such artifact.
            CorruptData: the file is missing or its bytes aren't those that were committed.
        """
        artifact = result.artifacts[name]
        title = result.cell.title or result.cell.id
        try:
            return self._verified(KnownFile(artifact.path, artifact.size, artifact.sha256), cache)
        except FileNotFoundError:
            if result.cell.id in self.pruned():
                raise CorruptData(
                    f"'{name}' of cell {title} was pruned: 'gridcell cell run {result.cell.id} --again "
                    "--replace' makes it again"
                ) from None
            raise CorruptData(f"'{name}' of cell {title} is missing from the store") from None
        except CorruptData as error:
            raise CorruptData(
                f"'{name}' of cell {title} is not what was committed: its checksum differs"
            ) from error

    def _verified(self, file: KnownFile, cache: FileCache | Path) -> Path:
        local = self._folder.local(file.name)
        if local is None:
            if isinstance(cache, FileCache):
                return cache.keep(self._folder, file)
            local = cache / file.name
            if not matches(local, file):
                self._folder.get(file.name, local)
        if not matches(local, file):
            local.stat()  # no error but that it is missing
            raise CorruptData(f"{local} doesn't match its checksum")
        return local

    def quarantine(self, cell_id: str) -> str:
        """Set a damaged record aside, so that its cell is run again; return where it went."""
        aside = f"quarantine/{cell_id}-{uuid.uuid4().hex[:8]}{_SUFFIX}"
        self._folder.move(_record_of(cell_id), aside)
        self._folder.remove(f"{_PRUNED}/{cell_id}{_SUFFIX}")
        return aside

    def restore(self, cell_id: str, aside: str) -> None:
        """Undo ``quarantine``, given the name that it returned."""
        self._folder.move(aside, _record_of(cell_id))


def _names_artifacts(note: Mapping[str, Any]) -> bool:
    return all(isinstance(name, str) for name in note["artifacts"])


def _storable(outputs: Path, where: str) -> dict[str, Path]:
    """Return name -> file of a cell's outputs, or refuse those that ``decode`` would not take from a record.

    Args:
        outputs: local folder of the cell.
        where: folder of the store that they are meant for.

    Raises:
        UserError: one has a name that it won't take.
    """
    files = sorted(path for path in outputs.rglob("*") if path.is_file())
    named = {file.relative_to(outputs).as_posix(): file for file in files}
    for name in named:
        if not (is_name(name) and is_name(f"{where}/{name}")):
            raise UserError(
                f"The output {name[:100]!r} can't be stored: its name begins with '~' or a drive, has a part "
                "'.' or '..', or is longer than 900 bytes. Give it a name such as 'weights/last.pt'"
            )
    return named


def encode(result: Result) -> bytes:
    """Return a result as it is stored: one line of JSON with its checksum.

    A metric that is not a finite number is null, and ``not_finite`` says where and what it is.
    """
    metrics, not_finite = without_not_finite(dict(result.metrics))
    body = {
        "cell": result.cell.to_record(),
        "metrics": metrics,
        **({"not_finite": not_finite} if not_finite else {}),
        "artifacts": {name: vars(artifact) for name, artifact in result.artifacts.items()},
        "provenance": dict(result.provenance),
        "curves": dict(result.curves),
    }
    text = canonical_json(body)
    return f'{{"sha256":"{hashlib.sha256(text.encode()).hexdigest()}","body":{text}}}\n'.encode()


def _artifact(item: Mapping[str, Any]) -> Artifact:
    """Rebuild an artifact from its record, which names files of the store alone.

    Raises:
        CorruptData, TypeError, KeyError: it doesn't.
    """
    path = checked_name(item["path"])
    if not path.startswith("artifacts/"):
        raise CorruptData(f"{path!r} is no artifact")
    return Artifact(path, checked_sha256(item["sha256"]), int(item["size"]))


def decode(cell_id: str, data: bytes) -> Result:
    """Return the result of a cell as ``encode`` wrote it.

    Raises:
        CorruptData: it was damaged since, or is another cell's.
    """
    try:
        record = json.loads(data)
        body = record["body"]
        # The stored text is canonical, so its bytes can be checked without writing them anew.
        text = data[data.index(b'"body":') + len(b'"body":') : data.rindex(b"}")]
        if hashlib.sha256(text).hexdigest() != record["sha256"]:
            raise ValueError("its checksum differs")
        cell = Cell.from_record(body["cell"])
        if cell.id != cell_id:
            raise ValueError(f"it holds cell {cell.id}")
        artifacts = {checked_name(name): _artifact(item) for name, item in body["artifacts"].items()}
        stamp = record["sha256"]
        metrics = with_not_finite(body["metrics"], body.get("not_finite", []))
        return Result(cell, metrics, artifacts, body["provenance"], body["curves"], stamp)
    except (ValueError, LookupError, TypeError, AttributeError, UserError, CorruptData) as error:
        raise CorruptData(f"The stored result of cell {cell_id} is damaged: {error}") from error
