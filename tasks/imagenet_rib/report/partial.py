"""What is known while no method has a complete matrix, so that no mRI can be given."""

from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any

from gridcell.plots import signed
from gridcell.report import Answer, Column, Table, Value
from imagenet_rib.report.stale import named_model, rests
from imagenet_rib.vocabulary import VAL

_FEW = 3  # models or methods in the first sentences; the tables have all

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
        return Answer(_few(ri), [why, partial, *([_few(before)] if before else [])])
    if before:
        why = f"{open_question}: it takes models that were fine-tuned on a set and tested on the others."
        return Answer(_few(before), [why])
    return Answer(f"{open_question}: no model was tested on any set.")


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
    more = f"; {len(told) - _FEW} more are in the table" if len(told) > _FEW else ""
    text = "; ".join(told[:_FEW]) + more
    return f"{text[0].upper()}{text[1:]}."
