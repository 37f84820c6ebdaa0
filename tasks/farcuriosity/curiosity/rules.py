"""The rules by which a world is cut into fragments: one value of each option, and the released ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fragmentation_recall.surprisal import Criterion

Decay = Literal["filled", "calls"]
Order = Literal["steps", "environments"]
Repeats = Literal["uncounted", "skip"]
ZeroKey = Literal["all", "sum"]


@dataclass(frozen=True)
class Rules:
    """When an environment leaves its fragment, and what enters the statistics that this depends on.

    Source: Hwang et al. 2023 (arXiv 2310.17537), and the authors' released wrapper where they differ.

    Attributes:
        capacity: fragments that are kept at most.
        criterion: ``ratio``: an error of ``rho`` times the mean is surprising; ``z``: one that is ``rho``
            standard deviations above the mean.
        rho: the threshold.
        least: errors that a fragment must have seen before it can be left for a new one.
        recall: cosine similarity to a key from which its fragment is recalled.
        novelty: cosine similarity to the nearest key from which no fragment is made while memory is empty.
        novelty_full: the same when memory is full.
        decay: how the one becomes the other. ``filled``: linearly in the number of fragments. ``calls``:
            with every segment by ``(fragments - 1) / capacity`` of the way, so that it never comes back.
        dwell: steps that an environment stays in a fragment before another can be recalled (hysteresis).
        window: errors that a fragment's statistics are taken over, the newest; None for all.
        surprise_joins: whether a surprising error joins the statistics where no fragment may be made.
        repeats: an error equal to the environment's previous one is ``uncounted``: it joins no statistics;
            or the step is left out whole (``skip``).
        divisor: of the variance: ``n``, or ``n - 1``.
        floor: standard deviation below which no fragment is made and the error joins nothing; 0 for
            equal errors alone, which join.
        zero_key: a state makes no fragment where its key is ``all`` zero, or where its ``sum`` is.
        order: ``steps``: environments act at the same time, step by step, and errors join after the step;
            ``environments``: one environment after the other goes through the whole segment.
        keep_used: a full memory never overwrites a fragment that an environment is in.
        burn_in_uses: a segment of burn-in counts as use of its fragment.
    """

    capacity: int
    criterion: Criterion
    rho: float
    least: int
    recall: float
    novelty: float
    novelty_full: float
    decay: Decay
    dwell: int = 0
    window: int | None = None
    surprise_joins: bool = True
    repeats: Repeats = "uncounted"
    divisor: Literal["n", "n-1"] = "n"
    floor: float = 0.0
    zero_key: ZeroKey = "all"
    order: Order = "steps"
    keep_used: bool = True
    burn_in_uses: bool = True

    def check(self, environments: int) -> None:
        """Check that memory has room for so many environments.

        Raises:
            ValueError: it hasn't: in a segment each may be in one fragment and on its way to another.
        """
        if self.keep_used and self.capacity < 2 * environments:
            raise ValueError(
                f"{environments} environments need a capacity of at least {2 * environments} fragments, "
                f"not {self.capacity}"
            )


RELEASED: dict[str, Any] = {
    "criterion": "ratio",
    "decay": "calls",
    "surprise_joins": False,
    "repeats": "skip",
    "divisor": "n-1",
    "floor": 1e-6,
    "zero_key": "sum",
    "order": "environments",
    "keep_used": False,
    "burn_in_uses": False,
    "keys": "module",
    "normalisers": "module",
    "recall_rewards": "given",
}
"""The options of ``far`` by the rules of the released wrapper; its other defaults are the released ones."""
