"""A trial: values that were tried, and what came of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["running", "stopped", "done", "failed", "diverged"]


@dataclass(frozen=True)
class Trial:
    """What was asked for.

    Attributes:
        number: from 0, in the order in which trials were asked for.
        params: setting, as ``--set`` takes it -> value.
        memory: what the sampler wants to see again with this trial; of CMA-ES its state.
        earlier: of a population, the values of the stages before, in their order: the trial trains under
            these first, and under ``params`` in its last stage.
        parent: of a population, number of the trial that it goes on from; None of the first generation, and
            without one.
    """

    number: int
    params: Mapping[str, Any]
    memory: Mapping[str, Any] = field(default_factory=dict)
    earlier: tuple[Mapping[str, Any], ...] = ()
    parent: int | None = None

    @property
    def stages(self) -> tuple[Mapping[str, Any], ...]:
        """The values of all stages, the last ones being its own."""
        return (*self.earlier, self.params)

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON values; ``from_record`` reads it back."""
        record = {"number": self.number, "params": dict(self.params), "memory": dict(self.memory)}
        if self.parent is None:
            return record
        return {**record, "earlier": [dict(one) for one in self.earlier], "parent": self.parent}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Trial":
        """Rebuild a trial from ``to_record``."""
        return cls(
            int(record["number"]),
            dict(record["params"]),
            dict(record.get("memory", {})),
            tuple(dict(one) for one in record.get("earlier", ())),
            record.get("parent"),
        )


@dataclass(frozen=True)
class Ended:
    """What came of a trial.

    Attributes:
        state: ``done``, ``failed`` or ``diverged``; ``stopped`` at a rung below the last, from which it may
            go on; ``running`` where it hasn't ended.
        value: of the metric; None unless it is done, or stopped at a rung.
        failure: class of the failure; empty where there is none.
        seconds: of computing, over all its cells.
        stale: whether some of its results were made by other code, or from other inputs, than are there now.
        cells: how many it has.
        others: values of further objectives, in their order.
        parts: part of the answer -> what it is chosen by, and what it is judged by; see
            :class:`gridcell.tuning.Rule`.
    """

    state: State
    value: float | None = None
    failure: str = ""
    seconds: float = 0.0
    stale: bool = False
    cells: int = 0
    parts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    others: tuple[float, ...] = ()

    @property
    def values(self) -> tuple[float, ...]:
        """The values of all objectives; none where it has none."""
        return () if self.value is None else (self.value, *self.others)


RUNNING = Ended("running")
