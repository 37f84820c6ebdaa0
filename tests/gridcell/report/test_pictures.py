"""Files of a report's figures: PNG by themselves or where they are asked for, other formats besides."""

import numpy as np
import pytest

from gridcell.plots import heatmap
from gridcell.report import Picture
from gridcell.report.pictures import write_pictures


@pytest.mark.parametrize(
    ("png", "formats", "files"),
    [
        (True, (), {"matrix.png"}),
        (False, (), set()),
        (False, ("png",), {"matrix.png"}),
        (True, ("svg", "png"), {"matrix.png", "matrix.svg"}),
    ],
)
def test_figures_are_written_in_the_formats_that_are_asked_for(tmp_path, png, formats, files):
    figure = heatmap(
        {"": np.eye(2)}, ["a", "b"], ["c", "d"], row_axis="row", column_axis="column", unit="%", title="t"
    )
    shown = write_pictures([Picture("matrix", "answer", "A matrix.", figure, png=png)], tmp_path, formats)
    assert [one.name for one in shown] == ["matrix"]
    assert {file.name for file in tmp_path.iterdir()} == files
