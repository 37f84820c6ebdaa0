"""What an evaluation cell hands to the report: which test images a model got right."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from gridcell import UserError
from imagenet_rib import metrics
from imagenet_rib.report.counting import Answers, Counts, count
from imagenet_rib.vocabulary import CURVE, PRE, VAL, Variant, methods_in_order


@dataclass(frozen=True)
class SetFacts:
    """One set of the benchmark.

    Attributes:
        name: of the set.
        images: how many it has.
        classes: how many it has.
        about: what it is.
        groups: names of its groups, by the indices that evaluations give, e.g. ``fog/3``; empty without.
    """

    name: str
    images: int
    classes: int
    about: str = ""
    groups: Sequence[str] = ()


@dataclass(frozen=True)
class Evaluation:
    """One model's right and wrong answers on every evaluated set.

    Attributes:
        model: architecture and pre-training, e.g. ``vit-plain``.
        method: ``pre``, ``ft``, ``wise_ft``, or any other name.
        downstream: the set it was fine-tuned on; None for ``pre``.
        seed: of the fine-tuning; None for ``pre``.
        variant: of a method that has several, which one, e.g. ``{"alpha": 0.5}`` of WiSE-FT; else None.
        correct: set name -> bool array, shape (images,): was the top-1 answer right. Images stand in the same
            order in every evaluation, so that differences can be paired.
        groups: set name -> int array, shape (images,): index of the image's group (of ImageNet-C: corruption
            and severity). The accuracy of such a set is the mean over its groups. Sets without groups are
            left out.
        seconds: what the evaluation took.
        cell: id of the cell that answered; of several that answered a set each, one after another.
        counted: how many answers are right, where that was counted before.
        stale: whether other code or inputs made it than are there now.
    """

    model: str
    method: str
    downstream: str | None
    seed: int | None
    variant: Variant | None
    correct: Answers
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    seconds: float = 0.0
    cell: str = ""
    counted: Mapping[str, Counts] | None = None
    stale: bool = False

    @property
    def title(self) -> str:
        """One line that names the evaluation to a person."""
        parts = [self.model, self.method]
        parts += [f"on {self.downstream}"] if self.downstream is not None else []
        parts += [f"{name} {value:g}" for name, value in (self.variant or {}).items()]
        parts += [f"seed {self.seed}"] if self.seed is not None else []
        return " ".join(parts)

    @property
    def alpha(self) -> float | None:
        """Interpolation weight of a point on WiSE-FT's curve; None of everything else."""
        return (self.variant or {}).get("alpha") if self.method == CURVE else None

    @cached_property
    def accuracy(self) -> Mapping[str, float]:
        """Top-1 accuracy in percent on every evaluated set; counted once, however often it is asked for."""
        return {
            name: metrics.mean_of_groups(*counts) if name in self.groups else 100 * self.right(name) / size
            for name, counts in self.counts.items()
            if (size := self.size(name))
        }

    @cached_property
    def counts(self) -> Mapping[str, Counts]:
        """Set name -> how many answers are right in each of its groups."""
        return count(self.correct, self.groups) if self.counted is None else self.counted

    def right(self, name: str) -> int:
        """Return how many answers on a set are right."""
        return int(self.counts[name].right.sum())

    def size(self, name: str) -> int:
        """Return how many answers there are on a set."""
        return int(self.counts[name].sizes.sum())


def downstream_names(sets: Sequence[SetFacts]) -> list[str]:
    """Return the names of the sets that are fine-tuned on, in the order given: all but ``val``."""
    return [facts.name for facts in sets if facts.name != VAL]


def in_order(evaluations: Iterable[Evaluation]) -> list[Evaluation]:
    """Return the evaluations in the one order that everything is computed and written in.

    Raises:
        UserError: an evaluation of ``pre`` names a set fine-tuned on, or another does not; two evaluations
            have the same model, method, downstream set, seed and variant; or the images or groups of a set
            differ between evaluations, so that comparing them would mean nothing.
    """
    given = list(evaluations)
    methods = {name: index for index, name in enumerate(methods_in_order(e.method for e in given))}
    ordered = sorted(
        given,
        key=lambda e: (
            e.model,
            methods[e.method],
            e.downstream or "",
            -1 if e.seed is None else e.seed,
            _items(e.variant),
        ),
    )
    for e in ordered:
        if (e.method == PRE) != (e.downstream is None):
            raise UserError(f"'{e.title}': all evaluations but those of '{PRE}' name the set fine-tuned on.")
    for one, other in pairwise(ordered):
        if identity(one) == identity(other):
            raise UserError(f"There are two evaluations of '{one.title}'; a report needs one of each.")
    _check_same_images(ordered)
    return ordered


def identity(evaluation: Evaluation) -> tuple[Hashable, ...]:
    """Return what tells an evaluation from all others."""
    e = evaluation
    return e.model, e.method, e.downstream, e.seed, _items(e.variant)


def _items(variant: Variant | None) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((variant or {}).items()))


def _check_same_images(evaluations: Sequence[Evaluation]) -> None:
    first: dict[str, Evaluation] = {}
    for this in evaluations:
        for name in this.correct:
            other = first.setdefault(name, this)
            groups, expected = this.groups.get(name), other.groups.get(name)
            size = this.size(name)
            if size == 0:
                raise UserError(f"'{this.title}' has no answers on set '{name}'.")
            if groups is not None and len(groups) != size:
                raise UserError(f"'{this.title}' names {len(groups)} groups for {size} images of '{name}'.")
            same = groups is expected or (
                groups is not None and expected is not None and np.array_equal(groups, expected)
            )
            if size != other.size(name) or not same:
                raise UserError(
                    f"Set '{name}' has other images or groups in '{this.title}' than in '{other.title}': "
                    "results on different data can't be compared."
                )
