"""What the numbers say, in sentences that hold for whatever the numbers are, and what is not there to say more."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from imagenet_rib.evaluation import PRE, VAL
from imagenet_rib.summary import BASELINE
from imagenet_rib.terminal import best_methods


def answer(summary: Mapping[str, Any]) -> list[str]:
    """Say which methods keep robustness: what the intervals allow to say and no more."""
    models, methods = summary["models"], summary["methods"]
    if not any(best_methods(summary, model) for model in models):
        return ["No model has a complete matrix, so no mean robustness improvement can be reported."]
    change = _verdicts(summary, "mRI", methods)
    against = _verdicts(summary, "mRI_minus_ft", [method for method in methods if method != BASELINE])
    claims = [
        ("Robustness is higher than before fine-tuning", change["above"]),
        ("Robustness is lost", change["below"]),
        ("No change of robustness can be told from noise", change["either"]),
        (f"More is kept than by plain fine-tuning ({BASELINE})", against["above"]),
        (f"Less is kept than by plain fine-tuning ({BASELINE})", against["below"]),
    ]
    return [f"{claim} {_where(found, len(models))}." for claim, found in claims if found]


def gaps(
    summary: Mapping[str, Any], skipped: Sequence[tuple[Mapping[str, Any], str]] = ()
) -> list[dict[str, str]]:
    """Return what is missing: one entry per model, method and seed, with the reason if it was skipped.

    Args:
        summary: from ``summarise``.
        skipped: labels of what was skipped, e.g. ``{"model": ..., "method": ...}``, and the reason.

    Returns:
        Entries of ``model``, ``method``, ``seed``, ``what`` and ``why``, all text.
    """
    sources = [entry["name"] for entry in summary["sets"] if entry["name"] != VAL]
    rows = []
    keys = ("model", "method", "seed")
    for key, group in groupby(summary["missing"], key=lambda entry: [entry[name] for name in keys]):
        model, method, seed = key
        parts, whole = [], []
        for entry in group:
            if len(entry["sets"]) == len(sources) + 1 and method != PRE:
                whole.append(entry["downstream"])
            else:
                tuned = "" if method == PRE else f"fine-tuned on {entry['downstream']}, "
                parts.append(f"{tuned}not tested on {', '.join(entry['sets'])}")
        if whole:
            those = "any set" if len(whole) == len(sources) else ", ".join(whole)
            parts.insert(0, f"not fine-tuned on {those}")
        why = next((reason for labels, reason in skipped if _covers(labels, model, method)), "")
        row = {"model": model, "method": method, "seed": "" if seed is None else str(seed)}
        rows.append({**row, "what": "; ".join(parts), "why": why})
    return rows


def _covers(labels: Mapping[str, Any], model: str, method: str) -> bool:
    return labels.get("method") == method and labels.get("model", model) == model


def _verdicts(
    summary: Mapping[str, Any], key: str, methods: Sequence[str]
) -> dict[str, dict[str, list[str]]]:
    """Sort methods by where their interval lies: verdict -> method -> models."""
    verdicts: dict[str, dict[str, list[str]]] = {"above": {}, "either": {}, "below": {}}
    for method in methods:
        for model in summary["models"]:
            ends = summary[key][model][method]["ci95"]
            if ends is not None:
                verdict = "above" if ends[0] > 0 else "below" if ends[1] < 0 else "either"
                verdicts[verdict].setdefault(method, []).append(model)
    return verdicts


def _where(found: Mapping[str, Sequence[str]], models: int) -> str:
    """Name methods by the models they were found on: "on all 4 models by a, b; on 1 of 4 (x) by c"."""
    by_models: dict[tuple[str, ...], list[str]] = {}
    for method, on in sorted(found.items(), key=lambda item: -len(item[1])):
        by_models.setdefault(tuple(on), []).append(method)
    parts = []
    for on, methods in by_models.items():
        if models == 1:
            place = ""
        elif len(on) == models:
            place = f"on all {models} models "
        else:
            place = f"on {', '.join(on)} " if len(on) <= 2 else f"on {len(on)} of {models} models "
        parts.append(f"{place}by {', '.join(methods)}")
    return "; ".join(parts)
