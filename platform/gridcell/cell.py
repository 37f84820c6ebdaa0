"""A cell: one unit of work, and the identity that makes it the same cell everywhere."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from gridcell.errors import UserError

ID_LENGTH = 20  # hexadecimal digits: 80 bits, a collision among 10^9 cells has probability below 10^-6


AT = "@"  # between the id of a cell and where it pauses

STAGE = "stage"
"""Entry of the configuration of a cell that is a stage: where it begins, and where it ends."""

START = "start"
"""Role in which a stage needs the stage before it."""


class Stage(NamedTuple):
    """Which units of its fidelity (epochs, steps) a cell trains that is one of several stages.

    Attributes:
        begin: units that the stages before have done; 0 of the first stage.
        end: units that are done when it ends.
    """

    begin: int
    end: int


def is_intermediate(cell_id: str) -> bool:
    """Tell whether an id is that of a pause, whose answer is an intermediate record."""
    return AT in cell_id


def id_of_whole(cell_id: str) -> str:
    """Return the id of the cell itself, of which an id may name a pause.

    Example:
        >>> id_of_whole("0123456789abcdef0123@3")
        '0123456789abcdef0123'
    """
    return cell_id.partition(AT)[0]


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)
_PLAIN = frozenset({bool, int, str, type(None)})  # nothing to check: most values of a grid's many cells


def canonical_json(value: Any) -> str:
    """Write a JSON value so that the same value gives the same text in every process and on every machine.

    Keys are sorted, floats use Python's shortest exact form, and nothing but JSON's own types is accepted: a
    path, date or object would tie the text to one machine or one run.

    Raises:
        TypeError: ``value`` holds something that is not JSON, a non-text key, or a float that is not finite.

    Example:
        >>> canonical_json({"lr": 1e-3, "epochs": 10})
        '{"epochs":10,"lr":0.001}'
    """
    return _ENCODER.encode(check_json(value, "value"))


def check_json(value: Any, where: str) -> Any:
    """Return a value that can be part of a cell's identity, tuples as lists.

    Raises:
        TypeError: it can't; the message names the offending place, beginning with ``where``.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"{where} is {value}, which has no place in a cell's identity")
        return value
    if isinstance(value, list | tuple):
        return [
            item if type(item) in _PLAIN else check_json(item, f"{where}[{index}]")
            for index, item in enumerate(value)
        ]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}, which is not text")
        return {
            key: item if type(item) in _PLAIN else check_json(item, f"{where}.{key}")
            for key, item in value.items()
        }
    raise TypeError(f"{where} is a {type(value).__name__}, which is not JSON")


@dataclass(frozen=True, slots=True)
class Resources:
    """What a cell occupies while it runs; it is not part of the id.

    The number of workers and of threads changes the order in which sums are formed, and so the last bits of a
    result, as another make of processor does. A cell is still the same cell: how it is laid out on hardware
    must not decide whether it was already done.

    Attributes:
        cpus: CPU cores of each worker, which is also the number of torch threads it computes with.
        gpus: GPUs of each worker; a fraction shares one.
        workers: processes that run the cell together.
        memory_gb: memory that each worker is sure to have, in units of 1e9 bytes; 0 for whatever there is.
        gpu_type: kind of the GPUs, as Ray names it (H100, A100, ...); empty for any.
        custom: (name, amount) of resources that nodes of a cluster were started with.
        labels: (name, value) of labels that a node must have, as Ray's nodes are started with.
        sharded: the workers share out the weights that train, each holding a part (FSDP). The steps are the
            same up to rounding.

    Raises:
        UserError: several workers share a GPU, which their communication (NCCL) can't; weights are to be
            shared out, and there is one worker.
    """

    cpus: int = 1
    gpus: float = 0.0
    workers: int = 1
    memory_gb: float = 0.0
    gpu_type: str = ""
    custom: tuple[tuple[str, float], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    sharded: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "custom", tuple((name, amount) for name, amount in self.custom))  # of JSON
        object.__setattr__(self, "labels", tuple(dict(self.labels).items()))
        if self.workers > 1 and self.gpus % 1:
            raise UserError(
                f"{self.workers} workers with {self.gpus:g} GPUs each: several workers need whole GPUs, "
                f"for instance resources.gpus={math.ceil(self.gpus)}"
            )

        if self.sharded and self.workers == 1:
            raise UserError(
                "One worker has nobody to share weights out with: give resources.workers=2 or more"
            )

    def __str__(self) -> str:
        """Describe them, e.g. ``2 workers of 4 CPUs, 1 GPU (H100), 32 GB``."""
        gpu = f"{self.gpus:g} GPU{'s' if self.gpus > 1 else ''}"
        parts = [
            f"{self.cpus} CPU{'s' if self.cpus > 1 else ''}",
            *([gpu + (f" ({self.gpu_type})" if self.gpu_type else "")] if self.gpus else []),
            *([f"{self.memory_gb:g} GB"] if self.memory_gb else []),
            *(f"{amount:g} {name}" for name, amount in self.custom),
            *(f"a node labelled {name}={value}" for name, value in self.labels),
            *(["weights shared out while they train"] if self.sharded else []),
        ]
        return (f"{self.workers} workers of " if self.workers > 1 else "") + ", ".join(parts)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Resources":
        """Rebuild it; what a newer version asks for beside doesn't change the cell, and is left out."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in record.items() if name in known})


def one_worker(resources: Resources) -> Resources:
    """Return what one of several workers occupies: for a cell whose work can't be divided.

    Example:
        >>> one_worker(Resources(cpus=2, workers=4)).workers
        1
    """
    return replace(resources, workers=1, sharded=False)


def divided(batch_size: int, workers: int, setting: str) -> int:
    """Return each worker's share of a batch.

    Args:
        batch_size: samples per optimiser step, over all workers.
        workers: among whom they are divided.
        setting: name of the setting that gives the batch size, for the message.

    Raises:
        UserError: the shares would differ; names the nearest sizes and number that fit.

    Example:
        >>> divided(64, 2, "training.batch_size")
        32
    """
    share, rest = divmod(batch_size, workers)
    if rest:
        sizes = [size for size in (share * workers, (share + 1) * workers) if size]
        fits = max(number for number in range(1, workers) if batch_size % number == 0)
        raise UserError(
            f"A batch of {batch_size} images can't be divided among {workers} workers: "
            f"set {setting} to {' or '.join(map(str, sizes))}, or resources.workers to {fits}"
        )
    return share


@dataclass(frozen=True)
class Cell:
    """One unit of work: task + configuration + seed, and the cells it starts from.

    Attributes:
        task: name of the plug-in that runs it.
        kind: which of the task's cell functions runs it.
        config: JSON values that determine the result.
        seed: of every random choice; None where there is none.
        needs: role -> id of the cell whose output is used in that role. Part of the id, so a change
            upstream gives new ids downstream.
        version: of the kind's algorithm; raising it gives its cells new ids, so that they run again.
        title: for people.
        resources: what it occupies.
        stop: after so many units of its fidelity (epochs, steps) the cell pauses, or those that it needs do.
            What it then answers is an intermediate record, never a result. It is not part of the identity:
            the pause is one of the same cell. See :class:`gridcell.tuning.Fidelity`.
    """

    task: str
    kind: str
    config: Mapping[str, Any]
    seed: int | None = None
    needs: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    title: str = field(default="", compare=False)
    resources: Resources = field(default=Resources(), compare=False)
    stop: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", MappingProxyType(dict(self.config)))
        object.__setattr__(self, "needs", MappingProxyType(dict(self.needs)))

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that determines the result, and nothing else: no path, host or date."""
        return {
            "task": self.task,
            "kind": self.kind,
            "version": self.version,
            "config": dict(self.config),
            "seed": self.seed,
            "needs": dict(self.needs),
        }

    @cached_property
    def id(self) -> str:
        """SHA-256 of the canonical identity, shortened to ``ID_LENGTH`` hexadecimal digits.

        Of a cell that pauses, ``@`` and its stop follow.
        """
        whole = hashlib.sha256(canonical_json(self.identity).encode()).hexdigest()[:ID_LENGTH]
        return whole if self.stop is None else f"{whole}{AT}{self.stop}"

    @property
    def pauses(self) -> bool:
        """Whether the cell's own function is to pause, not only one that it needs."""
        return self.stop is not None and not any(map(is_intermediate, self.needs.values()))

    @property
    def stage(self) -> Stage | None:
        """Which part of a training this cell is; None of one that is no stage."""
        given = self.config.get(STAGE)
        if not isinstance(given, Mapping) or given.keys() != set(Stage._fields):
            return None
        return Stage(**given)

    def __hash__(self) -> int:
        return hash(self.id)

    def to_record(self) -> dict[str, Any]:
        """Return the cell as JSON values; ``from_record`` reads it back."""
        stop = {} if self.stop is None else {"stop": self.stop}
        return {**self.identity, "title": self.title, "resources": asdict(self.resources), **stop}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Cell":
        """Rebuild a cell from ``to_record``.

        Raises:
            UserError: the record lacks a field.
        """
        try:
            return cls(
                task=record["task"],
                kind=record["kind"],
                config=record["config"],
                seed=record["seed"],
                needs=record["needs"],
                version=record["version"],
                title=record["title"],
                resources=Resources.from_record(record["resources"]),
                stop=record.get("stop"),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f"A stored cell record is incomplete: {error}") from error

    def __reduce__(self) -> tuple[Any, ...]:  # mapping proxies don't pickle
        return Cell.from_record, (self.to_record(),)
