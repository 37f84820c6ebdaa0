"""A comparison as tables, as a page that stands alone, and as JSON."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gridcell.answers.compare import Comparison
from gridcell.answers.compare_tables import Alone
from gridcell.answers.noise import Mean, Move
from gridcell.printable import counted
from gridcell.report.tables import Column, Columns, Table, Value
from gridcell.report.templates import environment
from gridcell.store.values import without_not_finite

MOST = 30
"""Rows that the terminal shows of a table; the page shows ten times as many."""

_NAMED = 5  # rows that one side alone has; the table has more

NO_INTERVAL = "A difference without ± has no interval: no place of its metric has two seeds."


def tables(found: Comparison, most: int = MOST) -> list[Table]:
    """Return the tables of a comparison that are not empty: what was set otherwise, then the answer.

    Entries of lists, such as the points of a curve, come after the other metrics.

    Args:
        found: the comparison.
        most: rows of each table; the title says how many there are beyond.
    """
    first, second = found.first, found.second
    sides = [Column(first, _value, kind="long"), Column(second, _value, kind="long")]
    where = Column("where", kind="long")
    moves = sorted(found.moves, key=lambda move: bool(_list_of(move.metric)))
    laid_out: list[tuple[str, Columns, Sequence[Sequence[Any]]]] = [
        ("Settings that differ", [Column("setting", kind="text"), *sides], list(found.settings)),
        (
            "Numbers of the reports (95 % intervals are each side's own, not of the difference)",
            [
                where,
                Column("number", kind="text"),
                Column(first, _number),
                Column(second, _number),
                Column("difference", _signed),
            ],
            [
                [
                    _where(one.labels),
                    one.name,
                    Value(one.before, note=_ends(one.before_ends)),
                    Value(one.after, note=_ends(one.after_ends)),
                    one.difference,
                ]
                for one in found.numbers
            ],
        ),
        *_alone_tables(found, where),
        (
            "Means over the places that both have (95 % over places, each counted as independent)",
            [
                Column("metric", kind="text"),
                Column(first, _number),
                Column(second, _number),
                Column("difference", _signed),
                "places",
            ],
            [
                [one.metric, one.before, one.after, Value(one.difference, note=_around(one)), one.places]
                for one in found.means
            ],
        ),
        (
            "Differences, those beyond noise first, then by their share of the value",
            [
                where,
                Column("metric", kind="text"),
                Column(first, _number),
                Column(second, _number),
                Column("difference", _signed),
                Column("seeds"),
                Column("verdict", kind="text"),
            ],
            [_move_row(move) for move in moves],
        ),
        (
            "Values that are no numbers",
            [where, Column("metric", kind="text"), *sides],
            [[_where(labels), name, one, two] for labels, name, one, two in found.other],
        ),
        (f"Only in {first}", [where], [[_where(labels)] for labels in found.only_first]),
        (f"Only in {second}", [where], [[_where(labels)] for labels in found.only_second]),
        (
            "Code that differs",
            [Column("module", kind="long"), Column("cells that run it")],
            list(found.code),
        ),
        ("Versions that differ", [Column("package", kind="text"), *sides], list(found.versions)),
        ("Data that differ", [Column("what", kind="long")], [[sentence] for sentence in found.data]),
        (
            "Targets whose answers differ",
            [
                where,
                Column(f"cell in {first}", kind="text"),
                Column(f"cell in {second}", kind="text"),
                "metrics",
            ],
            [
                [_where(each.labels), each.first, each.second, len(each.metrics) or Value(0, "files alone")]
                for each in found.changed
            ],
        ),
    ]
    return [
        Table(columns, rows[:most], f"{title}{f' ({most} of {len(rows)})' if len(rows) > most else ''}")
        for title, columns, rows in laid_out
        if rows
    ]


def facts(found: Comparison) -> list[str]:
    """Return sentences that hold for the whole comparison."""
    said = [found.sentence()]
    said += found.notes
    said += _numbers_told(found)
    if found.neither:
        said.append(f"{found.neither} targets have no result on either side.")
    for name, commits in zip((found.first, found.second), found.commits, strict=True):
        if commits and found.commits[0] != found.commits[1]:
            said.append(f"{name} was made by {'; '.join(commits)}.")
    if any(not math.isnan(move.half_width) for move in found.moves):
        said.append(
            "± is half of Student's 95 % interval over seeds; the noise of a metric is pooled over the "
            "places where it differs. 'Moved' allows for the number of differences (Bonferroni, 5 % in all)."
        )
    if any(math.isnan(move.half_width) for move in found.moves):
        said.append(NO_INTERVAL)
    return said


def _alone(found: Comparison) -> tuple[tuple[str, Sequence[Alone]], ...]:
    return (found.first, found.numbers_only_first), (found.second, found.numbers_only_second)


def _alone_tables(found: Comparison, where: Column) -> list[tuple[str, Columns, Sequence[Sequence[Any]]]]:
    """Lay out the rows of which one side alone has numbers."""
    return [
        (
            f"Numbers of the reports that {name} alone has",
            [where, Column("numbers", kind="long")],
            [[_where(one.labels), ", ".join(one.names)] for one in alone],
        )
        for name, alone in _alone(found)
    ]


def _numbers_told(found: Comparison) -> Iterator[str]:
    """Say which numbers of the table that was asked for one side lacks, so that they can't be compared."""
    if not found.table:
        return
    where = f"In the table '{found.table}'"
    for name, alone in _alone(found):
        if alone:
            rows = [f"{_where(one.labels)} ({', '.join(one.names)})" for one in alone[:_NAMED]]
            more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
            many = counted(len(alone), "row")
            yield f"{where} {name} alone has the numbers of {many}: {', '.join(rows)}{more}."
    if not (found.numbers or found.numbers_only_first or found.numbers_only_second):
        yield f"{where} neither side has a number with an interval."


def _alone_json(alone: Sequence[Alone]) -> list[dict[str, Any]]:
    return [{"labels": dict(one.labels), "numbers": list(one.names)} for one in alone]


def as_json(found: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON values; what is not finite is null."""
    body = {
        "first": found.first,
        "second": found.second,
        "same": found.same,
        "sentence": found.sentence(),
        "equal": found.equal,
        "settings": [list(each) for each in found.settings],
        "code": [list(each) for each in found.code],
        "commits": [list(each) for each in found.commits],
        "versions": [list(each) for each in found.versions],
        "data": list(found.data),
        "changed": [
            {
                "labels": dict(each.labels),
                "cells": [each.first, each.second],
                "metrics": {name: list(pair) for name, pair in each.metrics.items()},
            }
            for each in found.changed
        ],
        "only_first": [dict(labels) for labels in found.only_first],
        "only_second": [dict(labels) for labels in found.only_second],
        "neither": found.neither,
        "moves": [
            {
                "labels": dict(move.place),
                "metric": move.metric,
                "before": move.before,
                "after": move.after,
                "difference": move.difference,
                "half_width": move.half_width,
                "seeds": move.pairs,
                "moved": move.moved,
            }
            for move in found.moves
        ],
        "means": [
            {
                "metric": one.metric,
                "before": one.before,
                "after": one.after,
                "difference": one.difference,
                "half_width": one.half_width,
                "places": one.places,
            }
            for one in found.means
        ],
        "other": [[dict(labels), *rest] for labels, *rest in found.other],
        "numbers": [
            {
                "labels": dict(one.labels),
                "number": one.name,
                "before": one.before,
                "before_ci95": one.before_ends,
                "after": one.after,
                "after_ci95": one.after_ends,
                "difference": one.difference,
            }
            for one in found.numbers
        ],
        "numbers_only_first": _alone_json(found.numbers_only_first),
        "numbers_only_second": _alone_json(found.numbers_only_second),
        "tolerance": found.tolerance,
        "notes": list(found.notes),
    }
    finite, _ = without_not_finite(json.loads(json.dumps(body, default=str)))
    return dict(finite)


def write_comparison(found: Comparison, out: Path) -> Path:
    """Write ``compare.html`` and ``compare.json`` into a folder; return the page."""
    out.mkdir(parents=True, exist_ok=True)
    template = environment(Path(__file__).parent).get_template("compare.html.jinja")
    page = out / "compare.html"
    title = f"{found.first} against {found.second}"
    text = template.render(
        title=title, facts=facts(found), tables=tables(found, most=10 * MOST), same=found.same
    )
    page.write_text(text, encoding="utf-8")
    body = json.dumps(as_json(found), indent=1, ensure_ascii=False, allow_nan=False)
    (out / "compare.json").write_text(f"{body}\n", encoding="utf-8")
    return page


def _move_row(move: Move) -> Sequence[Any]:
    known = not math.isnan(move.half_width)
    note = f"± {move.half_width:.3g}" if known else ""
    verdict = "moved" if move.moved else "within noise" if known else "in tolerance"
    difference = Value(move.difference, None, note)
    mark = "best" if move.moved else ""
    return [
        _where(dict(move.place)),
        move.metric,
        move.before,
        move.after,
        difference,
        move.pairs,
        Value(verdict, mark=mark),
    ]


def _where(labels: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in labels.items()) or "all"


def _ends(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"[{_number(ends[0])}, {_number(ends[1])}]"


def _around(one: Mean) -> str:
    """Write the interval of a mean difference."""
    return f"[{_signed(one.difference - one.half_width)}, {_signed(one.difference + one.half_width)}]"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _number(value: float) -> str:
    return f"{value:.5g}"


def _signed(value: float) -> str:
    return f"{value:+.4g}"


def lines(found: Comparison) -> Iterator[Any]:
    """Yield what the terminal prints: sentences and tables."""
    yield from facts(found)
    names = [*(move.metric for move in found.moves), *(path for _, path, _, _ in found.other)]
    lists = Counter(name for name in map(_list_of, names) if name)
    moves = [move for move in found.moves if not _list_of(move.metric)]
    other = [each for each in found.other if not _list_of(each[1])]
    single = bool(moves or other)
    shown = tables(replace(found, moves=moves, other=other) if single else found)
    yield from shown
    if single and lists:
        told = ", ".join(f"{count} of {name}" for name, count in lists.most_common())
        yield f"Not shown are differences in entries of lists, such as points of curves: {told}."
    if (single and lists) or any(re.search(r"\(\d+ of \d+\)$", each.title) for each in shown):
        yield (
            f"--json prints all differences. --out DIR writes them to compare.json, and {10 * MOST} rows of "
            "each table to a page."
        )


def _list_of(metric: str) -> str:
    """Return the name of the list of which a metric is an entry; empty for any other.

    Example:
        >>> _list_of("curves.m.log2_bits[49]"), _list_of("bits")
        ('curves.m.log2_bits', '')
    """
    name, bracket, _ = metric.partition("[")
    return name if bracket else ""
