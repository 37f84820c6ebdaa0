"""Models at chance before fine-tuning or after it, and those that got worse on what they were trained on."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from imagenet_rib.report.stale import named, named_model

_LEVEL = 0.05
_NAMED = 4  # models that are named
_NOTHING = 0.05  # points: less is 0.0 in the tables


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


def fell_to_chance(summary: Mapping[str, Any]) -> list[str]:
    """Say which models fine-tuning left at chance on sets that they knew before, and how often.

    Args:
        summary: of the report; ``pre`` and ``accuracy`` in percent.

    Example:
        >>> sets = [{"name": "v2", "images": 20, "classes": 10}, {"name": "r", "images": 20, "classes": 10}]
        >>> after = {"vit": {"ft": {"v2": {"v2": 95.0, "r": 10.0}, "r": {"v2": 80.0, "r": 90.0}}}}
        >>> print(*fell_to_chance({"sets": sets, "pre": {"vit": {"v2": 90.0, "r": 90.0}}, "accuracy": after}))
        Fine-tuning left vit no better than chance on sets that it knew before: by ft in 1 of 4 cases \
(a case is a set fine-tuned on and a set tested on).
    """
    sizes = _sizes(summary)
    said: list[str] = []
    for model, methods in summary["accuracy"].items():
        counts = []
        for method, rows in methods.items():
            places = [
                (name, accuracy)
                for row in rows.values()
                for name, accuracy in row.items()
                if accuracy is not None and not _is_chance(sizes, name, summary["pre"][model].get(name))
            ]
            lost = sum(_is_chance(sizes, name, accuracy) for name, accuracy in places)
            counts.append((lost, len(places), named(summary, model, method)))
        worst = sorted((one for one in counts if one[0]), reverse=True)
        if not worst:
            continue
        told = [f"by {method} in {lost} of {entries} cases" for lost, entries, method in worst[:_NAMED]]
        left = len(worst) - _NAMED
        more = [f"by {left} more method{'s' * (left > 1)}"] if left > 0 else []
        case = "" if said else " (a case is a set fine-tuned on and a set tested on)"
        said.append(
            f"Fine-tuning left {named_model(summary, model)} no better than chance on sets that it knew "
            f"before: {', '.join(told + more)}{case}."
        )
    return said[:_NAMED]


def not_learned(summary: Mapping[str, Any]) -> list[str]:
    """Say which methods left a model at chance on the very set that they fine-tuned it on.

    Args:
        summary: of the report; ``pre`` and ``accuracy`` in percent.

    Example:
        >>> sets = [{"name": "v2", "images": 27, "classes": 10}]
        >>> not_learned({"sets": sets, "pre": {}, "accuracy": {"vit": {"ewc": {"v2": {"v2": 7.4}}}}})
        ['Not learned, no better than chance on the very set fine-tuned on: vit by ewc on v2 (7.4 %).']
    """
    sizes = _sizes(summary)
    found = [
        f"{named_model(summary, model)} by {named(summary, model, method)} on {name} ({row[name]:.1f} %)"
        for model, methods in summary["accuracy"].items()
        for method, rows in methods.items()
        for name, row in rows.items()
        if _is_chance(sizes, name, row.get(name))
    ]
    told = "Not learned, no better than chance on the very set fine-tuned on"
    return [f"{told}: {_first(found)}."] if found else []


def worse_on_own_set(summary: Mapping[str, Any]) -> list[str]:
    """Say which methods left a model right on fewer images of the very set that they fine-tuned it on.

    Args:
        summary: of the report; ``pre`` and ``accuracy`` in percent.

    Example:
        >>> after = {"vit": {"ft": {"v2": {"v2": 84.8}}}}
        >>> worse_on_own_set({"pre": {"vit": {"v2": 93.3}}, "accuracy": after})
        ['Worse than before on the very set fine-tuned on: vit by ft on v2 (93.3 to 84.8 %).']
    """
    found = []
    for model, methods in summary["accuracy"].items():
        before = summary["pre"][model]
        for method, rows in methods.items():
            known = [
                (row[name] - before[name], name)
                for name, row in rows.items()
                if row.get(name) is not None and before.get(name) is not None
            ]
            worse = [one for one in known if one[0] <= -_NOTHING]
            if worse:
                fall, name = min(worse)
                where = f"on {len(worse)} of {len(known)} sets (most on {name}, "
                where = f"on {name} (" if len(known) == 1 else where
                text = f"{named_model(summary, model)} by {named(summary, model, method)} {where}"
                found.append((fall, f"{text}{before[name]:.1f} to {rows[name][name]:.1f} %)"))
    told = [text for _, text in sorted(found)]
    return [f"Worse than before on the very set fine-tuned on: {_first(told)}."] if told else []


def _first(told: list[str]) -> str:
    more = [f"{len(told) - _NAMED} more"] if len(told) > _NAMED else []
    return "; ".join(told[:_NAMED] + more)


def _sizes(summary: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    return {one["name"]: (one["images"], one["classes"]) for one in summary["sets"]}


def _is_chance(sizes: Mapping[str, tuple[int, int]], name: str, accuracy: float | None) -> bool:
    images, classes = sizes.get(name, (0, 0))
    if accuracy is None or not images or classes < 2:
        return False
    return min(images, round(images * accuracy / 100)) < _least_beyond_chance(images, classes)


@cache
def _least_beyond_chance(images: int, classes: int) -> int:
    """Return the fewest right answers that a binomial test calls better than chance, one-sided."""
    from scipy.stats import binom

    return int(binom.isf(_LEVEL, images, 1 / classes)) + 1


def _models(summary: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    sizes = _sizes(summary)
    for model, accuracies in summary["pre"].items():
        yield model, [name for name, accuracy in accuracies.items() if _is_chance(sizes, name, accuracy)]
