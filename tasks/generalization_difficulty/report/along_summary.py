"""The summary of given tasks along one ingredient and at the errors of models."""

from collections.abc import Mapping
from typing import Any


def summarise_sweeps(
    metrics: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return name -> task, ingredient, its values, difficulties, and published bits at the ends.

    Args:
        metrics: name -> what the cell answered.
        settings: name -> the suite's sweep.
    """
    return {
        name: {**{key: settings[name][key] for key in ("task", "vary", "published")}, **found}
        for name, found in metrics.items()
    }


def summarise_models(
    metrics: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return name -> task, eps of an error, the models (most bits first, unknown last) and their curve."""
    return {
        name: {
            **{key: settings[name][key] for key in ("task", "eps_per_error")},
            "models": sorted(found["models"], key=lambda model: -(model["log2_bits"] or 0)),
            "curve": found["curve"],
        }
        for name, found in metrics.items()
    }
