"""The paper's claims, put to the test: what each says, what was measured, and whether it holds."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from gridcell.report import said_stale
from imagenet_rib import metrics
from imagenet_rib.report.estimates import Statistic, Term, verdict
from imagenet_rib.report.leaderboard import Estimates
from imagenet_rib.report.matrices import Matrices
from imagenet_rib.report.richness import Origin
from imagenet_rib.report.significance import ALPHA
from imagenet_rib.vocabulary import BASELINE

HOLDS, FAILS, OPEN, UNKNOWN = "holds", "does not hold", "undecided", "not measured"

RULE = (
    "A part holds if its whole 95 % interval lies on the claimed side of zero, does not hold if it lies on "
    "the other side, and is undecided if it spans zero. A claim holds if all its parts do, and does not "
    "hold if one of them does not. Over few sets a correlation's bootstrap interval is too narrow: there the "
    "p-value must be below 0.05, too, or the part is undecided. Of two methods the verdict says over what "
    "it is sure: “and fine-tunings” where the test over fine-tunings shows the difference, too, “only” "
    "where it does not."
)

_EWC = ("ewc", "l2_sp")
"""What the paper calls EWC: the method of that name, and the one that its released code runs under it."""


def _order(methods: Collection[str]) -> list[tuple[str, str]]:
    """Return pairs of methods; the paper says that the first keeps more robustness than the second."""
    ewc = [name for name in _EWC if name in methods] or ["ewc"]
    return [
        *((one, BASELINE) for one in (*ewc, "lwf")),
        *(("wise_ft", one) for one in (*ewc, "lwf")),
        *(("soup", one) for one in (*ewc, "lwf")),
    ]


def statistics(matrices: Matrices, origins: Mapping[str, Origin]) -> dict[tuple[str, ...], Statistic]:
    """Return what the claims need estimated: by ``("claim", part, model or pair of models)``, "" the mean."""
    n = len(matrices.names)
    elsewhere, itself = metrics.mri_coefficients(n), np.eye(n) / n
    found: dict[tuple[str, ...], Statistic] = {}

    def add(part: str, scopes: Mapping[str, Sequence[Term]]) -> None:
        for scope, terms in scopes.items():
            found["claim", part, scope] = terms
        found["claim", part, ""] = [
            Term(term.seeds, term.coefficients, term.pre, term.weight / len(scopes))
            for terms in scopes.values()
            for term in terms
        ]

    for a, b in _order(matrices.methods):
        both = [m for m in matrices.models if all(matrices.complete(m, which) for which in (a, b))]
        add(
            _versus(a, b),
            {m: [matrices.term(m, a, elsewhere), matrices.term(m, b, elsewhere, -1)] for m in both},
        )
    pairs = _pairs(matrices, origins)
    add(
        "before",
        {
            pair: [_before(matrices, rich, itself, 1), _before(matrices, poor, itself, -1)]
            for pair, (rich, poor) in pairs.items()
        },
    )
    add(
        "loss",
        {
            pair: [
                matrices.change(rich, BASELINE, elsewhere),
                matrices.change(poor, BASELINE, elsewhere, -1),
            ]
            for pair, (rich, poor) in pairs.items()
            if all(matrices.complete(m, BASELINE) for m in (rich, poor))
        },
    )
    return found


def claims(estimates: Estimates, distance: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Judge the claims of Hwang et al. by ``RULE``.

    Args:
        estimates: of ``statistics``.
        distance: from ``summarise_distances``.

    Returns:
        A list of ``{"name", "claim", "verdict", "parts"}``; each part has ``name``, ``what`` is measured,
        ``unit``, ``side`` of zero claimed ("above" or "below"), ``mean``, ``ci95``, ``interval`` (what it is
        over: "seeds", "images" or "sets"), ``verdict``, and ``each``: the same of every model, or pair of
        models, that the mean is over.
    """
    methods = [
        _part(estimates, _versus(a, b), f"mRI of {a} − mRI of {b}", "above")
        for a, b in _order(_EWC)
        if ("claim", _versus(a, b), "") in estimates
    ]
    richness = [
        _part(estimates, "before", "accuracy before, richer − poorer pre-training", "above"),
        _part(estimates, "loss", f"mRI of {BASELINE}, richer − poorer pre-training", "below"),
    ]
    found = [
        (
            "methods",
            "EWC and LwF keep more robustness than plain fine-tuning; WiSE-FT and soups keep more still.",
            methods,
        ),
        (
            "pretraining",
            "The richer the pre-training data, the higher the initial robustness and the larger its loss.",
            richness,
        ),
        (
            "distance",
            "Optimal transport distance predicts the drop on the pre-training data.",
            [_correlation(distance, which) for which in ("pearson", "spearman")],
        ),
    ]
    return [
        {"name": name, "claim": claim, "verdict": _all([part["verdict"] for part in parts]), "parts": parts}
        for name, claim, parts in found
    ]


def _versus(a: str, b: str) -> str:
    return f"{a} over {b}"


def _pairs(matrices: Matrices, origins: Mapping[str, Origin]) -> dict[str, tuple[str, str]]:
    """Return any two models of one architecture of which the first was pre-trained on richer data."""
    known = [(model, origins[model]) for model in matrices.models if model in origins]
    return {
        f"{rich} − {poor}": (rich, poor)
        for rich, ours in known
        for poor, theirs in known
        if ours.architecture == theirs.architecture
        and ours.level > theirs.level
        and rich in matrices.before
        and poor in matrices.before
    }


def _before(matrices: Matrices, model: str, coefficients: metrics.FloatArray, weight: float) -> Term:
    """Return a model's accuracy before fine-tuning, for which every row of the matrix is the same."""
    rows = dict.fromkeys(matrices.names, matrices.before[model])
    return Term({None: rows}, coefficients, weight=weight)


def _part(estimates: Estimates, name: str, what: str, side: str) -> dict[str, Any]:
    each = {key[2]: _judged(one, side) for key, one in estimates.items() if key[:2] == ("claim", name)}
    mean = each.pop("")
    return {"name": name, "what": what, "unit": "points", "side": side, **mean, "each": each}


def _correlation(distance: Mapping[str, Any] | None, which: str) -> dict[str, Any]:
    """Return the correlation of distance and drop: over all models if there are several."""
    each = {}
    pooled = None
    if distance is not None:
        by_model = {model: found["drop"] for model, found in distance["correlations"].items()}
        stale = distance.get("stale", ())
        each = {
            model: _over_sets(found[which]) | said_stale(model in stale)
            for model, found in by_model.items()
            if found is not None
        }
        pooled = (distance["pooled"] or {}).get("drop") or (
            next(iter(by_model.values())) if len(by_model) == 1 else None
        )
    about = {"name": which, "what": f"{which.title()}'s correlation of distance and drop", "unit": ""}
    mean = _over_sets(None if pooled is None else pooled[which])
    mean |= said_stale(any("stale" in one for one in each.values()))
    return {**about, "side": "above", **mean, "each": each}


def _over_sets(coefficient: Mapping[str, Any] | None) -> dict[str, Any]:
    if coefficient is None:
        return _judged({"mean": None, "ci95": None, "interval": None}, "above")
    found = {"mean": coefficient["value"], "ci95": coefficient["ci95"], "interval": "sets"}
    judged = _judged(found, "above")
    unsure = coefficient["p"] >= ALPHA and judged["verdict"] != UNKNOWN
    return {**judged, "p": coefficient["p"], **({"verdict": OPEN} if unsure else {})}


def _judged(estimate: Mapping[str, Any], side: str) -> dict[str, Any]:
    where = verdict(estimate)
    ruling = UNKNOWN if not where else OPEN if where == "either" else HOLDS if where == side else FAILS
    kept = {key: estimate[key] for key in ("mean", "ci95", "interval", "stale") if key in estimate}
    return {**kept, "verdict": ruling}


def _all(verdicts: Sequence[str]) -> str:
    """Join the parts' verdicts by ``RULE``; what is not measured keeps a claim open, unless all is."""
    if FAILS in verdicts:
        return FAILS
    return verdicts[0] if len(set(verdicts)) == 1 else OPEN
