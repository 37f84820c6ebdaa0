"""The report: one page that stands alone, its pictures, and the numbers behind it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from generalization_difficulty.report.along import published_ratio
from generalization_difficulty.report.answer import answer
from generalization_difficulty.report.numbers import dimension, named, plain, scientific, spread
from generalization_difficulty.report.sentences import of_each, overall, sentences
from generalization_difficulty.report.summary import COLUMNS, Entry
from gridcell.report import (
    DAGGER,
    STALE,
    Column,
    Columns,
    GridResults,
    Table,
    Value,
    write_csv,
    write_page,
    write_summary,
)

_TEMPLATES = Path(__file__).parent / "templates"

_POLICY = {"n": "steps n", "m": "observed numbers m", "actions": "action numbers D"}
_ENDS = {"delta": "resolution δ", "eps": "target error ε"}
_GIVEN: Mapping[str, tuple[Sequence[str], Mapping[str, str]]] = {
    "Classification": (
        ["classification"],
        {"n": "points n", "m": "dimension m", "radius": "norm R", "classes": "classes", **_ENDS},
    ),
    "Meta-learning": (
        ["meta-learning"],
        {
            "n": "support sets n",
            "m_within": "dimension within",
            "m_across": "dimension across",
            "ways": "ways",
            "radius": "norm R",
            **_ENDS,
        },
    ),
    "Few-shot learning, measured from images": (
        ["few-shot"],
        {
            "images": "images",
            "within": "dimension within",
            "m_within": "rounded",
            "across": "dimension across",
            "m_across": "rounded",
            "radius": "norm R",
            "copies": "copies",
            "log2_bits_low": "range, from",
            "log2_bits_high": "range, to",
            **_ENDS,
        },
    ),
    "Reinforcement learning": (["reinforcement", "environment"], {**_POLICY, **_ENDS}),
}
"""Title of a table -> the kinds of task in it, and their ingredients with headings."""

_LOG2 = ("log2_bits_low", "log2_bits_high")
"""Ingredients that are stored as log2 of bits, and are shown as bits like all else."""

_WAYS = {"exact": "all pairs", "evt": "extreme values", "sample": "a sample", "given": "given"}
_SHOWN = {"n": "n", "m": "m", "radius": "R", "classes": "classes", "delta": "delta", "eps": "eps"}


def write_files(
    results: GridResults, entries: Iterable[Entry], summary: Mapping[str, Any], out: Path
) -> Path:
    """Write the page, its figures as PNG, ``cells.csv`` and ``summary.json`` into a folder; return the page.

    Args:
        results: what the page is about.
        entries: what is done.
        summary: of them, from ``summarise``.
        out: the folder, made if it is not there.
    """
    from generalization_difficulty.report.figures import draw  # with matplotlib: only for drawing

    write_summary(summary, out, ensure_ascii=False)
    write_csv([*COLUMNS, STALE], map(_row, entries), out / "cells.csv")
    settings = results.settings
    estimation = {"estimation": settings["estimation"]} if summary["measured"] else {}
    return write_page(
        results,
        out,
        answer=answer(summary, settings.get("published", {})),
        templates=_TEMPLATES,
        pictures=draw(summary),
        own_facts={"seeds": settings["seeds"], **estimation},
        sentences=overall(summary),
        of_each=of_each(summary),
        given=[
            table for title in _GIVEN if (table := given_table(summary, title, settings.get("published", {})))
        ],
        measured=measured_table(summary),
        samples=sample_table(summary),
        models=[models_table(named(summary, name), found) for name, found in summary["models"].items()],
        seeds=max((len(entry["seeds"]) for entry in summary["measured"].values()), default=0),
    )


def headline(summary: Mapping[str, Any]) -> list[Any]:
    """Return what the terminal shows: the table of ingredients and bits, then the answer in sentences."""
    return [terminal_table(summary), *sentences(summary)] if summary["tasks"] else []


def terminal_table(summary: Mapping[str, Any]) -> Table:
    """Lay out the ingredients that most kinds have and the difficulty of each task."""
    columns: Columns = [Column("task", kind="text", width=24)]
    columns += [Column(heading, lambda value: plain(value, 3)) for heading in _SHOWN.values()]
    columns += [Column("bits", lambda value: scientific(value, 2))]
    rows = [
        [
            Value(name, stale=name in summary.get("stale", ())),
            *(task["ingredients"].get(key) for key in _SHOWN),
            summary["log2_bits"][name],
        ]
        for name, task in summary["tasks"].items()
    ]
    several = any(len(entry["seeds"]) > 1 for entry in summary["measured"].values())
    of = (
        " (of measured tasks the median over seeds, with the ingredients of the median seed)"
        if several
        else ""
    )
    return Table(columns, rows, f"Generalization difficulty{of}")


def given_table(summary: Mapping[str, Any], title: str, published: Mapping[str, float]) -> Table:
    """Lay out the tasks whose ingredients are given, of the kinds of one of the page's tables.

    What was published of them stands beside it, where anything was.
    """
    kinds, headings = _GIVEN[title]
    names = [name for name, task in summary["tasks"].items() if task["kind"] in kinds]
    columns: Columns = ["task", Column("difficulty", scientific, unit="bits")]
    beside = any(name in published for name in names)
    if beside:
        columns += [Column("published", lambda bits: scientific(math.log2(bits)), unit="bits")]
        columns += [Column("published / ours", "{:.5f}".format)]
    columns += [
        Column(heading, lambda log2: scientific(log2, 1), unit="bits")
        if key in _LOG2
        else Column(heading, plain)
        for key, heading in headings.items()
    ]
    columns += [Column("bits per degree of freedom", "{:.2f}".format)]
    rows = []
    for name in names:
        task, log2 = summary["tasks"][name], summary["log2_bits"][name]
        known = published.get(name)
        ratio = None if known is None else 2 ** (math.log2(known) - log2)
        stale = name in summary.get("stale", ())
        row = [Value(name, stale=stale), Value(log2, mark="best"), *([known, ratio] if beside else [])]
        rows.append([*row, *(task["ingredients"].get(key) for key in headings), task["bits_per_dimension"]])
    return Table(columns, rows, title)


def measured_table(summary: Mapping[str, Any]) -> Table:
    """Lay out the tasks that were measured from data: ingredients over seeds, and the difficulty."""
    columns: Columns = [
        "data",
        Column("difficulty", lambda value: scientific(value, 2), unit="bits"),
        Column("points n", plain),
        Column("features", plain),
        Column("classes", plain),
    ]
    columns += [Column("norm R"), Column("dimension m"), Column("δ"), Column("found by", kind="text")]
    columns += [Column("ε", plain)]
    rows = []
    for name, entry in summary["measured"].items():
        truth = "" if entry["true_dimension"] is None else f"true {entry['true_dimension']}"
        rows.append(
            [
                Value(name, stale=name in summary.get("stale", ())),
                Value(summary["log2_bits"][name], note=_ends(summary["ranges"][name]), mark="best"),
                *(entry["n"], entry["features"], entry["classes"], _over_seeds(entry, "radius")),
                Value(entry["m_estimate"]["mean"], dimension(entry), truth),
                _resolution(entry),
                _WAYS.get(entry["resolution"] or "", ""),
                entry["eps"],
            ]
        )
    return Table(columns, rows, "Measured from data")


def models_table(name: str, found: Mapping[str, Any]) -> Table:
    """Lay out models whose error is known, and the bits of the task at it."""
    columns: Columns = ["model", Column("error", plain), Column("ε", plain)]
    columns += [Column("provided", lambda value: scientific(value, 3), unit="bits")]
    columns += [
        Column("published", lambda value: scientific(math.log2(value), 3), unit="bits"),
        Column("published / provided", "{:.3f}".format),
    ]
    columns += [Column("source", kind="text")]
    rows = [
        [
            Value(model["name"], stale=name.endswith(DAGGER)),
            *(model["error"], model["eps"], model["log2_bits"], model["published_bits"]),
            *(published_ratio(model), model["source"]),
        ]
        for model in found["models"]
    ]
    return Table(columns, rows, f"{name}: bits that models provide on {found['task']}")


def _resolution(entry: Mapping[str, Any]) -> Value:
    """Write delta, with the interval of an extrapolated one."""
    low, high = entry["delta_low"]["low"], entry["delta_high"]["high"]
    note = "" if low is None else f"{plain(low, 4)} to {plain(high, 4)}"
    return Value(entry["delta"]["mean"], spread(entry["delta"], 4), note)


def _ends(ends: Sequence[float | None] | None) -> str:
    """Write the range of a difficulty; an end that is not there is left open."""
    if ends is None:
        return ""
    low, high = ("…" if end is None else scientific(end, 2) for end in ends)
    return f"{low} to {high}"


def sample_table(summary: Mapping[str, Any]) -> Table:
    """Lay out the samples that the estimates were made from."""
    counts = {"held": "held in memory", "m_points": "points for m"}
    pairs = {"delta_points": "points for δ, all pairs", "delta_pairs": "random pairs for δ"}
    pairs["delta_extremes"] = "extremes"
    columns: Columns = ["data", *(Column(heading, plain) for heading in counts.values())]
    columns += [Column("standard error of m"), *(Column(heading, plain) for heading in pairs.values())]
    columns += [Column("tail index γ"), Column("equal points of different classes")]
    rows = [
        [
            Value(name, stale=name in summary.get("stale", ())),
            *(*(entry[key] for key in counts), _over_seeds(entry, "m_error", 2)),
            *(entry[key] for key in pairs),
            *(_over_seeds(entry, "tail_index", 2), _over_seeds(entry, "duplicates")),
        ]
        for name, entry in summary["measured"].items()
    ]
    return Table(columns, rows, "Samples that the estimates were made from")


def _over_seeds(entry: Mapping[str, Any], name: str, digits: int = 4) -> Value:
    return Value(entry[name]["mean"], spread(entry[name], digits))


def _row(entry: Entry) -> list[Any]:
    """Return a cell's row of ``cells.csv``; what its kind doesn't know is None."""
    known = {**entry.metrics.get("ingredients", {}), **entry.metrics}
    known |= {
        "task": entry.name,
        "kind": entry.kind,
        "seed": entry.seed,
        "seconds": entry.seconds,
        "cell": entry.cell,
    }
    return [*(known.get(name) for name in COLUMNS), entry.stale]
