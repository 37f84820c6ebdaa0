"""From stored results to the report: what the platform knows, in the words of this task."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from farcuriosity.cells.forgetting import VISITS
from farcuriosity.cells.names import EPISODES, VIDEO
from farcuriosity.report.summary import Agent, Study, summarise
from gridcell import Result
from gridcell.report import Fetch, GridResults, Picture, Report, fetching, is_stale, marked


def write(results: GridResults, out: Path) -> Report:
    """Write the report's files and return what the terminal shows.

    Raises:
        UserError: a stored file is damaged.
    """
    from farcuriosity.report.answer import answer
    from farcuriosity.report.page import headline, write_files

    with fetching(results) as fetch:
        agents, studies = _agents(results, fetch), _studies(results, fetch)
        summary = summarise(agents, studies)
        page = write_files(results, agents, summary, _pictures(agents, summary, studies), out)
    return Report(page, headline(summary), answer(summary).text)


def _pictures(
    agents: Sequence[Agent], summary: Mapping[str, Any], studies: Sequence[Study]
) -> Iterator[Picture]:
    # With matplotlib: only for drawing.
    from farcuriosity.report.figures import draw, draw_forgetting

    yield from draw(agents, summary)
    for index, world in enumerate(dict.fromkeys(study.world for study in studies)):
        visits: dict[str, list[Path]] = {}
        stale = {study.curiosity for study in studies if study.world == world and study.stale}
        for study in studies:
            if study.world == world:
                name = marked(study.curiosity, study.curiosity in stale)
                visits.setdefault(name, []).append(study.visits)
        yield from draw_forgetting(world, visits, first=not agents and index == 0)


def _done(results: GridResults, what: str) -> Iterator[tuple[tuple[str, str, int], Result]]:
    """Yield the place and the result of each target of one kind that is done."""
    for target in results.grid.targets:
        result = results.results.get(target.cell)
        if result is not None and target.labels["what"] == what:
            labels = target.labels
            yield (str(labels["environment"]), str(labels["curiosity"]), int(labels["seed"])), result


def _studies(results: GridResults, fetch: Fetch) -> list[Study]:
    done = _done(results, "forgetting")
    return [
        Study(*place, result.metrics, fetch(result, VISITS), is_stale(results, result.cell.id))
        for place, result in done
    ]


def _agents(results: GridResults, fetch: Fetch) -> list[Agent]:
    videos, played = dict(_done(results, "video")), dict(_done(results, "evaluation"))
    found = []
    for place, result in _done(results, "agent"):
        environment, curiosity, seed = place
        cells = [one.cell.id for one in (result, played.get(place)) if one is not None]
        with np.load(fetch(result, EPISODES), allow_pickle=False) as arrays:
            frames, steps = arrays["frames"], arrays["frame_steps"]
        found.append(
            Agent(
                environment=environment,
                id=str(result.cell.config["environment"]),
                curiosity=curiosity,
                seed=seed,
                metrics=dict(result.metrics) | _evaluated(played.get(place)),
                curves=result.curves,
                frames=frames,
                frame_steps=steps,
                video=fetch(videos[place], VIDEO).read_bytes() if place in videos else None,
                cell=result.cell.id,
                stale=any(is_stale(results, cell) for cell in cells),
            )
        )
    return found


def _evaluated(result: Result | None) -> dict[str, float]:
    """Return the mean returns of an agent's evaluation, if it was evaluated."""
    return {} if result is None else {name: result.metrics[name] for name in ("sampled", "greedy")}
