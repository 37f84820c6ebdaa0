"""Small sets of evaluations of imagenet-rib, with accuracies that can be checked by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from gridcell.grid import Grid
from gridcell.report import GridResults
from imagenet_rib.report.evaluations import Evaluation, SetFacts
from imagenet_rib.report.page import write_files
from imagenet_rib.report.summary import summarise

IMAGES = 100
SETS = [SetFacts(name, IMAGES, 10, f"the set {name}") for name in ("a", "b", "c")]
PRE = {"a": 60, "b": 50, "c": 40, "val": 90}
# Fine-tuned on a, b, c (rows), tested on a, b, c: what ought to come out of these is worked out in the tests.
AFTER = {
    "a": {"a": 90, "b": 45, "c": 37, "val": 80},
    "b": {"a": 58, "b": 80, "c": 43, "val": 85},
    "c": {"a": 54, "b": 47, "c": 70, "val": 70},
}


def answers(percent: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Right or wrong on a hundred images a set: the first ``percent`` of them are right."""
    return {name: np.arange(IMAGES) < count for name, count in percent.items()}


def before(model: str = "m") -> Evaluation:
    return Evaluation(model, "pre", None, None, None, answers(PRE), seconds=1.5)


def after(
    method: str,
    *,
    model: str = "m",
    seed: int | None = 0,
    variant: float | None = None,
    shift: int = 0,
    rows: Mapping[str, Mapping[str, int]] = AFTER,
) -> list[Evaluation]:
    """The matrix ``AFTER`` plus ``shift`` points off the diagonal, as one evaluation per row."""
    return [
        Evaluation(
            model,
            method,
            source,
            seed,
            None if variant is None else {"alpha": variant},
            answers({name: count + shift * (name != source) for name, count in row.items()}),
            seconds=2.0,
        )
        for source, row in rows.items()
    ]


def random_evaluations(
    models: Sequence[str], methods: Sequence[str], seeds: Sequence[int], *, images: int = 60, draw: int = 0
) -> tuple[list[Evaluation], list[SetFacts]]:
    """Evaluations with random answers on four sets and ``val``, the last set in groups, WiSE-FT in points."""
    rng = np.random.default_rng(draw)
    names = ["photo", "sketch", "cartoon", "corrupt"]
    groups = {"corrupt": np.arange(images) % 5}

    def evaluation(*key: Any) -> Evaluation:
        correct = {name: rng.random(images) < rng.uniform(0.3, 0.9) for name in [*names, "val"]}
        return Evaluation(*key, correct, groups, 1.0)

    made = [evaluation(model, "pre", None, None, None) for model in models]
    for model in models:
        for method in methods:
            for variant in [{"alpha": a} for a in (0.0, 0.5, 1.0)] if method == "wise_ft" else [None]:
                made += [
                    evaluation(model, method, source, seed, variant) for seed in seeds for source in names
                ]
    return made, [SetFacts(name, images, 10) for name in names]


def write_report(
    made: Sequence[Evaluation],
    sets: Sequence[SetFacts],
    out: Path,
    *,
    title: str = "t",
    own_facts: Mapping[str, str] | None = None,
    grid: Grid | None = None,
    failures: Mapping[str, Mapping[str, Any]] | None = None,
    **of_summary: Any,
) -> list[Path]:
    """The report of evaluations that no store holds: its files, the page first."""
    results = GridResults(title, {}, grid or Grid({}), {}, failures or {}, SimpleNamespace(uri="nowhere"))
    page = write_files(results, made, sets, summarise(made, sets, **of_summary), out, own_facts or {})
    return [page, *sorted(path for path in out.iterdir() if path != page)]
