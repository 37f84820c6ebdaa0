"""From stored results to evaluations: what the platform knows, in the words of the report."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from gridcell.data import LabelledImages, LabelledSet, shifts_in_order
from gridcell.report import Fetch, GridResults, Report, as_text, fetching, is_stale, nothing_done, said_stale
from imagenet_rib.cells.evaluate import CORRECT
from imagenet_rib.cells.packed_bits import PackedAnswers
from imagenet_rib.cells.reduced import reduced
from imagenet_rib.cells.stored_sets import read_file
from imagenet_rib.grid.chosen_methods import parse_methods
from imagenet_rib.grid.part_sentences import part_sentences
from imagenet_rib.grid.published_figures import SHIPPED, Source, read_figures
from imagenet_rib.grid.slices import join
from imagenet_rib.method import Merging
from imagenet_rib.report.chosen import chosen_here
from imagenet_rib.report.counting import Answers, StoredAnswers, count
from imagenet_rib.report.distance_summary import MeasuredDistance
from imagenet_rib.report.evaluations import Evaluation, SetFacts
from imagenet_rib.report.published import as_rows, beside
from imagenet_rib.report.richness import origins
from imagenet_rib.report.stale import rests
from imagenet_rib.report.summary import summarise
from imagenet_rib.report.twins import told as told_twins, without_twins
from imagenet_rib.vocabulary import PRE, VAL, Variant

_PLACE = ("model", "method", "downstream", "seed")
"""Labels of an evaluation; what further labels it has are its variant."""

_HELD_BYTES = 1_500_000_000
"""Up to so many bytes of answers are held in memory; more are read again where images are resampled."""


def write(results: GridResults, out: Path) -> Report:
    """Write the report's files and return what the terminal shows.

    Raises:
        UserError: nothing has been evaluated yet, or a stored file is damaged.
    """
    from imagenet_rib.report.leaderboard import boards
    from imagenet_rib.report.page import write_files
    from imagenet_rib.report.sureness import too_few_pairs
    from imagenet_rib.report.tables import headline
    from imagenet_rib.report.tradeoff import answer, caveats

    summary, evaluations, found, sets = _summarised(results)
    published = as_rows(beside(summary, _timm_names(results), figures_beside(results.settings)))
    summary["published"] = [
        row | said_stale(rests(summary, row["model"], row["method"], row["downstream"])) for row in published
    ]
    page = write_files(results, evaluations, sets, summary, out, _own_facts(results, found))
    said = answer(summary)
    ranked = list(islice(boards(summary), 1))  # as the terminal shows; of a part the tables hold less
    few = too_few_pairs(ranked)
    below = [*([few] if few else []), *caveats(summary)] if ranked else said.sure
    return Report(page, [*headline(summary), *below], said.text)


def summary_of(results: GridResults) -> dict[str, Any]:
    """Return the numbers of the report; see ``imagenet_rib.report.summary.summarise``.

    ``chosen`` are sentences on settings that were chosen on these sets; see ``imagenet_rib.report.chosen``.
    ``twins`` are sentences on methods that are the same cells as others; see ``imagenet_rib.report.twins``.

    Raises:
        UserError: nothing has been evaluated yet, or a stored file is damaged.
    """
    return _summarised(results)[0]


def _summarised(
    results: GridResults,
) -> tuple[dict[str, Any], list[Evaluation], dict[str, LabelledSet], list[SetFacts]]:
    """Return the summary, and what it is of: evaluations, sets that are known, facts of all sets."""
    with fetching(results) as fetch:
        most = results.settings["evaluation"].get("max_images")
        found = {name: reduced(one, most) for name, one in _sets(results, fetch).items()}
        evaluations, twins = without_twins(_evaluations(results, found, fetch))
        names = [*results.settings["downstream"], VAL]
        about = {name: one.about for name, one in shifts_in_order().items()} | {
            VAL: "held-out pre-training images"
        }
        sets = [_facts(name, found.get(name), about.get(name, "")) for name in names]
        summary = summarise(  # which reads answers where it resamples images
            evaluations,
            sets,
            headlines=_headlines(results.settings["methods"]),
            distances=_distances(results),
            origins=origins(results.settings),
            unselected=_unselected(results),
        )
        summary["chosen"] = chosen_here(results.settings, summary["methods"])
        summary["twins"] = told_twins(twins)
    return summary, evaluations, found, sets


def _unselected(results: GridResults) -> list[str]:
    """Return the methods of the suite that the selection leaves out."""
    asked = {target.labels.get("method") for target in results.grid.targets}
    asked |= {item.labels.get("method") for item in results.grid.skipped}
    return [name for name in results.settings["methods"] if name not in asked]


def figures_beside(settings: Mapping[str, Any]) -> list[Source]:
    """Read the published figures: the shipped ones, if the sets are those, and those that the suite names."""
    shipped = [SHIPPED] if settings["data"]["source"] == "published" else []
    return read_figures(*shipped, *(Path(one).expanduser() for one in settings.get("published_figures", ())))


def _timm_names(results: GridResults) -> dict[str, str]:
    """Return timm's name of each model, with the tag of its weights where they are published ones."""
    cells = results.grid.cells
    before = (t for t in results.grid.targets if t.labels.get("method") == PRE)
    return {
        target.labels["model"]: cells[cells[target.cell].needs["weights"]].config["architecture"]["name"]
        for target in before
    }


def _facts(name: str, images: LabelledSet | None, about: str) -> SetFacts:
    if images is None:  # a published set that could not be read: what needs it failed
        return SetFacts(name, 0, 0, about)
    return SetFacts(name, len(images), len(images.classes), about, images.groups)


def _sets(results: GridResults, fetch: Fetch) -> dict[str, LabelledSet]:
    data = [result for result in results.results.values() if result.cell.kind == "data"]
    if not data:
        raise nothing_done(results)
    sets: dict[str, LabelledSet] = {}
    for result in data:
        (name,) = result.answered
        path = fetch(result, name)
        sets |= read_file(path, path.stat().st_mtime_ns)
    return sets


def _evaluations(results: GridResults, sets: Mapping[str, LabelledSet], fetch: Fetch) -> list[Evaluation]:
    """Read each target's answers; several cells of one target (a cut by set) are joined."""
    groups = {name: one.group_of for name, one in sets.items() if one.group_of is not None}
    cells: defaultdict[tuple[tuple[str, Any], ...], list[str]] = defaultdict(list)
    for target in results.grid.targets:
        if target.cell in results.results and results.grid.cells[target.cell].kind == "evaluate":
            cells[tuple(sorted(target.labels.items()))].append(target.cell)

    files = {one: results.results[one].artifacts[CORRECT].size for mine in cells.values() for one in mine}

    @lru_cache(maxsize=None if sum(files.values()) <= _HELD_BYTES else 2)
    def read(cell_id: str) -> PackedAnswers:
        return PackedAnswers.read(fetch(results.results[cell_id], CORRECT))

    return [
        replace(
            _evaluation(
                dict(labels), {one: results.results[one].seconds for one in mine}, sets, groups, read
            ),
            stale=any(is_stale(results, one) for one in mine),
        )
        for labels, mine in cells.items()
    ]


def _evaluation(
    labels: Mapping[str, Any],
    cells: Mapping[str, float],
    sets: Mapping[str, LabelledSet],
    groups: Mapping[str, np.ndarray],
    read: Callable[[str], PackedAnswers],
) -> Evaluation:
    """Put together what the cells of one target answered, of the sets that are known.

    Args:
        labels: of the target.
        cells: id -> seconds that it took.
        sets: that are known.
        groups: set -> group of each image.
        read: reads a cell's answers.
    """
    answers = {one: read(one) for one in cells}
    packed = PackedAnswers(*answers.values())
    packed = packed.only([key for key in packed if key.partition("/")[0] in sets])
    correct: Answers = StoredAnswers(
        {name: partial(read, one) for one, found in answers.items() for name in found if name in packed}
    )
    if any("/" in key for key in packed):  # a cut by corruption: the parts of a set are put in its order
        correct = packed = PackedAnswers(join(packed, sets))
    mine = {name: groups[name] for name in packed if name in groups}
    model, method, downstream, seed = (labels.get(name) for name in _PLACE)
    return Evaluation(
        str(model),
        str(method),
        downstream,
        seed,
        {name: value for name, value in labels.items() if name not in _PLACE} or None,
        correct,
        mine,
        sum(cells.values()),
        " ".join(cells),
        count(packed, mine),
    )


def _headlines(methods: Mapping[str, Mapping[str, Any]]) -> dict[str, Variant]:
    """Return the first variant of each merge, by its settings in the suite."""
    chosen = parse_methods(methods)
    return {
        name: one.method.variants(one.parameters)[0]
        for name, one in chosen.items()
        if isinstance(one.method, Merging)
    }


def _distances(results: GridResults) -> list[MeasuredDistance]:
    done = [t for t in results.grid.targets if results.grid.cells[t.cell].kind == "distance"]
    return [
        MeasuredDistance(
            t.labels["model"], result.cell.config, result.metrics, is_stale(results, result.cell.id)
        )
        for t in done
        if (result := results.results.get(t.cell)) is not None
    ]


def _own_facts(results: GridResults, sets: Mapping[str, LabelledSet]) -> dict[str, Any]:
    settings, left_out = results.settings, _unselected(results)
    keys = (
        "optimiser",
        "lr",
        "batch_size",
        "epochs",
        "max_images",
        "validation_share",
        "checkpoint",
        "patience",
    )
    training = {key: settings["training"][key] for key in keys if settings["training"].get(key) is not None}
    if "validation_share" not in training:
        del training["checkpoint"]
    methods = (
        f"{name} {as_text(_told(name, given))}".strip()
        for name, given in settings["methods"].items()
        if name not in left_out
    )
    return {
        "seeds": settings["seeds"],
        "data": _data(settings["data"], sets),
        **({"notes on the data": " ".join(_sentences(results.grid.notes))} if results.grid.notes else {}),
        **_parts(settings),
        "fine-tuning": training,
        "methods": "; ".join(methods),
    }


def _told(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry's settings without its kind, where that is its name."""
    return {key: value for key, value in given.items() if (key, value) != ("kind", name)}


def _parts(settings: Mapping[str, Any]) -> dict[str, str]:
    """Say which figures are of parts of the sets, if any are; see ``imagenet_rib.cells.reduced``."""
    sentences = part_sentences(
        settings["training"].get("max_images"), settings["evaluation"].get("max_images")
    )
    return {"parts of the sets": " ".join(sentences)} if sentences else {}


def _data(settings: Mapping[str, Any], sets: Mapping[str, LabelledSet]) -> str:
    if settings["source"] == "published":
        return "published sets, prepared for each model as timm does"
    sides = {side for one in sets.values() if isinstance(one, LabelledImages) for side in one.size}
    root = "" if settings.get("root") is None else f" {settings['root']}"
    return f"{settings['source']}{root}, {' x '.join(map(str, sorted(sides)))} px"


def _sentences(notes: Sequence[str]) -> list[str]:
    return [note if note.endswith(".") else f"{note}." for note in notes]
