"""What is known while no method has a complete matrix, so that no mRI can be given."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from gridcell.plots import signed
from gridcell.report import Answer, Column, Table, Value
from imagenet_rib.report.by_set import Place, places, told_apart, told_by_set
from imagenet_rib.report.stale import named_model, rests
from imagenet_rib.report.wording import best_trade, ends
from imagenet_rib.vocabulary import BASELINE, VAL

_FEW = 3  # models or methods in the first sentences; the tables have all
_MOST = 4  # methods of which gain and RI stand below the first sentence

Summary = Mapping[str, Any]


def partial_answer(summary: Summary) -> Answer:
    """Say what the finished cells tell: RI of finished rows, else accuracy before fine-tuning."""
    open_question = "Which method keeps robustness cannot be said yet"
    ri, before = list(_ri_told(summary)), list(_before_told(summary))
    if ri:
        known = [value for by_set in _rows(summary).values() for value in by_set.values()]
        done = sum(value is not None for value in known)
        why = (
            f"{open_question}: mRI is the mean of RI over all sets, and no model and method has all of them."
        )
        partial = f"RI is known of {done} of {len(known)} combinations of model, method and set (below)."
        found = places(summary)
        text, told = _few(ri), [sentence for place in found[:1] for sentence in told_by_set(place)]
        if found and len(found[0].rows) > 1:
            text = f"{found[0].model} fine-tuned on {found[0].downstream}: {best_trade(found[0].rows)}"
            text += f"; {_others(found)}." if found[1:] else "."
        about = [f"{why} {partial}"] if told else [why, partial]
        return Answer(text, [*told[:_MOST], *about, *([_few(before)] if before else [])])
    if before:
        why = f"{open_question}: it takes models that were fine-tuned on a set and tested on the others."
        return Answer(_few(before), [why])
    return Answer(f"{open_question}: no model was tested on any set.")


def _others(found: Sequence[Place]) -> str:
    several = [place for place in found if len(place.rows) > 1]
    shown, more = sum(map(told_apart, found)), len(found) - 1
    what = "sets or models are" if more > 1 else "set or model is"
    told = f"{more} more {what} in the table"
    if len(several) < 2 or BASELINE not in {row["method"] for place in several for row in place.rows}:
        return told
    return f"{told} (in {shown} of all {len(several)}, a method is clearly better or worse than {BASELINE})"


def set_table(summary: Summary) -> Table:
    """Lay out gain and RI with intervals, by model, set fine-tuned on, and method: the largest sum first.

    It has no rows where no place has two methods to compare.
    """
    columns = [Column(name, kind="text", width=14) for name in ("model", "fine-tuned on", "method")]
    columns += [Column(name, signed) for name in ("gain on own set", "RI")]
    columns += [
        Column(f"RI − {BASELINE}’s", signed, page_only=True),
        Column(f"gain + RI − {BASELINE}’s", signed),
    ]
    found = places(summary)
    rows = [
        [*(place.model, place.downstream, row["method"]), *(_value(row.get(key)) for key in _SHOWN)]
        for place in sorted(found, key=lambda place: place.model)
        for row in place.rows
    ]
    over = " or ".join(sorted({row["ri"]["interval"] for place in found for row in place.rows}))
    several = any(len(place.rows) > 1 for place in found)
    title = (
        "Gain on the set fine-tuned on (training images included), and RI: mean change on the others "
        f"(points; 95 % over {over}; the largest gain + RI first)"
    )
    return Table(columns, rows if several else [], title)


_SHOWN = ("gain", "ri", "ri_minus_ft", "total_minus_ft")


def _value(estimate: Mapping[str, Any] | None) -> Value:
    if estimate is None or estimate["mean"] is None:
        return Value(None)
    return Value(estimate["mean"], note=ends(estimate), stale="stale" in estimate)


def before_table(summary: Summary) -> Table:
    """Lay out the accuracy of each model (a row) before fine-tuning on each set, in percent."""
    names = list(next(iter(summary["pre"].values()), {}))
    return Table(
        [Column("model", kind="text", width=14), *(Column(name, "{:.1f}".format) for name in names)],
        [
            [named_model(summary, model), *(before[name] for name in names)]
            for model, before in summary["pre"].items()
        ],
        "Accuracy before fine-tuning (percent)",
    )


def ri_of_rows(summary: Summary) -> Table:
    """Lay out RI by model and method (a row) and the set that was fine-tuned on, in points."""
    names = [entry["name"] for entry in summary["sets"] if entry["name"] != VAL]
    rows = [
        [
            *(model, method),
            *(Value(by_set[name], stale=rests(summary, model, method, name)) for name in names),
        ]
        for (model, method), by_set in _rows(summary).items()
        if any(value is not None for value in by_set.values())
    ]
    texts = [Column(name, kind="text", width=14) for name in ("model", "method")]
    title = "RI: mean change on the other sets by fine-tuning on each set (points)"
    return Table([*texts, *(Column(name, signed) for name in names)], rows, title)


def _rows(summary: Summary) -> dict[tuple[str, str], Mapping[str, float | None]]:
    return {
        (model, method): by_set
        for model, by_method in summary["ri"].items()
        for method, by_set in by_method.items()
    }


def _ri_told(summary: Summary) -> Iterator[str]:
    for (model, method), by_set in _rows(summary).items():
        for name, value in by_set.items():
            if value is not None:
                yield f"fine-tuned on {name} by {method}, {model} changes elsewhere by {signed(value)} points"


def _before_told(summary: Summary) -> Iterator[str]:
    for model, before in summary["pre"].items():
        known = {name: value for name, value in before.items() if name != VAL and value is not None}
        if known:
            lowest, highest = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
            ends = f" ({lowest} {known[lowest]:.1f} to {highest} {known[highest]:.1f})" * (len(known) > 1)
            sets = f"{len(known)} sets" if len(known) > 1 else "one set"
            shown = named_model(summary, model)
            yield f"before fine-tuning {shown} is right on {fmean(known.values()):.1f} % of {sets}{ends}"


def _few(told: list[str]) -> str:
    left = len(told) - _FEW
    more = f"; {left} more {'is' if left == 1 else 'are'} in the table" if left > 0 else ""
    text = "; ".join(told[:_FEW]) + more
    return f"{text[0].upper()}{text[1:]}."
