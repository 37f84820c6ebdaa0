"""The tables of the page and of the terminal, which are at most a hundred columns wide there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from gridcell.plots import signed
from gridcell.report import Column, Columns, Table, Value, marked
from imagenet_rib.report import sureness
from imagenet_rib.report.claims import UNKNOWN
from imagenet_rib.report.estimates import verdict
from imagenet_rib.report.leaderboard import ALL_MODELS, boards
from imagenet_rib.report.partial import before_table, ri_of_rows, set_table as set_table_of_part
from imagenet_rib.report.sentences import best_methods
from imagenet_rib.report.significance import ALPHA
from imagenet_rib.report.stale import rests
from imagenet_rib.report.wording import ends
from imagenet_rib.vocabulary import BASELINE, VAL

_MODELS_PER_TABLE = 4  # a method's name and four of “−12.34 [−13.45, −11.23]” fill a hundred columns
_NAME = 14  # characters of a name in the terminal
_OUTCOMES = {"drop": f"loss on {VAL}", "ri": "RI"}

Summary = Mapping[str, Any]


def headline(summary: Summary, *, model: str | None = None, method: str | None = None) -> list[Table]:
    """Return the tables to print at the end of a run.

    Args:
        summary: from ``summarise``.
        model: whose matrix to show; by default the first.
        method: whose matrix to show; by default plain fine-tuning if it was run, else the first.

    Returns:
        The change of accuracy A - A_pre of one model and method, mRI of all methods, four models a table,
        the leaderboard (of all models together, if there are several), and the claims, if any is measured.
        While no method has a complete matrix: RI of the finished rows, and the accuracy before fine-tuning.
    """
    models, methods = summary["models"], summary["methods"]
    ranked = [leaderboard_table([board]) for board in islice(boards(summary), 1)]
    if not ranked:
        known = [set_table_of_part(summary) or ri_of_rows(summary), before_table(summary)] if models else []
        return [table for table in known if table]
    tables = [
        change_table(summary, model or models[0], method or (BASELINE if BASELINE in methods else methods[0]))
    ]
    for first in range(0, len(models), _MODELS_PER_TABLE):
        tables.append(mri_by_method(summary, models[first : first + _MODELS_PER_TABLE]))
    return [*tables, *ranked, *claim_tables(summary)]


def change_table(summary: Summary, model: str, method: str) -> Table:
    """Lay out how fine-tuning on a set (a row) changes the accuracy on each (a column), in points."""
    names = set_names(summary)
    tested = [*names, VAL]
    room = max(6, (100 - 16) // len(tested) - 2)
    before, after = summary["pre"][model], summary["accuracy"][model][method]

    def change(source: str, target: str) -> Value:
        known = after[source][target] is not None and before[target] is not None
        value = after[source][target] - before[target] if known else None
        mark = "own" if source == target else ""
        return Value(value, mark=mark, stale=rests(summary, model, method, source))

    return Table(
        [
            Column("on \\ tested on", kind="text", width=_NAME),
            *(Column(name, signed, width=room) for name in tested),
        ],
        [[source, *(change(source, target) for target in tested)] for source in names],
        f"{model}, {method}: accuracy after minus before fine-tuning (points)",
    )


def mri_by_model(summary: Summary) -> Table:
    """Lay out mRI with its interval, a row for each model."""
    return Table(
        ["mRI, points", *(Column(method, signed) for method in summary["methods"])],
        [[model, *(_mri(summary, model, one) for one in summary["methods"])] for model in summary["models"]],
    )


def mri_by_method(summary: Summary, models: Sequence[str]) -> Table:
    """Lay out mRI with its interval, a row for each method."""
    return Table(
        [Column("method", kind="text", width=_NAME), *(Column(one, signed, width=20) for one in models)],
        [[method, *(_mri(summary, model, method) for model in models)] for method in summary["methods"]],
        "mRI with 95 % interval (points; best in bold)",
    )


def ri_table(summary: Summary, model: str) -> Table:
    """Lay out a model's RI by the set it was fine-tuned on (a row; none where nothing is done) and method."""
    ri = summary["ri"][model]
    return Table(
        ["RI, points: fine-tuned on", *(Column(method, signed) for method in ri)],
        [
            [name, *(Value(ri[one][name], stale=rests(summary, model, one, name)) for one in ri)]
            for name in set_names(summary)
            if any(ri[one][name] is not None for one in ri)
        ],
    )


def leaderboard_table(of: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """Lay out rankings, by the name of what they are over."""
    columns: Columns = [Column("model", kind="text", page_only=True), Column("rank")]
    columns += [Column("method", kind="text", width=_NAME), Column("mRI", signed)]
    columns += [Column(f"mRI − {BASELINE}’s", signed), Column("p, fine-tunings")]
    columns += [Column(f"differs from {BASELINE}: sure over", kind="text", page_only=True)]
    columns += [Column("gain on own set", signed)]
    rows = [
        [
            *(scope, row["rank"], row["method"], replace(_estimate(row["mRI"]), mark="")),
            *_difference(row, board),
            replace(_estimate(row["gain"]), mark=""),
        ]
        for scope, board in of
        for row in board["ranking"]
    ]
    names = ", ".join(scope for scope, _ in of)
    over = " or ".join(sorted({row["mRI"]["interval"] for _, board in of for row in board["ranking"]}))
    tests = " or ".join(str(count) for count in sorted({board["tests"] for _, board in of}))
    title = (
        f"Leaderboard by mRI, {names} (points; intervals over {over}; p after Holm's correction over {tests} "
        f"tests, < {ALPHA:g} bold; gain on own set: training images included)"
    )
    return Table(columns, rows, title)


def comparison_tables(summary: Summary) -> Iterator[Table]:
    """Yield for each ranking how any two of its methods differ: the row's less the column's, with p."""
    for scope, board in boards(summary):
        methods = [row["method"] for row in board["ranking"]]
        found = {(one["a"], one["b"]): one for one in board["comparisons"]}
        stale = {row["method"] for row in board["ranking"] if "stale" in row["mRI"]}
        rows = [
            [
                a,
                *(
                    replace(_comparison(found.get((a, b)), i < j), stale=i < j and bool({a, b} & stale))
                    for j, b in enumerate(methods)
                    if j
                ),
            ]
            for i, a in enumerate(methods[:-1])
        ]
        if found:
            yield Table(["mRI of row − column", *(Column(b, signed) for b in methods[1:])], rows, scope)


def claim_tables(summary: Summary) -> list[Table]:
    """Lay out what the paper claims and what was measured, a table for each; none if nothing is measured."""
    found = summary["findings"]
    if all(one["verdict"] == UNKNOWN for one in found):
        return []
    _, board = next(boards(summary), ("", None))
    return [_claim(one, board) for one in found]


def correlation_table(distance: Mapping[str, Any], sets: int) -> Table:
    """Lay out the correlations of distance with what fine-tuning costs, by model and over all."""
    columns: Columns = [f"distance from {distance['source']} and …"]
    columns += [f"{name}: {which}" for name in _OUTCOMES.values() for which in ("Pearson", "Spearman")]
    scopes = {
        **distance["correlations"],
        **({ALL_MODELS: distance["pooled"]} if distance["pooled"] else {}),
    }
    stale = distance.get("stale", ())
    rows = [
        [
            Value(scope, stale=bool(stale) if scope == ALL_MODELS else scope in stale),
            *(_coefficient(by[key], which, sets) for key in _OUTCOMES for which in ("pearson", "spearman")),
        ]
        for scope, by in scopes.items()
    ]
    return Table(columns, rows)


def distance_table(distance: Mapping[str, Any], names: Sequence[str]) -> Table:
    """Lay out the distances by model (a row) and set."""
    return Table(
        [f"OTDD from {distance['source']}", *(Column(name, "{:.4g}".format) for name in names)],
        [[model, *(_distance(by.get(name)) for name in names)] for model, by in distance["sets"].items()],
    )


def published_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Lay out published values beside ours; accuracies in percent, changes in points."""
    columns: Columns = [
        "model",
        *(Column(name, kind="text") for name in ("method", "fine-tuned on", "tested on")),
    ]
    columns += [Column("what", kind="text"), Column("published", kind="text")]
    columns += [Column("ours", "{:.1f}".format), Column("ours − published", signed)]
    columns += [Column("source", kind="long")]
    return Table(
        columns,
        [
            [
                *(row["model"], row["method"], row["downstream"] or "each", row["tested"], row["when"]),
                f"{row['published']:.1f} ± {row['error']:.1f}",
                Value(row["ours"], stale="stale" in row),
                *(row["difference"], row["source"]),
            ]
            for row in rows
        ],
    )


def gap_table(gaps: Sequence[Mapping[str, str]], shown: int = 40) -> Table:
    """Lay out what a model and method lack; of many the first, and how many more."""
    columns: Columns = ["model", *(Column(name, kind="text") for name in ("method", "seed"))]
    columns += [Column(name, kind="long") for name in ("what is missing", "why")]
    rows = [[gap[name] for name in ("model", "method", "seed", "what", "why")] for gap in gaps[:shown]]
    if more := len(gaps) - shown:
        rows += [[f"and {more} more", "", "", "", ""]] if more > 0 else []
    return Table(columns, rows)


def set_table(summary: Summary, about: Mapping[str, str]) -> Table:
    """Lay out the sets; one that could not be read has no size."""
    counts = [Column(name, "{:,}".format) for name in ("images", "classes")]
    return Table(
        ["set", *counts, Column("what it is", kind="long")],
        [
            [one["name"], one["images"] or None, one["classes"] or None, about.get(one["name"], "")]
            for one in summary["sets"]
        ],
    )


def set_names(summary: Summary) -> list[str]:
    """Return the names of the sets that are fine-tuned on."""
    return [entry["name"] for entry in summary["sets"] if entry["name"] != VAL]


def _mri(summary: Summary, model: str, method: str) -> Value:
    best = method in best_methods(summary, model)
    return _estimate(summary["mRI"][model][method], "best" if best else "")


def _estimate(estimate: Mapping[str, Any], mark: str = "", decimals: int = 1) -> Value:
    if estimate["mean"] is None:
        return Value(None)
    text = signed(estimate["mean"], decimals)
    return Value(
        estimate["mean"],
        text,
        ends(estimate, decimals),
        f"{verdict(estimate)} {mark}".strip(),
        stale="stale" in estimate,
    )


def _difference(row: Mapping[str, Any], board: Mapping[str, Any]) -> list[Value]:
    """Lay out how a method differs from the baseline: the difference, p, and over what it is sure."""
    if row["method"] == BASELINE:
        return [Value(None), _p_value(row["p_holm"]), Value("")]
    found, p = row["minus_ft"], row["p_holm"]
    return [
        replace(_estimate(found), mark=sureness.colour(found, board, p)),
        _p_value(p),
        Value(sureness.in_words(found, board, p)),
    ]


def _p_value(p: float | None) -> Value:
    return Value(p, "" if p is None else f"{p:.2g}", mark="best" if p is not None and p < ALPHA else "")


def _comparison(one: Mapping[str, Any] | None, upper: bool) -> Value:
    if one is None:
        return Value(None, None if upper else "")
    return Value(one["difference"], note=f"p = {one['p_holm']:.2g}")


def _claim(claim: Mapping[str, Any], board: Mapping[str, Any] | None) -> Table:
    columns: Columns = [Column("measured", kind="long", width=54)]
    columns += [Column("claimed", kind="text", page_only=True)]
    columns += [Column(claim["parts"][0]["unit"] or "coefficient"), Column("verdict", kind="text")]
    columns += [Column("one by one", kind="long", page_only=True)]
    rows = []
    for part in claim["parts"]:
        decimals = 1 if part["unit"] else 2
        measured = _estimate(part, decimals=decimals)
        over = f" over {part['interval']}" if part["interval"] else ""
        over += f", p = {part['p']:.2g}" if "p" in part else ""
        each = {name: _estimate(one, decimals=decimals) for name, one in part["each"].items()}
        rows.append(
            [
                part["what"],
                f"{part['side']} zero",
                replace(measured, note=f"{measured.note}{over}".strip(), mark=""),
                _ruling(part, board),
                "\n".join(
                    f"{name}: {marked(one.text or '–', one.stale)} {one.note}".strip()
                    for name, one in each.items()
                ),
            ]
        )
    return Table(columns, rows, f"{claim['claim']} {claim['verdict'].capitalize()}.")


def _ruling(part: Mapping[str, Any], board: Mapping[str, Any] | None) -> Value:
    """Write a part's verdict; of two methods, over what it is sure; in colour where over fine-tunings too."""
    mark = _tag(part["verdict"])
    pair = frozenset(part["name"].split(" over "))
    found = (one for one in (board or {}).get("comparisons", ()) if {one["a"], one["b"]} == pair)
    compared = next(found, None)
    if board is None or compared is None or not mark:
        return Value(part["verdict"], mark=mark)
    words = sureness.in_words(part, board, compared["p_holm"])
    sure = sureness.over_fine_tunings(board, compared["p_holm"])
    return Value(part["verdict"], note=f"(over {words})", mark=mark if sure else "")


def _tag(ruling: str) -> str:
    return {"holds": "above", "does not hold": "below"}.get(ruling, "")


def _coefficient(found: Mapping[str, Any] | None, which: str, sets: int) -> Value:
    if found is None:
        return Value(None)
    entry = found[which]
    low, high = (signed(end, 2) for end in entry["ci95"])
    over = f", over {found['n']} of {sets} sets" if found["n"] < sets else ""
    return Value(entry["value"], signed(entry["value"], 2), f"{low} to {high}, p = {entry['p']:.2g}{over}")


def _distance(one: Mapping[str, Any] | None) -> Value:
    if one is None:
        return Value(None)
    spread = "" if one["deviation"] is None else f"± {one['deviation']:.2g}, "
    used = "{:,} × {:,}".format(*one["used"])
    note = f"{spread}{used}{' *' if one['capped'] else ''}"
    return Value(one["distance"], note=note, stale="stale" in one)
