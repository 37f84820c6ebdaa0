"""Published figures beside ours: the same model, method and sets, and the difference."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagenet_rib.grid.published_figures import OTHERS, Figure, Source


@dataclass(frozen=True)
class Comparison:
    """A published accuracy and ours, both in percent.

    Attributes:
        model: name in the suite.
        method: of fine-tuning.
        downstream: set fine-tuned on; None: the mean over all.
        tested: set tested on, or ``others``.
        when: ``before`` or ``after`` fine-tuning, or the ``change`` between, in points.
        published: the published value.
        error: of reading it; of a change, of both values together.
        ours: measured here; None if it is not complete, or a mean over other sets than the published one.
        source: of the published value.
    """

    model: str
    method: str
    downstream: str | None
    tested: str
    when: str
    published: float
    error: float
    ours: float | None
    source: str

    @property
    def difference(self) -> float | None:
        """Ours minus the published value, points."""
        return None if self.ours is None else self.ours - self.published


def beside(
    summary: Mapping[str, Any], models: Mapping[str, str], sources: Iterable[Source]
) -> list[Comparison]:
    """Return all published values of which a suite has the model, the method and the sets.

    Args:
        summary: from ``imagenet_rib.report.summary.summarise``.
        models: name in the suite -> timm's name with the tag of its weights.
        sources: from ``imagenet_rib.grid.published_figures.read_figures``.
    """
    named: dict[str, list[str]] = {}
    for name, timm_name in models.items():
        named.setdefault(timm_name, []).append(name)
    return [
        comparison
        for source in sources
        for figure in source.figures
        for model in named.get(figure.model, ())
        if figure.method in summary["accuracy"].get(model, {})
        for comparison in _comparisons(summary, model, figure, source)
    ]


def as_rows(comparisons: Iterable[Comparison]) -> list[dict[str, Any]]:
    """Return comparisons as JSON, rounded to a hundredth of a point."""

    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 2)

    return [
        {
            **{
                key: getattr(one, key)
                for key in ("model", "method", "downstream", "tested", "when", "source")
            },
            **{key: rounded(getattr(one, key)) for key in ("published", "error", "ours", "difference")},
        }
        for one in comparisons
    ]


def _comparisons(summary: Mapping[str, Any], model: str, figure: Figure, source: Source) -> list[Comparison]:
    comparable = _same_sets(summary, model, figure, source)
    before, after = _ours(summary, model, figure) if comparable else (None, None)
    error = source.error if figure.error is None else figure.error
    change = None if before is None or after is None else after - before
    values = (
        ("before", figure.before, error, before),
        ("after", figure.after, error, after),
        ("change", figure.after - figure.before, 2 * error, change),
    )
    place = (model, figure.method, figure.downstream, figure.tested)
    return [Comparison(*place, when, value, off, ours, source.source) for when, value, off, ours in values]


def _same_sets(summary: Mapping[str, Any], model: str, figure: Figure, source: Source) -> bool:
    """Whether a mean goes over the sets that the published one goes over, if it is a mean."""
    if source.sets is None or (figure.downstream is not None and figure.tested != OTHERS):
        return True
    return set(summary["accuracy"][model][figure.method]) == set(source.sets)


def _ours(summary: Mapping[str, Any], model: str, figure: Figure) -> tuple[float | None, float | None]:
    """Return our accuracies before and after, None where one that belongs to the mean is missing."""
    matrix, pre = summary["accuracy"][model][figure.method], summary["pre"].get(model, {})
    rows = list(matrix) if figure.downstream is None else [figure.downstream]
    cells = [
        (row, column)
        for row in rows
        for column in (
            [name for name in matrix if name != row] if figure.tested == OTHERS else [figure.tested]
        )
    ]
    return (
        _mean([pre.get(column) for _, column in cells]),
        _mean([matrix.get(row, {}).get(column) for row, column in cells]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
