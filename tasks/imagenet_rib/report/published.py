"""Published figures beside ours: the same model, method and sets, and the difference."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from gridcell import Strict, UserError, parse_settings

SHIPPED = Path(__file__).parents[1] / "published_figures.yaml"
OTHERS = "others"
"""In place of a tested set: the mean over the sets that were not fine-tuned on."""


class Figure(Strict):
    """One published pair of accuracies.

    Attributes:
        model: timm's name with the tag of its weights.
        method: of fine-tuning.
        downstream: set fine-tuned on; None: the mean over all of them.
        tested: set tested on, or ``others``.
        before: accuracy before fine-tuning, percent.
        after: accuracy after it, percent.
        error: of reading it off a picture, points; the source's where left out.
    """

    model: str
    method: str
    downstream: str | None = None
    tested: str
    before: float = Field(ge=0, le=100)
    after: float = Field(ge=0, le=100)
    error: float | None = Field(None, ge=0)


class Source(Strict):
    """Figures of one source, with the error of reading them in points."""

    source: str
    error: float = Field(0.0, ge=0)
    figures: list[Figure]


class _File(Strict):
    """What a file of figures holds."""

    sources: list[Source]


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
        ours: measured here; None if it is not complete.
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


def read_figures(*more: Path) -> list[Source]:
    """Read the shipped figures, and those of further files of the same form.

    Raises:
        UserError: a file is not there or not of that form.
    """
    found: list[Source] = []
    for path in (SHIPPED, *more):
        try:
            found += parse_settings(_File, {"sources": yaml.safe_load(path.read_bytes())}).sources
        except (OSError, yaml.YAMLError) as error:
            raise UserError(f"The published figures in '{path}' can't be read: {error}") from error
        except UserError as error:
            raise UserError(f"The published figures in '{path}' are wrong. {error}") from error
    return found


def beside(
    summary: Mapping[str, Any], models: Mapping[str, str], sources: Iterable[Source]
) -> list[Comparison]:
    """Return all published values of which a suite has the model, the method and the sets.

    Args:
        summary: from ``imagenet_rib.report.summary.summarise``.
        models: name in the suite -> timm's name with the tag of its weights.
        sources: from :func:`read_figures`.
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
    before, after = _ours(summary, model, figure)
    error = source.error if figure.error is None else figure.error
    change = None if before is None or after is None else after - before
    values = (
        ("before", figure.before, error, before),
        ("after", figure.after, error, after),
        ("change", figure.after - figure.before, 2 * error, change),
    )
    place = (model, figure.method, figure.downstream, figure.tested)
    return [Comparison(*place, when, value, off, ours, source.source) for when, value, off, ours in values]


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
