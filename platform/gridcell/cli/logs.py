"""The command that shows what a cell printed."""

import time
from collections import Counter

from gridcell.cli import common
from gridcell.cli.cells import CellId
from gridcell.cli.common import DEFAULT_STORAGE, Json, Storage, open_store, print_json, reading
from gridcell.cli.progress import clock
from gridcell.execute.heartbeat import running_cells


def logs(cell_id: CellId, storage: Storage = DEFAULT_STORAGE, as_json: Json = False) -> None:
    """Print what a cell printed in its latest attempts, and why the last one failed, if it did."""
    store = open_store(storage)
    with reading(storage):
        _, cell = store.plans.find(cell_id)
        kept = store.logs.read(cell.id)
        failure = store.failures.read_all().get(cell.id)
        lost = [loss.failure_class for loss in store.losses.read_all() if loss.cell == cell.id]
        now = running_cells(store.folder).get(cell.id)
    if as_json:
        print_json({"id": cell.id, "attempts": [vars(log) for log in kept], "failure": failure})
        return
    console = common.console()
    if not kept and failure is None:
        console.print(f"Cell {cell.id} ({cell.title}) has printed nothing so far.", soft_wrap=True)
    if lost and failure is None:
        counts = ", ".join(f"{count} {name}" for name, count in Counter(lost).items())
        console.print(
            f"Attempts that ended without a result: {counts}. A process that was killed takes with it what "
            "it printed last.",
            soft_wrap=True,
        )
    if now is not None:
        console.print(
            f"It runs on {now.host} for {clock(now.seconds)} now; what it prints is kept when it ends.",
            soft_wrap=True,
        )
    for log in kept:
        ended = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(log.ended))
        console.print(f"--- {cell.id} {cell.title}, attempt that ended at {ended}", soft_wrap=True)
        console.print(log.text.rstrip("\n"), soft_wrap=True)
    if failure is not None:
        console.print(f"--- failed ({failure['failure_class']}): {failure['message']}", soft_wrap=True)
        console.print(str(failure["traceback"]), soft_wrap=True)
