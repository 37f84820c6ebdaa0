"""Figures of the distances: each set's distance against what fine-tuning on it costs."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gridcell.plots import Points, scatter, signed
from gridcell.report import Picture, marked
from imagenet_rib.metrics import FloatArray
from imagenet_rib.vocabulary import BASELINE

_OUTCOMES = {
    "drop": ("accuracy lost on val (points)", "accuracy lost on held-out pre-training data"),
    "ri": ("RI (points)", "robustness improvement (RI)"),
}


def draw_distances(summary: Mapping[str, Any]) -> Iterator[Picture]:
    """Draw each outcome against the distance, a panel per model and all together; or nothing."""
    found = summary["distance"]
    if found is None:
        return
    for outcome, (axis, words) in _OUTCOMES.items():
        panels = {}
        for model, by_set in found["sets"].items():
            known = {name: one for name, one in by_set.items() if one[outcome] is not None}
            if known:
                panels[marked(model, model in found.get("stale", ()))] = Points(
                    labels=list(known),
                    x=np.array([one["distance"] for one in known.values()]),
                    y=np.array([one[outcome] for one in known.values()]),
                    x_error=np.array([one["deviation"] or 0.0 for one in known.values()]),
                    note=_note(found["correlations"][model][outcome]),
                    series=[model] * len(known),
                )
        if panels:
            yield Picture(
                f"distance-{outcome}",
                "distance",
                f"Each set's distance (OTDD) from '{found['source']}' in the features of the pre-trained "
                f"model against the {words} after fine-tuning on it ({BASELINE}). The line is fitted by "
                "least squares; horizontal bars, where there are any, are one standard deviation over draws "
                "of samples. Each panel has its own scales: models differ in features and in what they lose.",
                scatter(
                    panels,
                    x_axis=f"distance from {found['source']} (OTDD)",
                    y_axis=axis,
                    title=f"Distance from the pre-training data and {words}",
                    panels_per_row=2 if len(panels) in (2, 4) else 3,
                    plain=True,
                ),
            )
        if len(panels) > 1:
            yield Picture(
                f"distance-{outcome}-all",
                "distance",
                "All models together: each model's distances and outcomes are brought to mean 0 and standard "
                "deviation 1 over its sets, which takes out that models differ in features and in what they "
                "lose. The correlations are the means of those above.",
                scatter(
                    {"": _together(panels, _note((found["pooled"] or {}).get(outcome)))},
                    x_axis=f"distance from {found['source']} (standard deviations from the model's mean)",
                    y_axis=f"{axis.partition(' (')[0]} (standard deviations)",
                    title=f"All models: distance and {words}",
                    plain=True,
                ),
            )


def _together(panels: Mapping[str, Points], note: str) -> Points:
    def standard(values: FloatArray) -> FloatArray:
        return (values - values.mean()) / (values.std() or 1.0)

    return Points(
        labels=[label for points in panels.values() for label in points.labels],
        x=np.concatenate([standard(points.x) for points in panels.values()]),
        y=np.concatenate([standard(points.y) for points in panels.values()]),
        note=note,
        series=[name for points in panels.values() for name in points.series],
    )


def _note(correlation: Mapping[str, Any] | None) -> str:
    if correlation is None:
        return ""
    pearson, spearman = correlation["pearson"]["value"], correlation["spearman"]["value"]
    return f"r = {signed(pearson, 2)}, ρ = {signed(spearman, 2)}"
