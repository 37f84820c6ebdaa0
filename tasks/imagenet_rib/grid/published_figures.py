"""Files of figures that were published on the benchmark: the shipped one, and those that a suite names."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from pydantic import Field

from gridcell import Strict, UserError, read_list, unknown
from imagenet_rib.settings import DOWNSTREAM, Settings
from imagenet_rib.vocabulary import VAL

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

    @property
    def place(self) -> tuple[str, str, str | None, str]:
        """What it is a figure of."""
        return self.model, self.method, self.downstream, self.tested


class Source(Strict):
    """Figures of one source.

    Attributes:
        source: where the figures are from.
        error: of reading them, points.
        sets: over which its means go; a suite of other sets has no mean to compare. None: those of the suite.
        figures: the figures.
    """

    source: str
    error: float = Field(0.0, ge=0)
    sets: list[str] | None = None
    figures: list[Figure]


def read_figures(*files: Path) -> list[Source]:
    """Read files of published figures.

    Raises:
        UserError: a file is not there or not of that form, or has two figures of one thing.
    """
    return [source for path in files for source in _read(path)]


def _read(path: Path) -> list[Source]:
    found = read_list(Source, path)
    for source in found:
        for place, times in Counter(figure.place for figure in source.figures).items():
            if times == 1:
                continue
            named = ", ".join(part or "each set" for part in place)
            raise UserError(f"'{path}' has {times} figures of one thing ({named}) from '{source.source}'")
    return found


def check_figures(settings: Settings, models: Collection[str]) -> list[str]:
    """Check the files of figures that a suite names.

    Args:
        settings: of the suite.
        models: timm's names of its models, with the tags of their weights.

    Returns:
        A sentence for each file that has figures of which the suite has no counterpart.

    Raises:
        UserError: see :func:`read_figures`; or a figure names a set that there isn't.
    """
    sets = dict.fromkeys([*settings.downstream, *DOWNSTREAM, VAL])
    said = []
    for file in settings.published_figures:
        figures = [figure for source in read_figures(Path(file).expanduser()) for figure in source.figures]
        for figure in figures:
            if figure.tested not in sets and figure.tested != OTHERS:
                raise unknown(f"set in '{file}':", figure.tested, [*sets, OTHERS])
            if figure.downstream is not None and figure.downstream not in sets:
                raise unknown(f"set in '{file}':", figure.downstream, sets)
        lacking = [one for one in figures if one.model not in models or one.method not in settings.methods]
        if lacking:
            said.append(
                f"{file}: {len(lacking)} of {len(figures)} published figures are of a model or method that "
                f"this suite lacks, first {lacking[0].method} of {lacking[0].model}"
            )
    return said
