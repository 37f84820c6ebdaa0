"""What a cell function is given beside its cell: inputs, folders, checkpoints and a way to report."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from gridcell.cell import Cell, Stage, canonical_json
from gridcell.errors import CorruptData, Preempted
from gridcell.notice import NOTICE
from gridcell.store import Checkpoints, Result, Store
from gridcell.store.cache import FileCache
from gridcell.store.values import as_float
from gridcell.thinned import Thinned

MAX_CURVE_POINTS = 500  # of a metric; of more reports every second, fourth, ... is kept, and the last

Item = TypeVar("Item")
Reporter = Callable[[int, Mapping[str, float]], None]


class Curves:
    """The metrics that a cell reported while it ran, thinned so that a record stays small.

    Attributes:
        step: the last one that was reported; 0 before any.
    """

    def __init__(self) -> None:
        self.step = 0
        self._curves: dict[str, Thinned[tuple[int, float]]] = {}

    @property
    def points(self) -> dict[str, list[tuple[int, float]]]:
        """Metric -> (step, value) pairs, evenly spaced among those reported, and the last one."""
        return {name: curve.kept for name, curve in self._curves.items()}

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append one step's values."""
        self.step = step
        for name, value in metrics.items():
            self._curves.setdefault(name, Thinned(MAX_CURVE_POINTS)).add((step, float(value)))

    def state(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint, from which ``restore`` goes on."""
        curves = {name: {"kept": curve.kept, "added": curve.added} for name, curve in self._curves.items()}
        return {"step": self.step, "curves": curves}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state`` was taken.

        Example:
            >>> before, after = Curves(), Curves()
            >>> before.add(10, {"loss": 0.5})
            >>> after.restore(before.state())
            >>> after.add(20, {"loss": 0.25})
            >>> after.points
            {'loss': [(10, 0.5), (20, 0.25)]}
        """
        self.step = state["step"]
        self._curves = {
            name: Thinned(MAX_CURVE_POINTS, [(step, value) for step, value in one["kept"]], one["added"])
            for name, one in state["curves"].items()
        }


@dataclass
class Saving:
    """When a cell last kept a checkpoint, by the monotonic clock; its start counts as one."""

    last: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Context:
    """A running cell's surroundings.

    Attributes:
        cell: the cell.
        store: where inputs come from; cells write to ``outputs``, never here.
        outputs: empty local folder; what is in it when the cell ends becomes its artifacts.
        scratch: empty local folder that is thrown away.
        cache: for copies of remote inputs, on this machine and shared by its processes: those that this cell
            fetched stay while it runs. Or a folder, where nobody else needs them.
        locations: name -> path or URI of data on this machine.
        device: torch device type, ``cpu`` or ``cuda``.
        foreground: a person is watching: progress bars are welcome.
        reporter: receives what ``report`` is told.
        read: role -> result of the needs that were read so far; a result that is replaced meanwhile is
            not seen.
        oom_halvings: how often this cell has run out of memory in this run. A cell that works in batches
            halves them so many times, and must give the same answer (``batch_and_accumulation``).
        code: fingerprint of the cell's code.
        saving: when a checkpoint was last kept.
        fast: this is a trial run (``run --fast``): one batch of everything is enough.
        own_seconds: spent within ``own_time``.
        rank: of this process among the cell's workers, who all call its function, joined to one process
            group of torch. The outputs, metrics and curves of the first (0) become the result.
    """

    cell: Cell
    store: Store
    outputs: Path
    scratch: Path
    cache: FileCache | Path
    locations: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    foreground: bool = False
    reporter: Reporter | None = None
    curves: Curves = field(default_factory=Curves)
    read: dict[str, Result] = field(default_factory=dict)
    oom_halvings: int = 0
    rank: int = 0
    code: str = ""
    saving: Saving = field(default_factory=Saving)
    fast: bool = False
    own_seconds: list[float] = field(default_factory=list)

    @property
    def workers(self) -> int:
        """How many processes run this cell together."""
        return self.cell.resources.workers

    @property
    def seed(self) -> int:
        """The cell's seed, 0 where it has none.

        It is the seed itself, not a hash of the cell, so that methods compared at one seed see the same order
        of data and their differences are paired.
        """
        return self.cell.seed or 0

    @property
    def checkpoints(self) -> Checkpoints:
        """This cell's checkpoints, from which it goes on after an interruption.

        Those of other code, or from other inputs, are set aside.
        """
        return self.store.checkpoints(self.cell.id, self._made_of, self.stop)

    @property
    def stop(self) -> int | None:
        """Units of the cell's fidelity (epochs, steps) after which it pauses; None where it doesn't.

        A cell that pauses saves a checkpoint there, by ``checkpoints.save``, and answers as at its end, from
        what it has by then. Where the answer says how much was done, it says the whole. It goes on from that
        checkpoint later, as after an interruption; what it answers at the end must not depend on the pause.
        See :class:`gridcell.tuning.Fidelity`.

        Example:
            ::

                last = total if context.stop is None else min(context.stop, total)
                for epoch in range(begun, last):
                    train(model)
                if last < total:
                    torch.save(model.state_dict(), context.scratch / "model.pt")
                    context.checkpoints.save(context.scratch / "model.pt", last)
        """
        return self.cell.stop if self.cell.pauses else None

    @property
    def stage(self) -> Stage | None:
        """Which units of its fidelity a cell does that is one of several stages; None where it is none.

        A stage that does not begin at 0 goes on from a file that the stage before left among its outputs,
        under its own settings; it leaves such a file where it is not the last one. See
        :class:`gridcell.tuning.Stages`.

        Example:
            ::

                begin, end = context.stage or (0, total)
                if begin:
                    model.load_state_dict(torch.load(context.artifact("start", "state.pt")))
                for epoch in range(begin, end):
                    train(model)
                if end < total:
                    torch.save(model.state_dict(), context.outputs / "state.pt")
        """
        return self.cell.stage

    def checkpoint_is_due(self, every_s: float) -> bool:
        """Whether to write a checkpoint now and hand it to :meth:`keep`.

        It is, once the last one is ``every_s`` seconds old, and at once where the process is to end soon: by
        SIGTERM of a batch system, by Ctrl-C, or because the machine goes away. A cell that asks this at each
        step is waited for then, for as long as the grace lasts.

        Args:
            every_s: least number of seconds between two checkpoints, and from the cell's start to the first.

        Example:
            ::

                for step in range(begun, steps):
                    weights = advance(weights)
                    if context.checkpoint_is_due(every_s=60):
                        np.save(context.scratch / "weights.npy", weights)
                        context.keep(context.scratch / "weights.npy", step + 1)
        """
        NOTICE.heed()
        return NOTICE.given or time.monotonic() - self.saving.last >= every_s

    def keep(self, local: Path, step: int) -> None:
        """Store a local file as the checkpoint at ``step``; the cell ends here if its process is to end soon.

        Raises:
            Preempted: it is. The cell is run again from this checkpoint.
        """
        self.checkpoints.save(local, step)
        self.saving.last = time.monotonic()
        if NOTICE.given:
            raise Preempted(f"saved at step {step}, to go on from there")

    @cached_property
    def _made_of(self) -> str:
        if not self.code:
            return ""
        text = canonical_json([self.code, self.contents()])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def contents(self) -> dict[str, str]:
        """Return role -> content of the result of each need.

        Raises:
            CorruptData: one is damaged or gone.
        """
        return {role: self.need(role).content for role in self.cell.needs}

    def batch_and_accumulation(self, batch_size: int) -> tuple[int, int]:
        """Return a batch that fits into memory, and how many of them make up the one that was asked for.

        The batch is the largest divisor of ``batch_size`` that is no larger than ``batch_size / 2**k`` after
        running out of memory k times, so that their product is ``batch_size`` exactly.

        Args:
            batch_size: samples per step, at least 1.
        """
        most = max(1, batch_size >> self.oom_halvings)
        fits = next(size for size in range(most, 0, -1) if batch_size % size == 0)
        return fits, batch_size // fits

    def need(self, role: str) -> Result:
        """Return the result of the cell needed in ``role``.

        Raises:
            KeyError: this cell has no such role.
            CorruptData: the stored result is damaged or was set aside; names the cell to be run again.
        """
        cell_id = self.cell.needs[role]
        try:
            if role not in self.read:
                self.read[role] = self.store.results.read(cell_id)
            return self.read[role]
        except KeyError:
            raise CorruptData(f"The result of cell {cell_id} is gone from the store", cell_id) from None
        except CorruptData as error:
            raise CorruptData(str(error), cell_id) from error

    def artifact(self, role: str, name: str) -> Path:
        """Return the local path of a file that the cell needed in ``role`` left, after checking its bytes.

        Raises:
            KeyError: no such role or file.
            CorruptData: the file is not what was committed; names the cell to be run again.
        """
        result = self.need(role)
        try:
            return self.store.results.fetch(result, name, self.cache)
        except CorruptData as error:
            raise CorruptData(str(error), result.cell.id) from error

    @contextmanager
    def own_time(self) -> Iterator[None]:
        """Count the time within as this cell's alone, where several cells are done in one pass."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.own_seconds.append(time.monotonic() - begun)

    def report(self, step: int, **metrics: float) -> None:
        """Tell live progress and the cell's curves how it is going.

        Args:
            step: epoch or step, rising; also NumPy's integers.
            metrics: finite or not; values that aren't are kept out of the curves. Also NumPy's numbers and
                torch's tensors of one value.
        """
        step = int(step)
        told = {name: (value, as_float(value)) for name, value in metrics.items()}
        metrics = {
            name: value if type(value) is int and number - number == 0 else number
            for name, (value, number) in told.items()
        }
        self.curves.add(step, {name: value for name, value in metrics.items() if value - value == 0})
        if self.reporter is not None:
            self.reporter(step, metrics)

    def alive(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield what a long loop without steps goes through; after each item, report that the cell lives.

        The step that is reported is the last one there was, as such a loop may lie within a training.
        """
        for item in items:
            yield item
            if self.reporter is not None:
                self.reporter(self.curves.step, {})
