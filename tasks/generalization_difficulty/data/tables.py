"""What is advised where the data are a table of text: the line that makes an .npz of it."""

import csv
from pathlib import Path

from gridcell import UserError

_SEPARATORS = {".csv": ",", ".tsv": "\t"}


def refuse_table(path: str) -> None:
    """Refuse a table of text, such as a CSV file, and say how to make an .npz of it; pass everything else.

    The line is made for the file: it skips a first row that names columns, and takes the last column as
    labels, as numbers where they are numbers, so that a regression's are not taken for classes.

    Raises:
        UserError: ``path`` is a file that ends in .csv or .tsv.
    """
    file = Path(path).expanduser()
    separator = _SEPARATORS.get(file.suffix.lower())
    if separator is None or not file.is_file():
        return
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as opened:
        rows = csv.reader(opened, delimiter=separator)
        first, second = next(rows, []), next(rows, [])
    skip = int(not any(map(_is_number, first[:-1])))
    last = (second if skip else first)[-1:]
    labels = "t[:, -1].astype(float)" if all(map(_is_number, last)) else "t[:, -1]"
    made = str(file.with_suffix(".npz"))
    line = (
        f"import numpy as np; t = np.loadtxt({str(file)!r}, str, delimiter={separator!r}, skiprows={skip}, "
        f"comments=None, ndmin=2, encoding='utf-8-sig'); "
        f"np.savez({made!r}, x=t[:, :-1].astype(float), y={labels})"
    )
    raise UserError(
        f"'{path}' is a table, and points are read from an .npz, an .npy or a folder of images: if its last "
        f"column holds the labels, this line of Python makes an .npz of it: {line}"
    )


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
