"""Which numbers of a summary rest on stale evaluations, of those that do not say it themselves."""

from collections.abc import Iterable, Mapping
from typing import Any

from gridcell.report import marked
from imagenet_rib.report.evaluations import Evaluation
from imagenet_rib.vocabulary import PRE

Summary = Mapping[str, Any]


def stale_evaluations(evaluations: Iterable[Evaluation]) -> dict[str, dict[str, list[str]]]:
    """Return model -> method -> sets fine-tuned on, of evaluations that are stale; ``pre`` has no sets."""
    found: dict[str, dict[str, list[str]]] = {}
    for e in evaluations:
        if e.stale:
            sets = found.setdefault(e.model, {}).setdefault(e.method, [])
            if e.downstream is not None and e.downstream not in sets:
                sets.append(e.downstream)
    return found


def rests(summary: Summary, model: str, method: str, downstream: str | None = None) -> bool:
    """Tell whether what fine-tuning changes rests on a stale evaluation: after it, or of the model before.

    Args:
        summary: from ``imagenet_rib.report.summary.summarise``.
        model: its name.
        method: its name; ``pre`` for the model before.
        downstream: the set fine-tuned on; None for any.
    """
    of_model = summary.get("stale", {}).get(model, {})
    sets = of_model.get(method, [])
    return PRE in of_model or (bool(sets) if downstream is None else downstream in sets)


def named(summary: Summary, model: str, method: str) -> str:
    """Return the method's name as it is shown beside numbers of a model; see ``rests``."""
    return marked(method, rests(summary, model, method))


def named_model(summary: Summary, model: str) -> str:
    """Return the model's name as it is shown beside numbers from before fine-tuning."""
    return marked(model, rests(summary, model, PRE))
