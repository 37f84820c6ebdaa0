"""The store: the truth about what was computed, on any fsspec filesystem.

Layout below the root::

    gridcell.json                       the format's version
    results/<id>.json                   a done cell; written last, in one step, with its own checksum
    artifacts/<id>/<attempt>/<name>     its files, named and hashed in the record
    checkpoints/<id>/<step>-<sha256>    of a cell that is running, or pauses
    rungs/<id>@<stop>.json              what a cell answered where a search let it pause; no result
    failures/<id>.json                  the last failure of a cell that isn't done
    losses/<id>-<attempt>.json          an attempt that ended without a result
    stalls/<id>.json                    left by a process that ended itself because its cell stalled
    logs/<id>/<time>-<attempt>.txt      the last part of what an attempt printed
    plans/<grid>.json                   the cells of a grid that was run here
    plans/<grid>-<search>.json          the cells of a search's trials
    searches/<search>/<number>.json     a trial that a search asked for
    searches/<search>/<number>-<rung>.json  that it was promoted to a rung
    codes/<fingerprint>.json            the files that a fingerprint of code stands for
    pruned/<id>.json                    says which artifacts of a done cell were removed to save room
    superseded/<id>-<stamp>.json        a result that was replaced, because its code or inputs changed
    superseded/<id>-<stamp>-<n>.json    the same, once who was to replace it died
    tried/<id>.json                     what a done cell gave when it was run again to compare
    quarantine/                         damaged records, set aside
    drivers/<driver>.json               what a driver is doing, refreshed while it lives
    probe-<id>                          of a driver on a cluster, whose nodes look for it; also written to try
"""

import json

from gridcell.errors import UserError
from gridcell.store.checkpoints import Checkpoints
from gridcell.store.codes import Codes
from gridcell.store.failures import Failures
from gridcell.store.filesystem import Folder
from gridcell.store.logs import Logs
from gridcell.store.losses import Loss, Losses
from gridcell.store.plans import Plan, Plans
from gridcell.store.results import Artifact, Result, Results

FORMAT = 1
_MARK = "gridcell.json"

__all__ = [
    "Artifact",
    "Checkpoints",
    "Codes",
    "Failures",
    "Folder",
    "Loss",
    "Losses",
    "Plan",
    "Plans",
    "Result",
    "Results",
    "Store",
]


class Store:
    """Results, failures and checkpoints below one root."""

    def __init__(self, uri: str) -> None:
        """Name the root; nothing is read or written yet.

        Raises:
            UserError: the name is empty, as that of a variable that isn't set.
        """
        if not uri:
            raise UserError("The storage has no name: give a folder, or an address such as s3://bucket/runs")
        self.folder = Folder.open(uri)
        # Absolute: workers run in folders of their own, where a relative path would lead elsewhere.
        self.uri = self.folder.root if self.folder.is_local else uri
        self.results = Results(self.folder)
        self.failures = Failures(self.folder)
        self.losses = Losses(self.folder)
        self.logs = Logs(self.folder)
        self.plans = Plans(self.folder)
        self.codes = Codes(self.folder)

    def checkpoints(self, cell_id: str, made_of: str = "", stop: int | None = None) -> Checkpoints:
        """Return the checkpoints of one cell; see there for ``made_of`` and ``stop``."""
        return Checkpoints(self.folder, cell_id, made_of, stop)

    def set_aside(self, cell_id: str) -> None:
        """Set a damaged result aside, so that its cell is run again, whatever came of it earlier.

        Raises:
            FileNotFoundError: another driver was here first.
        """
        self.results.quarantine(cell_id)
        self.failures.forget(cell_id)

    def prepare(self) -> "Store":
        """Make sure that the store can be written and is of this format; return it.

        Raises:
            UserError: it can't be written, or a newer gridcell made it.
        """
        self.folder.mark = ""
        self.folder.check_writable()
        if not self.exists():
            self.folder.write(_MARK, json.dumps({"format": FORMAT}).encode())
        return self

    def hold(self) -> "Store":
        """Make no new storage from now on where this one, on a local folder, is moved or removed; return it.

        It must have been prepared, by this process or by the driver.
        """
        self.folder.hold(_MARK)
        return self

    def exists(self) -> bool:
        """Tell whether there is a store, of this format.

        Raises:
            UserError: there is one of another format.
        """
        try:
            found = json.loads(self.folder.read(_MARK))["format"]
        except FileNotFoundError:
            return False
        except (ValueError, KeyError, TypeError):
            raise UserError(
                f"'{self.uri}/gridcell.json' is damaged: remove it if this is a gridcell store"
            ) from None
        if found != FORMAT:
            raise UserError(
                f"The storage '{self.uri}' has format {found}; this gridcell reads format {FORMAT}"
            )
        return True
