"""What the driver does when an attempt at a cell ends, the same for every executor."""

from gridcell.cell import Cell
from gridcell.execute.listener import Listener
from gridcell.execute.outcome import Outcome
from gridcell.execute.schedule import Schedule
from gridcell.store import Store


def settle(cell: Cell, outcome: Outcome, schedule: Schedule, store: Store, listener: Listener) -> None:
    """Record the outcome, set damaged inputs aside so that they are made again, and tell the listener."""
    damaged = outcome.failure.mend if outcome.failure is not None else None
    if damaged is not None and schedule.is_done(damaged):  # else another cell that needs it was here first
        store.results.quarantine(damaged)
    again = schedule.finish(outcome)
    if outcome.failure is not None and not again:
        store.failures.record(cell.id, {"title": cell.title, **outcome.failure.to_record()})
    listener.finished(cell, outcome, again)
