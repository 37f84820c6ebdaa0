"""Evaluations sorted into accuracy matrices: what every part of the summary is computed from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gridcell import UserError
from imagenet_rib import metrics
from imagenet_rib.report.estimates import Rows, Term, accuracies, matrix_of
from imagenet_rib.report.evaluations import Evaluation, SetFacts, downstream_names, in_order
from imagenet_rib.vocabulary import PRE, VAL, Variant, methods_in_order

Seeds = Mapping[int | None, Rows]
"""Seed -> set fine-tuned on -> evaluation: one accuracy matrix per seed."""


@dataclass(frozen=True)
class Matrices:
    """Evaluations by what they are of.

    Attributes:
        names: of the sets that are fine-tuned on, in the order they are shown.
        models: names, sorted.
        methods: without ``pre``, in the paper's order.
        seeds: of the fine-tunings, ascending.
        before: model -> its evaluation before fine-tuning.
        by_method: (model, method) -> matrices; of a method with variants, those of the headline's.
        curves: (model, alpha) -> matrices of WiSE-FT.
    """

    names: Sequence[str]
    models: Sequence[str]
    methods: Sequence[str]
    seeds: Sequence[int | None]
    before: Mapping[str, Evaluation]
    by_method: Mapping[tuple[str, str], Seeds]
    curves: Mapping[tuple[str, str], Seeds]

    @property
    def tested(self) -> list[str]:
        """Names of all evaluated sets: those that are fine-tuned on, and ``val``."""
        return [*self.names, VAL]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every model with every method."""
        return [(model, method) for model in self.models for method in self.methods]

    def term(self, model: str, method: str, coefficients: metrics.FloatArray, weight: float = 1.0) -> Term:
        """Return a weighted sum of a method's accuracies."""
        return Term(self.by_method.get((model, method), {}), coefficients, weight=weight)

    def change(self, model: str, method: str, coefficients: metrics.FloatArray, weight: float = 1.0) -> Term:
        """Return a weighted sum of a method's changes of accuracy; without seeds where ``pre`` is missing."""
        pre = self.before.get(model)
        known = self.by_method.get((model, method), {}) if pre is not None else {}
        return Term(known, coefficients, pre, weight)

    def improvements(self, model: str, method: str) -> dict[tuple[str, int | None], float]:
        """Return RI by (set fine-tuned on, seed), in points; without those that miss an entry."""
        pre = accuracies(self.before.get(model), self.names)
        found: dict[tuple[str, int | None], float] = {}
        for seed, rows in self.by_method.get((model, method), {}).items():
            values = metrics.robustness_improvement(matrix_of(rows, self.names, self.names), pre)
            found |= {
                (name, seed): float(v) for name, v in zip(self.names, values, strict=True) if np.isfinite(v)
            }
        return found

    def complete(self, model: str, method: str) -> bool:
        """Tell whether mRI is known, for one seed or more."""
        known = [seed for _, seed in self.improvements(model, method)]
        return any(known.count(seed) == len(self.names) for seed in set(known))


def collect(
    evaluations: Iterable[Evaluation], sets: Sequence[SetFacts], headlines: Mapping[str, Variant]
) -> Matrices:
    """Sort evaluations, given in any order.

    Args:
        evaluations: of models before and after fine-tuning.
        sets: in the order they are shown; all but ``val`` are those that are fine-tuned on.
        headlines: of each method that has variants, the one whose matrix stands for it.

    Raises:
        UserError: fewer than two sets to fine-tune on, evaluations of models fine-tuned on other sets,
            repeated evaluations, or evaluations on different images.
    """
    ordered = in_order(evaluations)
    names = downstream_names(sets)
    if len(set(names)) != len(names) or len(names) < 2:
        raise UserError(
            f"Robustness improvement needs two or more different sets; got: {', '.join(names) or 'none'}."
        )
    if unknown := {e.downstream for e in ordered if e.downstream is not None} - set(names):
        raise UserError(
            f"Evaluations are of models fine-tuned on unknown sets: {', '.join(sorted(unknown))}."
        )
    tuned = [e for e in ordered if e.method != PRE]
    return Matrices(
        names=names,
        models=sorted({e.model for e in ordered}),
        methods=[method for method in methods_in_order(e.method for e in ordered) if method != PRE],
        seeds=sorted({e.seed for e in tuned}, key=lambda seed: -1 if seed is None else seed),
        before={e.model: e for e in ordered if e.method == PRE},
        by_method=_by_matrix(
            [e for e in tuned if not e.variant or _same(e.variant, headlines.get(e.method, {}))]
        ),
        curves=_by_alpha(tuned),
    )


def _same(one: Variant, other: Variant) -> bool:
    # 0.1 * 3 is not 0.3
    return one.keys() == other.keys() and all(abs(one[name] - other[name]) < 1e-6 for name in one)


def _by_matrix(tuned: Iterable[Evaluation]) -> dict[tuple[str, str], Seeds]:
    found: dict[tuple[str, str], dict[int | None, dict[str, Evaluation]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for e in tuned:
        if e.downstream is not None:
            if e.downstream in found[e.model, e.method][e.seed]:
                raise UserError(
                    f"'{e.title}' is there both with and without a variant; a report needs one of them."
                )
            found[e.model, e.method][e.seed][e.downstream] = e
    return {key: dict(seeds) for key, seeds in found.items()}


def _by_alpha(tuned: Iterable[Evaluation]) -> dict[tuple[str, str], Seeds]:
    found: dict[tuple[str, str], dict[int | None, dict[str, Evaluation]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for e in tuned:
        if e.alpha is not None and e.downstream is not None:
            found[e.model, f"{e.alpha:.6f}".rstrip("0").rstrip(".")][e.seed][e.downstream] = e
    return {key: dict(seeds) for key, seeds in found.items()}
