"""Files that cells left in the store, for a report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gridcell.errors import CorruptData, UserError
from gridcell.report.results import GridResults
from gridcell.store import Result
from gridcell.store.scratch import scratch_folder

Fetch = Callable[[Result, str], Path]
"""Result and name of its artifact -> local, verified file, there as long as the context lasts."""


@contextmanager
def fetching(results: GridResults) -> Iterator[Fetch]:
    """Yield what fetches artifacts.

    Raises:
        UserError: a file is missing or damaged, as told by ``CorruptData`` from anything in the context.

    Example:
        >>> with fetching(results) as fetch:  # doctest: +SKIP
        ...     arrays = np.load(fetch(result, "episodes.npz"))
    """
    with scratch_folder("report") as cache:

        def fetch(result: Result, name: str) -> Path:
            try:
                return results.store.results.fetch(result, name, cache)
            except CorruptData as error:
                raise CorruptData(str(error), error.cell_id or result.cell.id) from error

        try:
            yield fetch
        except CorruptData as error:
            raise UserError(f"{error}: remove the result of cell {error.cell_id} and run again") from error
