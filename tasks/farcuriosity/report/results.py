"""From stored results to the report: what the platform knows, in the words of this task."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from farcuriosity.cells.forgetting import VISITS
from farcuriosity.cells.names import EPISODES, VIDEO
from farcuriosity.report.summary import Agent, Study, summarise
from gridcell.errors import CorruptData, UserError
from gridcell.report import Picture
from gridcell.store import Result
from gridcell.store.scratch import scratch_folder
from gridcell.task import Findings, Report


def write(findings: Findings, out: Path) -> Report:
    """Write the report's files and return what the terminal shows.

    Raises:
        UserError: nothing is done yet, or a stored file is damaged.
    """
    from farcuriosity.report.page import headline, write_report

    if not findings.results:
        failures = findings.reasons()
        why = f": {failures[0]['title']}: {failures[0]['message']}" if failures else ": run the suite first"
        raise UserError(f"Nothing is done yet{why}")
    with scratch_folder("report") as cache:
        try:
            agents = _agents(findings, cache)
            studies = _studies(findings, cache)
        except CorruptData as error:
            raise UserError(f"{error}: remove the result of cell {error.cell_id} and run again") from error
        summary = summarise(agents, studies)
        page = write_report(
            agents,
            summary,
            _pictures(agents, summary, studies),
            out,
            title=findings.title,
            facts=_facts(findings),
            counts=findings.counts(),
            failures=findings.reasons(),
        )
    return Report(page, headline(summary))


def _pictures(agents: list[Agent], summary: dict[str, Any], studies: list[Study]) -> Iterator[Picture]:
    # With matplotlib: only for drawing.
    from farcuriosity.report.figures import draw, draw_forgetting

    yield from draw(agents, summary)
    for world in dict.fromkeys(study.world for study in studies):
        visits: dict[str, list[Path]] = {}
        for study in studies:
            if study.world == world:
                visits.setdefault(study.curiosity, []).append(study.visits)
        yield from draw_forgetting(world, visits)


def _studies(findings: Findings, cache: Path) -> list[Study]:
    found = []
    for target in findings.grid.targets:
        result = findings.results.get(target.cell)
        if result is not None and target.labels["what"] == "forgetting":
            visits = _fetch(findings, result, VISITS, cache)
            found.append(Study(*_place(target.labels), result.metrics, visits))
    return found


def _agents(findings: Findings, cache: Path) -> list[Agent]:
    videos = {
        _place(target.labels): findings.results[target.cell]
        for target in findings.grid.targets
        if target.labels["what"] == "video" and target.cell in findings.results
    }
    found = []
    for target in findings.grid.targets:
        result = findings.results.get(target.cell)
        if result is None or target.labels["what"] != "agent":
            continue
        environment, curiosity, seed = _place(target.labels)
        with np.load(_fetch(findings, result, EPISODES, cache), allow_pickle=False) as arrays:
            frames, steps = arrays["frames"], arrays["frame_steps"]
        video = videos.get((environment, curiosity, seed))
        found.append(
            Agent(
                environment=environment,
                id=str(result.cell.config["environment"]),
                curiosity=curiosity,
                seed=seed,
                metrics=result.metrics,
                curves=result.curves,
                frames=frames,
                frame_steps=steps,
                video=None if video is None else _fetch(findings, video, VIDEO, cache).read_bytes(),
            )
        )
    return found


def _place(labels: Any) -> tuple[str, str, int]:
    return str(labels["environment"]), str(labels["curiosity"]), int(labels["seed"])


def _fetch(findings: Findings, result: Result, name: str, cache: Path) -> Path:
    return findings.store.results.fetch(result, name, cache)


def _facts(findings: Findings) -> dict[str, str]:
    results = list(findings.results.values())
    settings = findings.settings
    return {
        "cells": f"{len(results)} done of {len(findings.grid)}",
        "computing": f"{sum(result.seconds for result in results) / 60:.1f} min in all",
        "seeds": ", ".join(map(str, settings["seeds"])),
        "training": ", ".join(f"{key} {value}" for key, value in settings["training"].items()),
        "environments": "; ".join(
            f"{name}: {e['id']} {e['options'] or ''}".strip() for name, e in settings["environments"].items()
        ),
        "curiosities": _told(settings["curiosities"]),
        "forgetting": "; ".join(
            [
                *(f"{name}: {world}" for name, world in settings["forgetting"]["worlds"].items()),
                f"path: {settings['forgetting']['path']}",
                _told(settings["forgetting"]["curiosities"]),
            ]
        ),
        "versions": findings.versions(),
        "storage": findings.store.uri,
    }


def _told(curiosities: Any) -> str:
    return "; ".join(f"{name}: {_one_line(chosen)}" for name, chosen in curiosities.items())


def _one_line(chosen: Mapping[str, Any]) -> str:
    parameters = {name: value for name, value in chosen.items() if name != "kind"}
    return f"{chosen['kind']} {parameters or ''}".strip()
