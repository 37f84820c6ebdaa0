"""The report: one page that stands alone, its pictures, and the numbers behind it."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gridcell.report import GridResults, Picture, write_page, write_summary
from imagenet_rib.report import tables, tradeoff
from imagenet_rib.report.by_set import places
from imagenet_rib.report.claims import RULE
from imagenet_rib.report.corruption_accuracy import write_corruptions
from imagenet_rib.report.evaluations import Evaluation, SetFacts
from imagenet_rib.report.leaderboard import boards, write_leaderboard
from imagenet_rib.report.partial import set_table
from imagenet_rib.report.rows import write_cells
from imagenet_rib.report.sentences import gaps, sentences
from imagenet_rib.report.stale import rests
from imagenet_rib.report.sureness import OVER, too_few_pairs
from imagenet_rib.vocabulary import BASELINE, VAL

_TEMPLATES = Path(__file__).parent / "templates"


def write_files(
    results: GridResults,
    evaluations: Sequence[Evaluation],
    sets: Sequence[SetFacts],
    summary: Mapping[str, Any],
    out: Path,
    own_facts: Mapping[str, Any],
) -> Path:
    """Write the page, its figures as PNG, tables as CSV, and ``summary.json`` into a folder; return the page.

    The tables: ``cells.csv``, ``leaderboard.csv`` and, of a set in named groups, ``corruptions.csv``.

    Args:
        results: what the page is about.
        evaluations: what is done, in any order; what is missing is shown as missing.
        sets: the sets in the order they are shown, with or without ``val``.
        summary: of them, from ``summarise``.
        out: the folder, made if it is not there; files of the same names are replaced.
        own_facts: settings and provenance, name -> value, shown in this order.
    """
    write_summary(summary, out, sort_keys=True, ensure_ascii=False)
    write_cells(evaluations, out / "cells.csv")
    write_leaderboard(summary, out / "leaderboard.csv")
    if summary["corruptions"] is not None:
        write_corruptions(summary["corruptions"], out / "corruptions.csv", partial(rests, summary))
    names, distance = tables.set_names(summary), summary["distance"]
    ranked = list(boards(summary))
    return write_page(
        results,
        out,
        answer=tradeoff.answer(summary),
        templates=_TEMPLATES,
        pictures=_draw(summary),
        own_facts=own_facts,
        summary=summary,
        sentences=sentences(summary),
        baseline=BASELINE,
        val=VAL,
        names=names,
        mri=tables.mri_by_model(summary),
        ri={model: tables.ri_table(summary, model) for model in summary["models"]},
        boards=ranked,
        tests=" or ".join(str(count) for count in sorted({board["tests"] for _, board in ranked})),
        leaderboard=tables.leaderboard_table(ranked),
        few_pairs=too_few_pairs(ranked),
        comparisons=list(tables.comparison_tables(summary)),
        rule=RULE,
        claims=list(zip(summary["findings"], tables.claim_tables(summary), strict=False)),
        correlations=tables.correlation_table(distance, len(names)) if distance else None,
        distances=tables.distance_table(distance, names) if distance else None,
        published=tables.published_table(summary["published"]) if summary.get("published") else None,
        without=tables.gap_table(
            gaps(summary, [(item.labels, item.reason) for item in results.grid.skipped])
        ),
        sets=tables.set_table(summary, {one.name: one.about for one in sets}),
        kinds=_intervals(summary),
        over=_over(summary),
        by_set=set_table(summary),
    )


def _draw(summary: Mapping[str, Any]) -> Iterator[Picture]:
    from imagenet_rib.report.corruption_figures import draw_corruptions  # with matplotlib: only for drawing
    from imagenet_rib.report.distance_figures import draw_distances
    from imagenet_rib.report.figures import draw

    if (first := tradeoff.draw(summary)) is not None:
        yield first
    yield from draw(summary)
    yield from draw_corruptions(summary)
    yield from draw_distances(summary)


def _over(summary: Mapping[str, Any]) -> str:
    """Say what the intervals of mRI are over."""
    shown = [entry for by_method in summary["mRI"].values() for entry in by_method.values()]
    shown += [row["ri"] for place in places(summary) for row in place.rows]
    return " or ".join(sorted({OVER[one["interval"]] for one in shown if one["interval"]})) or "images"


def _intervals(summary: Mapping[str, Any]) -> set[str]:
    """Return what the intervals are over: "seeds", "images", "sets"."""
    shown = [entry for by_method in summary["mRI"].values() for entry in by_method.values()]
    shown += [part for claim in summary["findings"] for part in claim["parts"]]
    return {entry["interval"] for entry in shown if entry["interval"]}
