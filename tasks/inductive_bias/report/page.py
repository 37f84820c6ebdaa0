"""The report: one page that stands alone, its pictures, and the numbers behind it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gridcell.report import (
    STALE,
    Column,
    Columns,
    GridResults,
    Picture,
    Table,
    Value,
    write_csv,
    write_page,
    write_summary,
)
from inductive_bias.distributions.information import BITS
from inductive_bias.problems.sources import EQUAL
from inductive_bias.report.answer import answer
from inductive_bias.report.places import named
from inductive_bias.report.sentences import fewer_seeds, sentences, verdict
from inductive_bias.report.summary import Outcome

_TEMPLATES = Path(__file__).parent / "templates"
_WHERE = ("problem", "space", "n_train", "dimension", "seed")

COLUMNS = (
    *(*_WHERE, "error", "error_mse", "nats", "bits", "low_nats", "high_nats", "exact_nats", "fitted_nats"),
    *("splitting_nats", "splitting_low_nats", "splitting_high_nats", "basis"),
    *("sankaran_nats", "sankaran_short_nats", "samples", "unfitted", "ks", "p_value"),
    "cell",
)
"""Of cells.csv."""

WIDE = 6  # spaces that have columns of their own in the terminal


def write_files(
    results: GridResults,
    outcomes: Sequence[Outcome],
    summary: Mapping[str, Any],
    out: Path,
    pictures: Iterable[Picture],
) -> Path:
    """Write the page, the figures as PNG, ``summary.json`` and ``cells.csv`` into a folder; return the page.

    Args:
        results: what the page is about.
        outcomes: what is done.
        summary: of them, from ``summarise``.
        out: the folder, made if it is not there.
        pictures: the figures, in the order in which they are shown.
    """
    write_summary(summary, out, sort_keys=True)
    write_csv([*COLUMNS, STALE], _rows(outcomes), out / "cells.csv")
    return write_page(
        results,
        out,
        answer=answer(summary),
        templates=_TEMPLATES,
        pictures=pictures,
        own_facts=_facts(results),
        settings=results.settings,
        sentences=sentences(summary),
        differences=difference_table(summary),
        points=point_table(summary),
        kernels=kernel_table(summary),
        mixing=mixing_table(summary),
        fits=fit_table(summary),
        warnings=estimate_warnings(summary, results.grid.notes),
    )


def headline(summary: Mapping[str, Any]) -> list[Any]:
    """Return what the terminal shows: bits at the target by problem and space, then the answer."""
    return [bits_table(summary), *sentences(summary)]


def bits_table(summary: Mapping[str, Any]) -> Table:
    """Lay out bits at the target by problem and space, over the seeds that a problem's spaces share.

    A row for each problem, or for each space where these are many.
    """
    rows = summary["compared"]
    spaces = list(dict.fromkeys(row["space"] for row in rows))
    by_problem: dict[str, dict[str, Any]] = {}
    for row in rows:
        by_problem.setdefault(named(row), {})[row["space"]] = _bits(row)
    title = f"I({summary['target']:g}) in bits"
    if len(spaces) > max(WIDE, len(by_problem)):  # a column each would not fit
        columns: Columns = ["space", *map(Column, by_problem)]
        cells = [[space, *(found.get(space) for found in by_problem.values())] for space in spaces]
    else:
        columns = ["problem", *map(Column, spaces)]
        cells = [[problem, *map(found.get, spaces)] for problem, found in by_problem.items()]
    return Table(columns, cells, title)


def difference_table(summary: Mapping[str, Any]) -> Table:
    """Lay out the paired differences of two spaces, a row for each problem and pair."""
    return Table(
        ["problem", Column("I of the first − I of the second"), Column("difference [95 %]", unit="bits")],
        [[named(d), f"{d['first']} − {d['second']}", _bits(d)] for d in summary["spaces"]],
        "Spaces side by side",
    )


def point_table(summary: Mapping[str, Any]) -> Table:
    """Lay out every estimate."""
    columns: Columns = [
        "problem",
        "space",
        "points",
        "dimension",
        "seed",
        "samples",
        "did not fit",
    ]
    columns += [Column(name, number) for name in ("mean error", "smallest", "p of the fit", "I fitted, bits")]
    columns += ["[95 %]", *(Column(name, number) for name in ("−log Φ(z)", "z²/2", "I exact, bits"))]
    columns += [Column("I by splitting, bits", number), "[95 %] over runs (to 60 bits)", "I rests on"]
    columns += ["95 % bound by count", *(Column(name, number) for name in ("I of the accuracy, bits",))]
    where = ("problem", "space", "n_train", "input_dimension", "seed", "samples", "unfitted")
    keys = (*where, "mean_error", "smallest_error", "p_value")
    rows = []
    for point in summary["points"]:
        target = point["target"]
        ends = None if None in target["ci95_bits"] else ", ".join(map(number, target["ci95_bits"]))
        known = [_in_bits(target[name]) for name in ("sankaran", "sankaran_short", "exact")]
        split = [_in_bits(target["splitting"]), _ends(target["splitting_ci95"]), target["basis"]]
        accuracy = _in_bits((point["mistakes"] or {}).get("nats"))
        row = [*_place(point, keys), _in_bits(target["nats"]), ends, *known, *split]
        rows.append([*row, _ends(target["bound"]), accuracy])
    return Table(columns, rows, "Every estimate")


def kernel_table(summary: Mapping[str, Any]) -> Table:
    """Lay out what each kernel was and how its matrix was solved."""
    names = ("bandwidth", "amplitude", "noise", "jitter", "condition")
    columns: Columns = ["problem", "space", "points", "dimension", "seed"]
    columns += [*(Column(name, number) for name in names), "bits of precision", "I rests on"]
    where = ("problem", "space", "n_train", "input_dimension", "seed")
    rows = [
        [*_place(point, where), *(point[key] for key in (*names, "bits")), point["target"]["basis"]]
        for point in summary["points"]
        if point["bits"] is not None
    ]
    return Table(columns, rows, "Kernel spaces")


def mixing_table(summary: Mapping[str, Any]) -> Table:
    """Lay out how subset simulation mixed where it was needed."""
    columns: Columns = ["problem", "space", "points", "dimension", "seed"]
    columns += [Column("moves between levels", number), Column("smallest acceptance", number)]
    columns += [Column("correlation with ancestors", number)]
    columns += ["founders left", "runs that missed"]
    where = ("problem", "space", "n_train", "input_dimension", "seed")
    keys = ("sweeps", "acceptance", "correlation", "founders", "missed")
    rows = [
        [*_place(point, where), *(point["mixing"][key] for key in keys)]
        for point in summary["points"]
        if point["mixing"] is not None
    ]
    return Table(columns, rows, "How splitting mixed")


def fit_table(summary: Mapping[str, Any]) -> Table:
    """Lay out I at the target by the fitted model, at each training error recorded on the way."""
    columns: Columns = ["problem", "space", "points", "dimension", "seed"]
    columns += [Column(name, number) for name in ("training error", "mean test error", "I fitted, bits")]
    columns += ["networks"]
    where = ("problem", "space", "n_train", "input_dimension", "seed")
    rows = [
        [
            *_place(point, where),
            *(one["fit_error"], one["mean_error"], _in_bits(one["nats"]), one["samples"]),
        ]
        for point in summary["points"]
        for one in point["by_fit_error"]
    ]
    return Table(columns, rows, "Against the training error at which networks stop")


def _place(point: Mapping[str, Any], where: Sequence[str]) -> list[Any]:
    """Return what tells an estimate from others; the first is marked if the estimate is stale."""
    first, *others = (point[key] for key in where)
    return [Value(first, stale="stale" in point), *others]


def _ends(ends: Sequence[float | None]) -> str | None:
    """Write both ends of an interval in nats as bits; an upper end that isn't known is without end."""
    low, high = ends
    if low is None:
        return None
    return f"{number(low * BITS)}, {'∞' if high is None else number(high * BITS)}"


def _in_bits(nats: float | None) -> float | None:
    return None if nats is None else nats * BITS


def _bits(row: Mapping[str, Any]) -> Value:
    """Write a mean in bits with its interval, and how many seeds it is over where some are missing."""
    low, high = row["ci95_bits"]
    ends = "" if low is None or high is None else f" [{number(low)}, {number(high)}]"
    seeds = fewer_seeds(row)
    text = f"{number(row['bits'])}{ends}" + (f", {seeds}" if seeds else "")
    return Value(row["bits"], text, mark=verdict(row) if "first" in row else "", stale="stale" in row)


def number(value: float) -> str:
    """Write a number in three digits, or in full to a hundred thousand."""
    text = f"{value:.0f}" if 1000 <= abs(value) < 100_000 else f"{value:.3g}"
    return text.replace("-", "−")


def estimate_warnings(summary: Mapping[str, Any], notes: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Return warnings by estimate; those at one point of several seeds are named once, with the seed.

    Args:
        summary: of ``summarise``.
        notes: of the grid: those on a problem whose test points equal training points warn of its estimates.

    Example:
        >>> estimate_warnings({"points": []}, [])
        []
    """
    found = []
    copies = [note for note in notes if EQUAL in note]
    for point in summary["points"]:
        own = [note for note in copies if note.startswith(f"Problem '{point['problem']}': ")]
        if own or point["warnings"]:
            where = f"{point['space']} on {point['problem']}, {point['n_train']} training points"
            if point["dimension"] != "full":
                where += f", {point['dimension']} dimensions"
            found.append((f"{where}, seed {point['seed']}", [*point["warnings"], *own]))
    return found


def _facts(results: GridResults) -> dict[str, Any]:
    settings = results.settings
    done = results.results.values()
    at_once = sorted({one.metrics["at_once"] for one in done if one.cell.kind == "hypotheses"})
    return {
        "data": f"{settings['test_points']} test points",
        "seeds": settings["seeds"],
        "hypotheses": f"{settings['hypotheses']} networks, {settings['kernel_samples']} kernel functions",
        "training": {name: value for name, value in settings["training"].items() if name != "at_once"},
        "networks trained at once": at_once or "none",
    }


def _rows(outcomes: Sequence[Outcome]) -> Iterator[list[Any]]:
    """Yield a row of ``cells.csv`` for each estimate and target error, in a fixed order.

    Information is the report's: exact where that is known, else by the fit with the ends of its bootstrap
    interval. What the fit says stands beside it.
    """
    for o in sorted(outcomes, key=lambda o: (o.problem, o.space, o.n_train, str(o.dimension), o.seed)):
        m = o.metrics
        quality = (m["samples"], m["unfitted"], round(m["ks"], 6), round(m["p_value"], 6))
        for row in [*m["curve"], m["target"]]:
            bits = None if row["best"] is None else round(row["best"] * BITS, 9)
            information = (row["best"], bits, *row["best_ci95"], row["exact"], row["nats"])
            information += (row["splitting"], *row["splitting_ci95"], row["basis"])
            errors = (row["error"], row["error"] * m["unit"])
            approximations = (row["sankaran"], row["sankaran_short"])
            yield [
                *(getattr(o, name) for name in _WHERE),
                *errors,
                *information,
                *approximations,
                *quality,
                o.cell,
                o.stale,
            ]
