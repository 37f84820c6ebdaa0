"""Models that know no better than chance what a set shows: their changes there tell little."""

from collections.abc import Iterator, Mapping
from typing import Any

from imagenet_rib.report.stale import named_model

_LEVEL = 0.05
_NAMED = 4  # models that are named


def at_chance(summary: Mapping[str, Any]) -> list[str]:
    """Say which models were no better than chance before fine-tuning, and on which sets.

    Chance is one of the set's classes. A model is better if a binomial test says so at 5 %, one-sided.

    Args:
        summary: of the report; ``pre`` in percent.

    Example:
        >>> sets = [{"name": "v2", "images": 20, "classes": 10}, {"name": "r", "images": 20, "classes": 10}]
        >>> at_chance({"sets": sets, "pre": {"vit": {"v2": 15.0, "r": 90.0}}})
        ['Before fine-tuning vit (v2) is no better than chance: changes there tell little.']
    """
    found = [f"{named_model(summary, model)} ({', '.join(sets)})" for model, sets in _models(summary) if sets]
    if not found:
        return []
    shown = found if len(found) <= _NAMED else [*found[:_NAMED], f"{len(found) - _NAMED} more"]
    verb = "is" if len(found) == 1 else "are"
    return [f"Before fine-tuning {', '.join(shown)} {verb} no better than chance: changes there tell little."]


def _models(summary: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    from scipy.stats import binomtest

    sizes = {one["name"]: (one["images"], one["classes"]) for one in summary["sets"]}
    for model, accuracies in summary["pre"].items():
        below = []
        for name, accuracy in accuracies.items():
            images, classes = sizes.get(name, (0, 0))
            if accuracy is None or not images or classes < 2:
                continue
            right = min(images, round(images * accuracy / 100))
            if binomtest(right, images, 1 / classes, alternative="greater").pvalue > _LEVEL:
                below.append(name)
        yield model, below
