"""Tables: defined once, and shown in the terminal, on a page and as CSV with the same rows."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gridcell.report.stale import DAGGER, MEANING, STALE, marked

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.table import Table as RichTable
    from rich.text import Text

NONE = "–"
"""Stands for a value that is not known."""

_NAME = 32
"""Characters of a name that the terminal breaks only where a column would be cut off."""

_BROKEN = 12
"""Characters to which a column of broken texts may shrink."""

_GAP = 3
"""Characters between two columns."""

NOT_A_NUMBER = "not a number"
"""Shown of NaN."""


@dataclass(frozen=True)
class Value:
    """A value of a table with more to show than the value.

    Attributes:
        value: of the CSV file, and what the column is sorted by; None: not known.
        text: shown in place of the value; by default the column writes it.
        note: shown small below it on a page, and behind it in the terminal, e.g. its interval.
        mark: words of the page's style, e.g. "above", "below" or "best"; "best" is bold, "own" pale.
        stale: whether it rests on a stale result; a dagger says so, and a line below the table what it means.
    """

    value: Any
    text: str | None = None
    note: str = ""
    mark: str = ""
    stale: bool = False


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: what it shows.
        write: value -> text.
        unit: stands behind the heading.
        kind: "number" is set to the right, "text" to the left; "long" text is broken into lines.
        width: of the terminal's column in characters at most; a longer text is cut, or if "long" broken.
        page_only: whether the terminal, which is narrow, goes without it.
    """

    heading: str
    write: Callable[[Any], str] = str
    unit: str = ""
    kind: Literal["number", "text", "long"] = "number"
    width: int | None = None
    page_only: bool = False

    @property
    def title(self) -> str:
        """Heading and unit."""
        return f"{self.heading}, {self.unit}" if self.unit else self.heading


Columns = list[Column | str]
"""Columns, or just their headings."""


@dataclass(frozen=True)
class Table:
    """Columns and rows. On a page its first column names the row, and a click on a heading sorts.

    A template shows it with ``{{ table }}``, and rich prints it.

    Attributes:
        columns: from left to right; or just their headings.
        rows: a value or an ``Value`` for each column.
        title: of the terminal's table.

    Example:
        >>> table = Table(["agent", Column("coverage", "{:.1f}".format, unit="%")], [["farmap", 99.25]])
        >>> table.as_text()
        [['farmap', '99.2']]
    """

    columns: Sequence[Column | str]
    rows: Sequence[Sequence[Any]]
    title: str = ""

    def __bool__(self) -> bool:
        return bool(self.rows)

    @property
    def head(self) -> list[Column]:
        """The columns; of one given by its heading alone, text if it is the first."""
        return [
            one if isinstance(one, Column) else Column(one, kind="number" if index else "text")
            for index, one in enumerate(self.columns)
        ]

    @property
    def body(self) -> list[list[Value]]:
        """The rows, each value with the text that is shown."""
        head = self.head
        return [[_valued(*pair) for pair in zip(row, head, strict=True)] for row in self.rows]

    def as_text(self) -> list[list[str]]:
        """Return what the terminal shows, row by row, as plain text."""
        return [[f"{value.text} {value.note}".strip() for value in row] for row in self._narrow()]

    def _narrow(self) -> list[list[Value]]:
        kept = [index for index, column in enumerate(self.head) if not column.page_only]
        return [[row[index] for index in kept] for row in self.body]

    def write_csv(self, path: Path) -> None:
        """Write the values under the columns' titles, in UTF-8; what is not known is left empty."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([column.title for column in self.head])
            for row in self.rows:
                writer.writerow([one.value if isinstance(one, Value) else one for one in row])

    def __html__(self) -> str:
        from gridcell.report.templates import environment

        template = environment().get_template("table.html.jinja")
        rows = self.body
        return template.render(columns=self.head, rows=rows, meaning=MEANING if _has_stale(rows) else "")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RichTable]:
        yield self._laid_out(options.max_width)

    def _laid_out(self, room: int) -> RichTable:
        """Lay the table out in so many characters: names are broken where a column would be cut off."""
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        title = Text(self.title, style="bold") if self.title else None
        meaning = Text(MEANING) if _has_stale(self._narrow()) else None
        shown = RichTable(
            title=title,
            title_justify="left",
            caption=meaning,
            caption_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
        )
        texts = self.as_text()
        columns = [one for one in self.head if not one.page_only]
        for column, whole in zip(columns, _unbroken(columns, texts, room), strict=True):
            shown.add_column(
                Text(column.title),
                justify="right" if column.kind == "number" else "left",
                min_width=whole,
                max_width=column.width and max(column.width, whole or 0),
                # Names go on in the next line: cut, two of them may look the same.
                no_wrap=column.width is not None and column.kind == "number",
                overflow="ellipsis" if column.width is not None and column.kind == "number" else "fold",
            )
        for row, values in zip(texts, self._narrow(), strict=True):
            shown.add_row(*(_styled(text, value) for text, value in zip(row, values, strict=True)))
        return shown


def write_csv(columns: Iterable[str], rows: Iterable[Sequence[Any]], path: Path) -> None:
    """Write rows that no table shows, such as one for each cell; see ``Table.write_csv``.

    A last column ``STALE``, true of each row that rests on a stale result, is left out where none does.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_csv(["method", "mRI"], [["ewc", 1.5]], Path(folder, "cells.csv"))
        ...     Path(folder, "cells.csv").read_text().splitlines()
        ['method,mRI', 'ewc,1.5']
    """
    head, body = list(columns), list(rows)
    if head[-1] == STALE and not any(row[-1] for row in body):
        head, body = head[:-1], [row[:-1] for row in body]
    Table(head, body).write_csv(path)


def _unbroken(columns: Sequence[Column], texts: Sequence[Sequence[str]], room: int) -> list[int | None]:
    """Return the width of each column of names that is not to be broken; None: it may be.

    Broken, "ewc-strength-10" would look like "ewc-strength-1". But rich cuts the last columns off where
    whole names leave no room for them. Then the longest names are broken, but never those of the rows.
    """
    widths = [max(len(row[index]) for row in texts) if texts else 0 for index in range(len(columns))]
    found = [
        width if column.kind == "text" and width <= _NAME else None
        for column, width in zip(columns, widths, strict=True)
    ]

    def needed() -> int:
        """Return the characters that the table takes where all that may be broken is."""
        least = 0
        for column, width, whole in zip(columns, widths, found, strict=True):
            shown = whole or (width if column.kind == "number" else min(width, _BROKEN))
            least += max(shown, *map(len, column.title.split()))
        return least + _GAP * (len(columns) - 1) + 2  # and a space at each side

    while needed() > room and any(whole and whole > _BROKEN for whole in found[1:]):
        found[max(range(1, len(found)), key=lambda index: found[index] or 0)] = None
    return found


def _valued(value: Any, column: Column) -> Value:
    given = value if isinstance(value, Value) else Value(value)
    if given.text is not None:
        text = given.text
    elif given.value is None:
        text = NONE
    elif isinstance(given.value, float) and given.value != given.value:
        text = NOT_A_NUMBER
    else:
        text = column.write(given.value)
    return replace(given, text=marked(text, given.stale and text not in ("", NONE)))


def _has_stale(rows: Sequence[Sequence[Value]]) -> bool:
    return any(str(value.text).endswith(DAGGER) for row in rows for value in row)


def _styled(text: str, value: Value) -> Text:
    from rich.text import Text

    from gridcell.printable import printable

    marks = value.mark.split()
    return Text(printable(text), style="bold" if "best" in marks else "dim" if "own" in marks else "")
