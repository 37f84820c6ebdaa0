"""The kinds of task whose difficulty has a formula: classification, meta-learning, reinforcement, unions."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from generalization_difficulty.formula.bits import (
    LN2,
    Difficulty,
    difficulty_from_logs,
    eigenfunctions,
    generalization_difficulty,
    open_difficulty,
)
from gridcell import UserError, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """One of ``classes`` labels per point: P = classes, D = classes - 1, B = 1.

    Attributes:
        n: training points.
        m: intrinsic dimension.
        radius: largest norm of a point.
        classes: number of classes, at least 2.
        delta: smallest distance between points of different classes, in the unit of ``radius``.
        eps: target error relative to the Lipschitz constant of the loss.
    """

    n: int
    m: float
    radius: float
    classes: int
    delta: float
    eps: float

    def difficulty(self) -> Difficulty:
        """Return its difficulty.

        Raises:
            UserError: see ``generalization_difficulty``; or fewer than two classes.
        """
        if self.classes < 2:
            raise UserError(f"A classification needs at least 2 classes, not {self.classes}")
        return generalization_difficulty(
            eps=self.eps,
            n=self.n,
            m=self.m,
            radius=self.radius,
            discrete=self.classes,
            delta=self.delta,
            outputs=self.classes - 1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaLearning:
    """Few-shot learning: a function from ``ways`` support images to a classifier (the paper's Omniglot).

    Attributes:
        n: training points, each a support set; see ``support_sets``.
        m_within: intrinsic dimension of the images within one alphabet (m0).
        m_across: intrinsic dimension of the images across alphabets (m1).
        radius: largest norm of an image.
        delta: spatial resolution, in the unit of ``radius``.
        eps: target error.
        ways: classes of an episode.
    """

    n: int
    m_within: float
    m_across: float
    radius: float
    delta: float
    eps: float
    ways: int = 20

    def difficulty(self) -> Difficulty:
        """Return its difficulty: the outputs are the parameters of the classifier.

        Raises:
            UserError: see ``generalization_difficulty``; or fewer than two ways.
        """
        if self.ways < 2:
            raise UserError(f"An episode needs at least 2 ways, not {self.ways}")
        if not (self.n >= 1 and self.radius > 0 and self.delta > 0):
            raise UserError("n must be at least 1, radius and delta above 0")
        _, log_inner = eigenfunctions(self.m_within, self.radius, self.delta)
        free = self.ways * (self.ways - 1)
        return difficulty_from_logs(
            eps=self.eps,
            log_n=math.log(self.n),
            m=self.m_across + (self.ways - 1) * self.m_within,
            radius=self.radius * math.sqrt(self.ways),
            log_discrete=0.0,
            delta=self.delta,
            log_outputs=math.log(2 * free) + log_inner,
            bound=math.sqrt(free),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinforcement:
    """A policy from ``m`` observed numbers to ``actions`` numbers (the paper's MuJoCo and cart-pole).

    Cart-pole seen through T noisy observations is the case m = 2 T, actions = 1.

    Attributes:
        n: time steps seen.
        m: dimension of the observations.
        actions: dimension D of the actions.
        delta: spatial resolution, observations scaled to unit size.
        eps: target distance from the best action.
    """

    n: int
    m: float
    actions: int
    delta: float
    eps: float

    def difficulty(self) -> Difficulty:
        """Return its difficulty.

        Raises:
            UserError: a value out of range, or one of the reasons of ``open_difficulty``.
        """
        if not (self.n >= 1 and self.m >= 1 and self.actions >= 1 and self.delta > 0 and self.eps > 0):
            raise UserError("n, m and actions must be at least 1, delta and eps above 0")
        log_n = math.log(self.n)
        log_ball = self.m / 2 * math.log(math.pi) - math.lgamma(self.m / 2 + 1)
        log_freedom = LN2 + self.m * math.log(2 * math.pi / self.delta) + log_ball
        per_dimension = (
            math.log2(4 * math.pi**2 / math.sqrt(6))
            + math.log2(self.actions)
            + 0.5 * math.log2(self.m)
            - math.log2(self.delta)
            - log_n / LN2 / self.m
            - math.log2(self.eps)
        )
        return open_difficulty(log_freedom, log_n, math.log(self.actions), per_dimension, self.eps)


AnyTask = Classification | MetaLearning | Reinforcement
KINDS: Mapping[str, type[AnyTask]] = {
    "classification": Classification,
    "meta-learning": MetaLearning,
    "reinforcement": Reinforcement,
}


def union_difficulty(
    first: Classification, second: Classification, *, outputs: Literal["classes", "classes-1"] = "classes"
) -> Difficulty:
    """Return the difficulty of the first task on the product of both: every pair of points is one.

    n1 n2 points of dimension m1 + m2 and norm sqrt(R1^2 + R2^2), P = C1 C2; delta and eps of the first.

    Args:
        first: the task that is solved.
        second: the task that it is united with.
        outputs: D. The published unions take it as the first task's number of classes C1; a classification
            alone has C1 - 1 outputs.

    Raises:
        UserError: see ``generalization_difficulty``.
    """
    return generalization_difficulty(
        eps=first.eps,
        n=first.n * second.n,
        m=first.m + second.m,
        radius=math.hypot(first.radius, second.radius),
        discrete=first.classes * second.classes,
        delta=first.delta,
        outputs=first.classes if outputs == "classes" else first.classes - 1,
    )


def support_sets(alphabets: Iterable[int], ways: int = 20, drawings: int = 20) -> int:
    """Count the support sets of one image per character, the training points of meta-learning.

    Args:
        alphabets: characters of each alphabet; smaller ones count as ``ways``, as published.
        ways: characters of a support set.
        drawings: images of each character.
    """
    return sum(math.comb(max(characters, ways), ways) for characters in alphabets) * drawings**ways


def parse_task(kind: str, ingredients: Mapping[str, Any]) -> AnyTask:
    """Build a task from its kind's name and ingredients.

    Raises:
        UserError: the kind is unknown, or an ingredient is unknown or missing.
    """
    if kind not in KINDS:
        raise unknown("kind of task", kind, KINDS)
    known = {field.name for field in fields(KINDS[kind])}
    for name in ingredients:
        if name not in known:
            raise unknown(f"ingredient of {kind}", name, known)
    missing = sorted(known - {"ways"} - set(ingredients))
    if missing:
        raise UserError(f"A task of kind '{kind}' needs its ingredient '{missing[0]}'")
    return KINDS[kind](**ingredients)


def varied(task: AnyTask, variable: str, values: Sequence[Any]) -> list[float | None]:
    """Return log2 bits of the task with one ingredient set to each value; None where there is no difficulty.

    Raises:
        UserError: the task has no such ingredient.
    """
    names = [field.name for field in fields(task)]
    if variable not in names:
        raise unknown("ingredient", variable, names)
    result: list[float | None] = []
    for value in values:
        changed: dict[str, Any] = {variable: value}
        try:
            result.append(replace(task, **changed).difficulty().log2_bits)
        except UserError:
            result.append(None)
    return result
