"""From stored results to evaluations: what the platform knows, in the words of the report."""

import json
from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gridcell.data.image_set import LabelledSet
from gridcell.data.images import LabelledImages
from gridcell.data.shifts import shifts
from gridcell.errors import CorruptData, UserError
from gridcell.store.scratch import scratch_folder
from gridcell.task import Findings, Report
from imagenet_rib.cells.evaluate import CORRECT
from imagenet_rib.cells.inputs import read_file
from imagenet_rib.cells.packed_bits import PackedAnswers
from imagenet_rib.grid.slices import join
from imagenet_rib.method import Merging
from imagenet_rib.methods import get
from imagenet_rib.report.distance_summary import MeasuredDistance
from imagenet_rib.report.evaluations import VAL, Evaluation, SetFacts, Variant, identity
from imagenet_rib.report.richness import origins

_PLACE = ("model", "method", "downstream", "seed")
"""Labels of an evaluation; what further labels it has are its variant."""


def write(findings: Findings, out: Path) -> Report:
    """Write the report's files and return what the terminal shows.

    Raises:
        UserError: nothing has been evaluated yet, or a stored file is damaged.
    """
    from imagenet_rib.report.page import write_report
    from imagenet_rib.report.terminal import headline

    with scratch_folder("report") as cache:
        try:
            sets = _sets(findings, cache)
            evaluations = _evaluations(findings, sets, cache)
        except CorruptData as error:
            raise UserError(f"{error}: remove the result of cell {error.cell_id} and run again") from error
    names = [*findings.settings["downstream"], VAL]
    about = {name: one.about for name, one in shifts().items()} | {VAL: "held-out pre-training images"}
    facts = [_facts(name, sets.get(name), about.get(name, "")) for name in names]
    files = write_report(
        evaluations,
        facts,
        out,
        title=findings.title,
        facts=_provenance(findings, sets),
        counts=findings.counts(),
        failures=findings.reasons(),
        skipped=[(item.labels, item.reason) for item in findings.grid.skipped],
        unfinished=len({target.cell for target in findings.grid.targets} - findings.results.keys()),
        headlines=_headlines(findings.settings["methods"]),
        distances=_distances(findings),
        origins=origins(findings.settings),
    )
    page = next(path for path in files if path.name == "report.html")
    return Report(page, headline(json.loads((out / "summary.json").read_text())))


def _facts(name: str, images: LabelledSet | None, about: str) -> SetFacts:
    if images is None:  # a published set that could not be read: what needs it failed
        return SetFacts(name, 0, 0, about)
    return SetFacts(name, len(images), len(images.classes), about, images.groups)


def _sets(findings: Findings, cache: Path) -> dict[str, LabelledSet]:
    data = [result for result in findings.results.values() if result.cell.kind == "data"]
    if not data:
        failures = findings.reasons()
        why = f"{failures[0]['title']}: {failures[0]['message']}" if failures else "run the suite first"
        raise UserError(f"Nothing is done yet: {why}")
    sets: dict[str, LabelledSet] = {}
    for result in data:
        (name,) = result.artifacts
        path = findings.store.results.fetch(result, name, cache)
        sets |= read_file(path, path.stat().st_mtime_ns)
    return sets


def _evaluations(findings: Findings, sets: Mapping[str, LabelledSet], cache: Path) -> list[Evaluation]:
    """Read each target's answers; several cells of one target (a cut by set) are joined."""
    groups = {name: one.group_of for name, one in sets.items() if one.group_of is not None}
    answers: dict[str, PackedAnswers] = {}
    for target in findings.grid.targets:
        done = target.cell in findings.results and findings.grid.cells[target.cell].kind == "evaluate"
        if done and target.cell not in answers:
            result = findings.results[target.cell]
            answers[target.cell] = PackedAnswers.read(findings.store.results.fetch(result, CORRECT, cache))
    joined: dict[Hashable, Evaluation] = {}
    for target in findings.grid.targets:
        if target.cell not in answers:
            continue
        part = _evaluation(target.labels, answers[target.cell], findings.results[target.cell].seconds)
        before = joined.setdefault(identity(part), part)
        if before is not part:
            joined[identity(part)] = replace(
                part,
                correct=PackedAnswers(before.correct, part.correct),
                seconds=before.seconds + part.seconds,
            )
    return [_whole(evaluation, sets, groups) for evaluation in joined.values()]


def _evaluation(labels: Mapping[str, Any], correct: PackedAnswers, seconds: float) -> Evaluation:
    variant = {name: value for name, value in labels.items() if name not in _PLACE}
    model, method, downstream, seed = (labels.get(name) for name in _PLACE)
    return Evaluation(str(model), str(method), downstream, seed, variant or None, correct, seconds=seconds)


def _headlines(methods: Mapping[str, Mapping[str, Any]]) -> dict[str, Variant]:
    """Return the first variant of each merge, by its settings in the suite."""
    merges = {name: method for name in methods if isinstance(method := get(name), Merging)}
    return {name: merge.variants(merge.parameters(**methods[name]))[0] for name, merge in merges.items()}


def _whole(
    evaluation: Evaluation, sets: Mapping[str, LabelledSet], groups: Mapping[str, np.ndarray]
) -> Evaluation:
    """Join the answers on parts of a set (a cut by corruption), of the sets whose groups are known."""
    known = {key: right for key, right in evaluation.correct.items() if key.partition("/")[0] in sets}
    correct = PackedAnswers(join(known, sets))
    return replace(
        evaluation, correct=correct, groups={name: groups[name] for name in correct if name in groups}
    )


def _distances(findings: Findings) -> list[MeasuredDistance]:
    done = [t for t in findings.grid.targets if findings.grid.cells[t.cell].kind == "distance"]
    return [
        MeasuredDistance(t.labels["model"], result.cell.config, result.metrics)
        for t in done
        if (result := findings.results.get(t.cell)) is not None
    ]


def _provenance(findings: Findings, sets: Mapping[str, LabelledSet]) -> dict[str, str]:
    results = list(findings.results.values())
    seconds = sum(result.seconds for result in results)
    hosts = sorted({str(result.provenance["host"]) for result in results})
    settings = findings.settings
    training = settings["training"]
    return {
        "cells": f"{len(results)} done of {len(findings.grid)}",
        "computing": f"{seconds / 60:.1f} min in all, on {', '.join(hosts)}",
        "seeds": ", ".join(map(str, settings["seeds"])),
        "data": _data(settings["data"], sets),
        "fine-tuning": (
            f"{training['optimiser']}, lr {training['lr']:g}, batch {training['batch_size']}, "
            f"{training['epochs']} epochs"
        ),
        "methods": "; ".join(
            f"{name} {', '.join(f'{key}={value}' for key, value in given.items())}".strip()
            for name, given in settings["methods"].items()
        ),
        "versions": findings.versions(),
        "storage": findings.store.uri,
    }


def _data(settings: Mapping[str, Any], sets: Mapping[str, LabelledSet]) -> str:
    if settings["source"] == "published":
        return "published sets, prepared for each model as timm does"
    sides = {side for one in sets.values() if isinstance(one, LabelledImages) for side in one.size}
    return f"{settings['source']}, {' x '.join(map(str, sorted(sides)))} px"
