"""Local folders that are thrown away."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """Yield an empty local folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix=f"gridcell-{name[:8]}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
