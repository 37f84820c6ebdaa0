"""Given tasks along one ingredient and at the errors of models: summary, sentences and figures."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from generalization_difficulty.report.numbers import log10, named, plain, scientific
from gridcell.report import Picture

READING = 0.02
"""Relative difference that reading published values off a picture explains."""


def sentences_along(summary: Mapping[str, Any]) -> list[str]:
    """Say where each sweep leads, which model provides most, and how far published bits are from these."""
    said = []
    for name, sweep in summary["sweeps"].items():
        ends = [sweep["log2_bits"][0], sweep["log2_bits"][-1]]
        told = " to ".join("none" if end is None else scientific(end, 2) for end in ends)
        first, last = plain(sweep["x"][0], 3), plain(sweep["x"][-1], 3)
        beside = ""
        if sweep["published"]:
            beside = "; published " + " to ".join(scientific(np.log2(x), 2) for x in sweep["published"])
        said.append(
            f"{named(summary, name)}: {sweep['task']} with {sweep['vary']} from {first} to {last}: "
            f"{told} bits{beside}."
        )
    for name, found in summary["models"].items():
        known = [model for model in found["models"] if model["log2_bits"] is not None]
        if known:
            best = known[0]
            said.append(
                f"{named(summary, name)}: {best['name']} provides most, {scientific(best['log2_bits'], 2)} "
                f"bits at an error of {plain(best['error'], 3)}."
            )
        said += _against_published(named(summary, name), known, len(found["models"]) - len(known))
    return said


def _against_published(name: str, known: Sequence[Mapping[str, Any]], unknown: int) -> list[str]:
    both = [(model["name"], published_ratio(model)) for model in known if model["published_bits"]]
    said = []
    if both:
        near = [model for model, ratio in both if ratio is not None and abs(ratio - 1) <= READING]
        far = [f"{model} {ratio:.2f}" for model, ratio in both if ratio is None or abs(ratio - 1) > READING]
        agree = f"{', '.join(near)} agree" if near else "none agrees"
        apart = f"; apart from them (published / computed): {', '.join(far)}" if far else ""
        said.append(f"{name}: of published bits, {agree} within {READING:.0%}{apart}.")
    if unknown:
        said.append(f"{name}: models without bits, as no error is known or none is left at it: {unknown}.")
    return said


def published_ratio(model: Mapping[str, Any]) -> float | None:
    """Return the published bits of a model over the computed ones; None where one is not known."""
    if not model["published_bits"] or model["log2_bits"] is None:
        return None
    return float(2 ** (np.log2(model["published_bits"]) - model["log2_bits"]))


def draw_along(summary: Mapping[str, Any]) -> Iterator[Picture]:
    """Draw sweeps, and models on the curve of bits against error."""
    from gridcell.plots import Curve, curves

    if summary["sweeps"]:
        panels = {}
        for name, sweep in summary["sweeps"].items():
            lines = [Curve("computed", np.array(sweep["x"], dtype=float), _powers(sweep["log2_bits"]))]
            if sweep["published"]:
                first, last = np.log10(sweep["published"])
                ends = np.array([sweep["x"][0], sweep["x"][0], sweep["x"][-1]], dtype=float)
                lines.append(Curve("published", ends, np.array([first, np.nan, last])))  # two points, no line
            panels[f"{named(summary, name)} ({sweep['vary']})"] = lines
        wide = [title for title, lines in panels.items() if lines[0].x[-1] > 30 * lines[0].x[0]]
        figure = curves(
            panels,
            x_axis="",
            y_axis="bits (power of ten)",
            title="Difficulty along one ingredient",
            own_x=True,
            own_y=True,
            log_x=wide,
        )
        caption = (
            "Difficulty of given tasks as one ingredient changes; published values are read off pictures."
        )
        yield Picture("sweeps", "along", caption, figure)
    if summary["models"]:
        panels = {}
        for name, found in summary["models"].items():
            x = np.array(found["curve"]["error"])
            lines = [Curve("any model", x, _powers(found["curve"]["log2_bits"]))]
            for model in found["models"]:
                if model["log2_bits"] is not None:
                    place = np.array([model["error"]])
                    lines.append(Curve(model["name"], place, np.array([log10(model["log2_bits"])])))
            panels[named(summary, name)] = lines
        figure = curves(
            panels,
            x_axis="error (share of wrong answers)",
            y_axis="bits (power of ten)",
            title="Bits that models provide at their error",
            own_y=True,
            log_x=list(panels),
        )
        caption = "Bits that a model provides: the difficulty of the task at the model's error."
        yield Picture("models", "along", caption, figure)


def _powers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else log10(value) for value in values])
