"""The report's figures, drawn from a summary alone."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gridcell.plots import Curve, Matrices, Ranking, curves, forest, radar
from gridcell.report import Picture, marked
from imagenet_rib.metrics import FloatArray
from imagenet_rib.report.leaderboard import boards
from imagenet_rib.report.stale import named, named_model, rests
from imagenet_rib.report.sureness import OVER, not_apart
from imagenet_rib.vocabulary import BASELINE, CURVE, PRE, VAL

Summary = Mapping[str, Any]

_FEW_MODELS = 8
_LEAST_AXES = 3  # of a radar
_MOST_LINES = 8
"""Groups of methods that are not shown to differ, of which a panel shows a line each."""


def draw(summary: Summary) -> Iterator[Picture]:
    """Draw every figure the summary has numbers for, one at a time: only one is held in memory."""
    models, methods = summary["models"], summary["methods"]
    if any(boards(summary)):
        yield _leaderboard(summary)
    if models:
        yield _before(summary)
    if not methods:
        return
    limit = _change_limit(summary)
    for model, slug in file_names(models).items():
        if len(_rows(summary, model)):
            yield _change(summary, model, slug, limit)
            yield _accuracy(summary, model, slug)
    if len(_names(summary)) >= _LEAST_AXES and models and (picture := _radar(summary)):
        yield picture
    if any(summary["wise_ft_curve"].values()):
        yield _wise_ft(summary)


def number(value: float | None) -> float:
    """Return a summary's number as a float, NaN for null."""
    return float("nan") if value is None else float(value)


def change_matrix(summary: Summary, model: str, method: str) -> FloatArray:
    """Return A - A_pre in points, shape (sets fine-tuned on, those and ``val``), NaN where missing."""
    tested = [*_names(summary), VAL]
    pre = np.array([number(summary["pre"][model][name]) for name in tested])
    return accuracy_matrix(summary, model, method) - pre


def accuracy_matrix(summary: Summary, model: str, method: str) -> FloatArray:
    """Return A in percent, shape (sets fine-tuned on, those and ``val``), NaN where missing."""
    names = _names(summary)
    rows = summary["accuracy"][model][method]
    return np.array([[number(rows[i][j]) for j in [*names, VAL]] for i in names])


def _names(summary: Summary) -> list[str]:
    return [entry["name"] for entry in summary["sets"] if entry["name"] != VAL]


def _rows(summary: Summary, model: str) -> list[int]:
    """Return the places of the sets that anything was fine-tuned on: of a part mostly one of eight."""
    known = [np.isfinite(accuracy_matrix(summary, model, method)) for method in summary["methods"]]
    return [int(row) for row in np.flatnonzero(np.any(known, axis=(0, 2)))]


def _left_out(summary: Summary, rows: Sequence[int]) -> str:
    """Say which sets have no row, since nothing was fine-tuned on them yet; "" where all have one."""
    lacking = [name for row, name in enumerate(_names(summary)) if row not in rows]
    return f" Without a row: {', '.join(lacking)}; no model fine-tuned on them is done." if lacking else ""


def file_names(models: list[str]) -> dict[str, str]:
    """Give each model a name that is safe in a file system and differs from the others'."""
    slugs = [re.sub(r"[^A-Za-z0-9_.-]+", "-", model).strip("-.") for model in models]
    unique = len({slug.lower() for slug in slugs}) == len(slugs) and all(slugs)
    return dict(zip(models, slugs if unique else [f"model-{i + 1}" for i in range(len(models))], strict=True))


def few_models(models: Sequence[str]) -> bool:
    """Tell whether figures of one model each are PNG files, too: of many models they take minutes."""
    return len(models) <= _FEW_MODELS


def _leaderboard(summary: Summary) -> Picture:
    panels = {}
    left_out = set[str]()
    for name, board in boards(summary):
        rows, lines = board["ranking"], not_apart(board)
        few = len(lines) <= _MOST_LINES
        left_out |= set() if few else {name}
        methods = [row["method"] for row in rows]
        ends = np.array([row["mRI"]["ci95"] or [np.nan, np.nan] for row in rows], dtype=float)
        panels[name] = Ranking(
            [marked(row["method"], "stale" in row["mRI"]) for row in rows],
            np.array([row["mRI"]["mean"] for row in rows]),
            ends[:, 0],
            ends[:, 1],
            [[methods.index(method) for method in group] for group in lines] if few else [],
        )
    intervals = {
        OVER[row["mRI"]["interval"]]
        for _, board in boards(summary)
        for row in board["ranking"]
        if row["mRI"]["ci95"]
    }
    figure = forest(
        panels,
        x_axis="mRI (percentage points)",
        title="Mean robustness improvement, ranked",
        panels_per_row=2 if len(panels) in (2, 4) else 3,
    )
    caption = (
        "Mean robustness improvement (mRI) of each method: the change of accuracy on the sets a model was "
        "not fine-tuned on, against the same model before, with 95 % intervals over "
        f"{' or '.join(sorted(intervals)) or 'images'}. Left of zero, robustness was lost. A line "
        "at the right joins methods that are not shown to differ over fine-tunings of these models on these "
        "sets (p ≥ 0.05 after Holm's correction), also where there are too few pairs to tell; two methods "
        "that share no line differ significantly."
    )
    if left_out:
        caption += f" Of {', '.join(sorted(left_out))} there are too many lines to draw; the tables have p."
    return Picture("leaderboard", "answer", caption, figure)


def _before(summary: Summary) -> Picture:
    names, models = _names(summary), summary["models"]
    values = np.array([[number(summary["pre"][model][name]) for name in [*names, VAL]] for model in models])
    figure = Matrices(
        {"": values},
        [named_model(summary, model) for model in models],
        [*names, VAL],
        row_axis="pre-trained model",
        column_axis="tested on",
        unit="accuracy (%)",
        title="Accuracy before fine-tuning",
        limit=100,
        divider=len(names),
    )
    caption = f"Top-1 accuracy of the pre-trained models. '{VAL}' is held-out pre-training data."
    return Picture("before", "before", caption, figure)


def _change_limit(summary: Summary) -> float:
    """Return one end of scale for all models: the largest change on a set not trained on, rounded up.

    Gains on the set itself are many times larger; on their scale every loss of robustness would look white.
    """
    n = len(_names(summary))
    own = np.eye(n, n + 1, dtype=bool)
    changes = [
        change_matrix(summary, m, method)[~own] for m in summary["models"] for method in summary["methods"]
    ]
    return scale_end(changes)


def scale_end(changes: Sequence[FloatArray]) -> float:
    """Return one end of scale for all: the largest magnitude that is known, rounded up, at least 1."""
    known = np.abs(np.concatenate([np.ravel(change) for change in changes]))
    largest = float(np.nanmax(known, initial=1.0)) if np.isfinite(known).any() else 1.0
    step = 5 if largest > 10 else 1
    return float(np.ceil(largest / step) * step)


def _change(summary: Summary, model: str, slug: str, limit: float) -> Picture:
    names, rows = _names(summary), _rows(summary, model)
    figure = Matrices(
        {
            named(summary, model, method): change_matrix(summary, model, method)[rows]
            for method in summary["methods"]
        },
        [names[row] for row in rows],
        [*names, VAL],
        row_axis="fine-tuned on",
        column_axis="tested on",
        unit="change of accuracy (percentage points)",
        title=f"{model}: change of accuracy by fine-tuning",
        diverging=True,
        limit=limit,
        outlined=list(enumerate(rows)),
        divider=len(names),
    )
    caption = (
        f"{model}: accuracy after fine-tuning minus before, percentage points. Red was lost, blue gained. "
        "Framed: tested on the set it was fine-tuned on, training images included, which RI leaves out and "
        "the colours need not span. "
        f"Right of the rule: '{VAL}', no part of RI either. Hatched: not evaluated."
        f"{_left_out(summary, rows)}"
    )
    return Picture(f"change-{slug}", "change", caption, figure, model, png=few_models(summary["models"]))


def _accuracy(summary: Summary, model: str, slug: str) -> Picture:
    names, rows = _names(summary), _rows(summary, model)
    figure = Matrices(
        {
            named(summary, model, method): accuracy_matrix(summary, model, method)[rows]
            for method in summary["methods"]
        },
        [names[row] for row in rows],
        [*names, VAL],
        row_axis="fine-tuned on",
        column_axis="tested on",
        unit="accuracy (%)",
        title=f"{model}: accuracy after fine-tuning",
        limit=100,
        outlined=list(enumerate(rows)),
        divider=len(names),
    )
    caption = (
        f"{model}: top-1 accuracy after fine-tuning, percent. Framed: tested on the set it was fine-tuned "
        f"on, training images included.{_left_out(summary, rows)}"
    )
    return Picture(f"accuracy-{slug}", "accuracy", caption, figure, model, png=few_models(summary["models"]))


def _radar(summary: Summary) -> Picture | None:
    """Show the model that plain fine-tuning costs most: before, after, and after the best method.

    Returns:
        None where no line after fine-tuning has three points: each is the mean over all other sets.
    """
    names = _names(summary)
    mri = summary["mRI"]

    def loss(model: str) -> float:
        mean = mri[model].get(BASELINE, {}).get("mean")
        return np.inf if mean is None else mean

    model = min(summary["models"], key=loss)
    known = {method: entry["mean"] for method, entry in mri[model].items() if entry["mean"] is not None}
    best = max(known, key=lambda method: known[method], default=None)
    shown = [method for method in dict.fromkeys((BASELINE, best)) if method in mri[model]]
    profiles = {
        marked("before fine-tuning", rests(summary, model, PRE)): np.array(
            [number(summary["pre"][model][name]) for name in names]
        )
    }
    n = len(names)
    for method in shown:
        matrix = accuracy_matrix(summary, model, str(method))[:, :n]
        profiles[f"after {named(summary, model, str(method))}"] = np.where(
            np.eye(n, dtype=bool), 0.0, matrix
        ).sum(axis=0) / (n - 1)
    points = [np.isfinite(line).sum() for line in list(profiles.values())[1:]]
    if max(points, default=0) < _LEAST_AXES:
        return None
    figure = radar(
        names,
        profiles,
        limit=100.0,
        unit="accuracy on each set (%), mean over fine-tuning on the others",
        title=f"{model}, before and after",
        order=[f"after {named(summary, model, method)}" for method in summary["methods"]],
    )
    after = " and ".join(str(method) for method in shown)
    caption = (
        f"{model}: accuracy on each set before fine-tuning and after {after}, the mean over the models "
        "fine-tuned on the other sets. Inside the first line, robustness was lost."
    )
    return Picture("radar", "radar", caption, figure, model)


def _wise_ft(summary: Summary) -> Picture:
    panels = {}
    for model, by_alpha in summary["wise_ft_curve"].items():
        points = sorted(by_alpha.items(), key=lambda item: float(item[0]))
        lines = []
        for key, label in (("fine_tuned_on", "set fine-tuned on"), ("others", "mean over the other sets")):
            y = [number(point[key]["mean"]) for _, point in points]
            ends = [point[key]["ci95"] or (np.nan, np.nan) for _, point in points]
            band = np.array(ends, dtype=float).reshape(-1, 2)
            x = np.array([float(alpha) for alpha, _ in points])
            dash = "-" if key == "others" else "--"
            lines.append(Curve(label, x, np.array(y), band[:, 0], band[:, 1], colour=CURVE, line=dash))
        panels[marked(model, rests(summary, model, CURVE))] = lines
    figure = curves(
        panels,
        x_axis="α (0 = pre-trained, 1 = fine-tuned)",
        y_axis="accuracy (%)",
        title="WiSE-FT: between the pre-trained and the fine-tuned weights",
        panels_per_row=2 if len(panels) in (2, 4) else 3,
        order=summary["methods"],
    )
    caption = (
        "Weights (1 - α) pre-trained + α fine-tuned: accuracy on the set fine-tuned on (training images "
        "included) and, mean over the "
        "other sets, how much robustness is left. Bands are 95 % intervals."
    )
    return Picture("wise_ft", "wise_ft", caption, figure)
