"""A task's template, tables and figures -> one HTML file that needs nothing beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gridcell.report.answer import Answer, code_versions, state
from gridcell.report.facts import Facts, facts
from gridcell.report.inline import as_html, file_link
from gridcell.report.missing import missing, missing_table
from gridcell.report.outline import with_outline
from gridcell.report.pictures import Picture, write_pictures
from gridcell.report.results import GridResults
from gridcell.report.tables import Column, Columns, Table
from gridcell.report.templates import environment
from gridcell.store.values import without_not_finite

CELLS = "results.csv"
"""File of a report's folder with the cell behind each number; ``write_report`` writes it."""


def write_page(
    results: GridResults,
    out: Path,
    *,
    answer: Answer | None = None,
    templates: Path | None = None,
    pictures: Iterable[Picture] = (),
    own_facts: Facts | None = None,
    **context: Any,
) -> Path:
    """Write ``report.html`` and its figures as PNG files; return the page.

    The page needs nothing beside it. It begins with the answer, the state of the results, the command that
    makes them again and the pictures of section "first"; the task's sections follow, what is missing,
    settings and provenance, and interruptions, if there were any. A task fills the blocks of
    ``base.html.jinja`` (``sections``, ``consequence``, ``gaps``, ``method``, ``files``) in a
    ``report.html.jinja`` of its own. Without one the sections are the ``tables`` of the context. Everything
    is escaped; a name that is missing from the context is an error.

    Args:
        results: what the page is about.
        out: the folder, made if it is not there; files of the same names are replaced.
        answer: the first sentences; without one the page begins with its sections.
        templates: the task's folder with ``report.html.jinja``.
        pictures: drawn one at a time, so that a generator keeps one figure in memory. The template shows
            those of a section by ``show(pictures, section)``.
        own_facts: the task's settings and provenance; see ``facts``.
        context: what else the template may use. A ``Table`` is shown by ``{{ table }}``, a file of the folder
            by ``{{ file("cells.csv") }}``.

    Example:
        >>> table = Table(["agent", "coverage"], [["farmap", 99.2]])  # doctest: +SKIP
        >>> write_page(results, out, tables=[table])  # doctest: +SKIP
    """
    out.mkdir(parents=True, exist_ok=True)
    say_how_it_was_made(results, out)  # before the page takes the file in
    page = out / "report.html"
    template = environment(templates).get_template("report.html.jinja" if templates else "base.html.jinja")
    text = template.render(
        title=results.title,
        answer=answer,
        state=state(results),
        about=results.about,
        command=_command(results),
        made_by=code_versions(results),
        notes=as_html(results.about.notes),
        counts=results.counts(),
        remarks=[one for one in results.remarks if one not in results.staleness.causes()],  # told as state
        missing=missing_table(missing(results)),
        facts=Table([Column("", kind="text"), Column("", kind="long")], _pairs(results, own_facts or {})),
        interruptions=_interruptions(results.interruptions()),
        pictures=write_pictures(pictures, out, results.about.figures),
        cells=file_link(out, CELLS) if (out / CELLS).is_file() else "",
        file=partial(file_link, out),
        **context,
    )
    page.write_text(with_outline(text), encoding="utf-8", errors="backslashreplace")
    return page


def _command(results: GridResults) -> str:
    """Return what to type to make the results again: those that are stale would be kept without a word."""
    again = " --changed rerun" if results.staleness and results.about.command else ""
    return f"{results.about.command}{again}"


def write_summary(summary: Mapping[str, Any], out: Path, **options: bool) -> None:
    """Write ``summary.json`` into a folder: the numbers behind a page.

    Args:
        summary: JSON values; a number that is not finite becomes null.
        out: the folder, made if it is not there.
        options: of ``json.dumps``: ``sort_keys``, ``ensure_ascii``.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_summary({"mRI": float("nan")}, Path(folder))
        ...     json.loads(Path(folder, "summary.json").read_text())
        {'mRI': None}
    """
    out.mkdir(parents=True, exist_ok=True)
    finite, _ = without_not_finite(summary)
    text = json.dumps(finite, indent=1, allow_nan=False, **options)  # type: ignore[arg-type]
    # Of a name that is no text, what replaces it is JSON's own escape.
    (out / "summary.json").write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")


def say_how_it_was_made(results: GridResults, out: Path) -> None:
    """Add ``made`` of the results to a folder's ``summary.json``, if there is one."""
    file = out / "summary.json"
    if not results.made or not file.is_file():
        return
    summary = json.loads(file.read_text(encoding="utf-8"))
    if isinstance(summary, dict) and summary.get("made") != results.made:
        write_summary({**summary, "made": results.made}, out, ensure_ascii=False)


def _pairs(results: GridResults, own: Facts) -> list[tuple[str, str]]:
    return list(facts(results, own).items())


def _interruptions(found: Mapping[str, Mapping[str, float]]) -> Table:
    """Lay out the attempts that ended without a result, by failure class, with their sum."""
    total: Counter[str] = Counter()
    for lost in found.values():
        total.update(lost)
    every = {**found, "all": total} if len(found) > 1 else found
    columns: Columns = ["class", Column("attempts"), Column("cells given up")]
    columns += [Column("work lost", "{:.1f}".format, unit="s"), Column("steps lost")]
    keys = ("attempts", "given_up", "seconds", "steps")
    return Table(columns, [[name, *(lost.get(key) for key in keys)] for name, lost in every.items()])
