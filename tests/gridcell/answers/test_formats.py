"""Results as CSV, Parquet, JSON, LaTeX, Markdown and as a table that fits into a terminal."""

import csv
import io
import json

import pyarrow
import pyarrow.parquet
import pytest

from gridcell.answers.formats import WRITERS, Sheet, column_names, sheet
from gridcell.cli import common
from gridcell.cli.results import _print
from gridcell.errors import UserError
from gridcell.report.tidy import tidy
from made_up import made_up

ROWS = Sheet(
    ("name", "x", "list"), [["a|b", 0.1, [1, 2]], ["50 % & _more_", None, None], ["c", float("nan"), []]]
)


def test_csv_is_exact_and_tells_nan_from_nothing():
    rows = list(csv.reader(io.StringIO(WRITERS["csv"](ROWS).decode())))
    assert rows == [
        ["name", "x", "list"],
        ["a|b", "0.1", "[1, 2]"],
        ["50 % & _more_", "", ""],
        ["c", "nan", "[]"],
    ]


def test_parquet_and_json_hold_the_same_rows():
    frame = pyarrow.parquet.read_table(io.BytesIO(WRITERS["parquet"](ROWS))).to_pylist()
    assert [row["name"] for row in frame] == ["a|b", "50 % & _more_", "c"]
    assert frame[0]["x"] == 0.1
    assert json.loads(frame[0]["list"]) == [1, 2]
    assert json.loads(WRITERS["json"](ROWS))[0] == {"name": "a|b", "x": 0.1, "list": [1, 2]}


def test_latex_and_markdown_escape_what_they_would_obey():
    latex = WRITERS["latex"](ROWS).decode()
    assert r"50 \% \& \_more\_ & -- & -- \\" in latex
    assert r"\begin{tabular}{lrl}" in latex
    markdown = WRITERS["markdown"](ROWS).decode().splitlines()
    assert markdown[1] == "| --- | ---: | --- |"
    assert markdown[2] == r"| a\|b | 0.1000 | [1, 2] |"


def test_all_wrong_columns_are_told_at_once(tmp_path):
    found = tidy(made_up([{"x": 1}], [{"m": "a"}], tmp_path))
    with pytest.raises(UserError, match=r"'xx': did you mean 'x'.*'cel': did you mean 'cell'"):
        sheet(found, ["xx", "m", "cel"])


def test_the_table_has_the_columns_that_fit_and_names_what_is_left_out(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(common, "PLAIN_WIDTH", 40)
    wide = Sheet(["method", *"abcdefghij"], [["ewc", *[0.123456] * 10]])
    _print(wide, ["method", "j"], fitting=True)
    head, _, *told = capsys.readouterr().out.splitlines()
    assert head.split() == ["method", "a", "b", "c", "j"]
    assert len(head.rstrip()) <= 40
    shown = len(head.split())
    assert told[0].startswith(f"{11 - shown} of 11 columns do not fit and are left out (")
    _print(wide, ["method"], fitting=False)
    assert "do not fit" not in capsys.readouterr().out


def test_columns_that_name_nothing_are_refused():
    assert (column_names(None), column_names(" a, b,")) == ([], ["a", "b"])
    for text in ("", " , "):
        with pytest.raises(UserError, match="names no column"):
            column_names(text)
