"""Arrays in the user's own .npz files: read when asked for, and any fault told as the user's."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell.errors import UserError


@contextmanager
def open_npz(path: str | Path) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Open an .npz file as name -> array; an array is read when it is asked for, inside the block.

    Raises:
        UserError: there is no such file, it is no archive of arrays (an empty file, one array alone), it is
            damaged or cut short, or an array that is asked for holds Python objects.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"There is no data file {file}")
    try:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(
                f"'{file}' can't be read as arrays of numbers: it is one array (.npy) and no .npz archive"
            )
        with archive:
            yield archive
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"'{file}' can't be read as arrays of numbers: {error}") from error
