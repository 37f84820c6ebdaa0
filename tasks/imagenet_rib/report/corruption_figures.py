"""Figures of the accuracy on a corrupted set, by corruption and severity."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gridcell.plots import Matrices
from gridcell.report import Picture, marked
from imagenet_rib.metrics import FloatArray, mean_of_known
from imagenet_rib.report.figures import few_models, file_names, number, scale_end
from imagenet_rib.report.stale import named, named_model, rests

Found = Mapping[str, Any]


def draw_corruptions(summary: Mapping[str, Any]) -> Iterator[Picture]:
    """Draw the models before fine-tuning, what methods change, and for each model where; or nothing."""
    found = summary["corruptions"]
    models, methods = summary["models"], summary["methods"]
    if found is None or not models:
        return
    yield _before(found, {model: named_model(summary, model) for model in models})
    if not methods:
        return
    changes = {model: {method: _change(found, model, method) for method in methods} for model in models}
    names = {one: marked(one, any(rests(summary, model, one) for model in models)) for one in methods}
    yield _by_method(found, models, names)
    limit = scale_end([change for by_method in changes.values() for change in by_method.values()])
    for model, slug in file_names(models).items():
        shown = {named(summary, model, method): change for method, change in changes[model].items()}
        yield replace(_by_severity(found, model, slug, shown, limit), png=few_models(models))


def _table(found: Found, parts: Mapping[str, Mapping[str, float | None]]) -> FloatArray:
    """Return percents, shape (corruptions, severities), NaN where not known."""
    return np.array(
        [
            [number(parts[corruption].get(severity)) for severity in found["severities"]]
            for corruption in found["corruptions"]
        ]
    )


def _change(found: Found, model: str, method: str) -> FloatArray:
    after = _table(found, found["elsewhere"][model][method])
    return after - _table(found, found["pre"][model])


def _words(found: Found) -> list[str]:
    return [corruption.replace("_", " ") for corruption in found["corruptions"]]


def _before(found: Found, models: Mapping[str, str]) -> Picture:
    figure = Matrices(
        {shown: _table(found, found["pre"][model]) for model, shown in models.items()},
        _words(found),
        found["severities"],
        row_axis="corruption",
        column_axis="severity",
        unit="accuracy (%)",
        title=f"Set {found['set']} before fine-tuning",
        limit=100,
        panels_per_row=4,
    )
    caption = f"Top-1 accuracy of the pre-trained models on each part of set '{found['set']}'."
    return Picture("corruptions-before", "corruptions", caption, figure)


def changes_by_corruption(found: Found, model: str, method: str) -> FloatArray:
    """Return each corruption's change in points, shape (corruptions,): the mean over its own severities."""
    return mean_of_known(_change(found, model, method).T)


def _by_method(found: Found, models: list[str], methods: Mapping[str, str]) -> Picture:
    figure = Matrices(
        {
            model: np.stack([changes_by_corruption(found, model, method) for method in methods], axis=1)
            for model in models
        },
        _words(found),
        list(methods.values()),
        row_axis="corruption",
        column_axis="method",
        unit="change of accuracy (percentage points)",
        title=f"Set {found['set']}: change of accuracy by fine-tuning on the other sets",
        diverging=True,
        panels_per_row=2,
    )
    caption = (
        "Accuracy after fine-tuning minus before, percentage points, mean over severities, over the models "
        f"fine-tuned on the sets other than '{found['set']}', and over seeds. Red was lost, blue gained."
    )
    return Picture("corruptions", "corruptions", caption, figure)


def _by_severity(
    found: Found, model: str, slug: str, changes: Mapping[str, FloatArray], limit: float
) -> Picture:
    figure = Matrices(
        changes,
        _words(found),
        found["severities"],
        row_axis="corruption",
        column_axis="severity",
        unit="change of accuracy (percentage points)",
        title=f"{model}: change of accuracy on set {found['set']}",
        diverging=True,
        limit=limit,
        panels_per_row=4,
    )
    caption = (
        f"{model}: accuracy after fine-tuning minus before on each part of set '{found['set']}', percentage "
        "points, mean over the models fine-tuned on the other sets and over seeds. One colour scale for all "
        "models."
    )
    return Picture(f"corruptions-{slug}", "corruption-details", caption, figure, model)
