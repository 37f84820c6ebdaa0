"""What the numbers say, in sentences that hold whatever they are, and what is missing to say more."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from gridcell.report import marked
from imagenet_rib.report.estimates import verdict
from imagenet_rib.vocabulary import BASELINE, PRE, VAL


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """Say which methods keep robustness: what the intervals allow to say and no more."""
    models = summary["models"]
    if not any(best_methods(summary, model) for model in models):
        return ["No model has a complete matrix, so no mean robustness improvement can be reported."]
    claims = [
        ("Robustness is higher than before fine-tuning", "mRI", "above"),
        ("Robustness is lost", "mRI", "below"),
        ("No change beyond noise", "mRI", "either"),
        (f"More robustness is kept than by plain fine-tuning ({BASELINE})", "mRI_minus_ft", "above"),
        (f"Less robustness is kept than by plain fine-tuning ({BASELINE})", "mRI_minus_ft", "below"),
    ]
    found = [(claim, _counts(summary, key, wanted)) for claim, key, wanted in claims]
    return [f"{claim}: {_where(counts, len(models))}." for claim, counts in found if counts]


def best_methods(summary: Mapping[str, Any], model: str) -> list[str]:
    """Return the methods of highest mRI for a model: none if none is known, several if they are equal."""
    known = {
        name: entry["mean"] for name, entry in summary["mRI"][model].items() if entry["mean"] is not None
    }
    return [name for name, mean in known.items() if mean == max(known.values())]


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


def _counts(summary: Mapping[str, Any], key: str, wanted: str) -> dict[str, int]:
    """Return on how many models each method's interval lies where wanted: method -> models, without zeros."""
    counts: dict[str, int] = {}
    stale = set()
    for by_method in summary[key].values():
        for method, estimate in by_method.items():
            found = verdict(estimate) == wanted
            counts[method] = counts.get(method, 0) + found
            stale |= {method} if found and "stale" in estimate else set()
    return {marked(method, method in stale): count for method, count in counts.items() if count}


def _where(counts: Mapping[str, int], models: int) -> str:
    """Name methods by the number of models: "a, b (all 4 models); c (1 of 4 models)"."""
    parts = []
    for count in sorted(set(counts.values()), reverse=True):
        methods = ", ".join(method for method in counts if counts[method] == count)
        every = "both" if models == 2 else f"all {models}"
        place = f" ({every if count == models else f'{count} of {models}'} models)"
        parts.append(f"{methods}{place if models > 1 else ''}")
    return "; ".join(parts)
