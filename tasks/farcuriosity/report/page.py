"""The report: one page that stands alone, its pictures, and the numbers behind it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from farcuriosity.report.answer import answer
from farcuriosity.report.scores import LEAST_SEEDS
from farcuriosity.report.sentences import between, decimals_in, decimals_of, number, sentences, spread
from farcuriosity.report.summary import COLUMNS, COMPARED, FORGETTING, Agent
from gridcell.report import (
    STALE,
    Column,
    Columns,
    GridResults,
    Picture,
    Table,
    Value,
    as_text,
    data_uri,
    write_csv,
    write_page,
    write_summary,
)

_TEMPLATES = Path(__file__).parent / "templates"
_PAGE_ONLY = frozenset({"score_over_training"})


def write_files(
    results: GridResults,
    agents: Sequence[Agent],
    summary: Mapping[str, Any],
    pictures: Iterable[Picture],
    out: Path,
) -> Path:
    """Write the page, its figures, ``summary.json``, ``cells.csv`` and the videos; return the page.

    Args:
        results: what the page is about.
        agents: those that are done.
        summary: of them.
        pictures: the figures, drawn one at a time.
        out: the folder, made if it is not there; files of the same names are replaced.
    """
    write_summary(summary, out, sort_keys=True)
    write_csv(
        ["environment", "id", "curiosity", "seed", "steps", *COLUMNS, "cell", STALE],
        _rows(agents),
        out / "cells.csv",
    )
    return write_page(
        results,
        out,
        answer=answer(summary),
        templates=_TEMPLATES,
        pictures=pictures,
        own_facts=_facts(results.settings),
        sentences=sentences(summary),
        least_seeds=LEAST_SEEDS,
        agents=agent_table(summary),
        forgetting=forgetting_table(summary),
        compared=difference_table(summary, COMPARED),
        forgotten=difference_table(summary, FORGETTING),
        videos=[_video(agent, out) for agent in agents if agent.video is not None],
    )


def headline(summary: Mapping[str, Any]) -> list[Any]:
    """Return what the terminal shows: tables of agents, forgetting and differences, and the answer."""
    tables = [agent_table(summary), difference_table(summary, COMPARED)]
    tables += [forgetting_table(summary), difference_table(summary, FORGETTING)]
    return [*filter(None, tables), *sentences(summary)]


def agent_table(summary: Mapping[str, Any]) -> Table:
    """Lay out the metrics that agents have, by environment and curiosity: means over seeds."""
    columns: Columns = ["environment", Column("curiosity", kind="text"), "seeds"]
    columns += [Column("steps", lambda value: number(value, 0), page_only=True)]
    columns += [Column(COLUMNS[name][0], page_only=name in _PAGE_ONLY) for name in summary["columns"]]
    columns += [Column("median steps/s", lambda value: number(value, 0))]
    by_environment: dict[str, list[Mapping[str, Any]]] = {}
    for row in summary["table"]:
        by_environment.setdefault(row["environment"], []).append(row)
    decimals = {
        environment: {name: decimals_in(here, name) for name in summary["columns"]}
        for environment, here in by_environment.items()
    }
    rows = [
        [
            row["environment"],
            Value(row["curiosity"], stale="stale" in row),
            *(row[name] for name in ("seeds", "steps")),
            *(_over_seeds(row, name, decimals[row["environment"]][name]) for name in summary["columns"]),
            row["steps_per_second"],
        ]
        for row in summary["table"]
    ]
    return Table(columns, rows, "Means over seeds")


def forgetting_table(summary: Mapping[str, Any]) -> Table:
    """Lay out errors on coming back, and how far reward and error rise again, by world and curiosity."""
    headings = {
        "return_error": "return error",
        "forgetting": "forgetting, reward",
        "error_forgetting": "forgetting, error",
    }
    shown = [name for name in FORGETTING if all(name in row for row in summary["forgetting"])]
    columns: Columns = ["world", Column("curiosity", kind="text"), "seeds"]
    columns += [*(headings[name] for name in shown), Column("fragments", number)]
    decimals = {name: decimals_of(row[name]["mean"] for row in summary["forgetting"]) for name in shown}
    rows = [
        [
            row["world"],
            Value(row["curiosity"], stale="stale" in row),
            row["seeds"],
            *(Value(row[name]["mean"], between(row[name], decimals[name])) for name in shown),
            row["fragments"],
        ]
        for row in summary["forgetting"]
    ]
    return Table(
        columns,
        rows,
        "Forgetting: errors on coming back to a room, less those at leaving; how far reward and error rise",
    )


def difference_table(summary: Mapping[str, Any], metrics: Sequence[str]) -> Table:
    """Lay out the differences of curiosities in some metrics, seed by seed, with their 95 % intervals."""
    chosen = [row for row in summary["differences"] if row["metric"] in metrics]
    ends: dict[tuple[str, str], list[float]] = {}
    for row in chosen:
        place = row["environment"], row["metric"]
        ends.setdefault(place, []).extend([row["mean"], *(row["ci95"] or ())])
    decimals = {place: decimals_of(values) for place, values in ends.items()}
    columns: Columns = ["where", *(Column(name, kind="text") for name in ("of", "difference"))]
    columns += ["seeds", Column("mean, 95 % interval")]
    rows = [
        [
            row["environment"],
            row["metric"].replace("_", " "),
            f"{row['curiosity']} less {row['against']}",
            row["seeds"],
            Value(
                row["mean"], between(row, decimals[row["environment"], row["metric"]]), stale="stale" in row
            ),
        ]
        for row in chosen
    ]
    return Table(columns, rows, "Differences, seed by seed")


def _over_seeds(row: Mapping[str, Any], name: str, decimals: int) -> Value:
    found = row["values"].get(name)
    if found is None:
        return Value(None)
    ends = "" if not found["ci95"] else ", ".join(number(end, decimals) for end in found["ci95"])
    note = f"IQM {number(found['iqm'], decimals)} [{ends}]" if ends else ""
    return Value(found["mean"], spread(row, name, decimals), note)


def _video(agent: Agent, out: Path) -> dict[str, str]:
    name = f"{agent.environment}-{agent.curiosity}-{agent.seed}.mp4"
    data = agent.video or b""
    (out / name).write_bytes(data)
    title = f"{agent.environment}, {agent.curiosity}, seed {agent.seed}"
    return {"title": title, "uri": data_uri(data, name), "file": name}


def _facts(settings: Mapping[str, Any]) -> dict[str, Any]:
    forgetting = settings["forgetting"]
    training = settings["training"]
    environments = {
        name: ", ".join(
            filter(
                None,
                [one["id"], as_text(one["options"]), f"{one['steps'] or training['steps']:,} steps"],
            )
        )
        for name, one in settings["environments"].items()
    }
    return {
        "seeds": settings["seeds"],
        "training": {name: value for name, value in training.items() if name != "steps"},
        "environments": _listed(environments),
        "curiosities": _listed(settings["curiosities"]),
        "forgetting, worlds": _listed(forgetting["worlds"]),
        "forgetting, path": forgetting["path"],
        "forgetting, curiosities": _listed(forgetting["curiosities"]),
    }


def _listed(chosen: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {as_text(one)}" for name, one in chosen.items())


def _rows(agents: Sequence[Agent]) -> Iterator[list[Any]]:
    for a in sorted(agents, key=lambda agent: (agent.environment, agent.curiosity, agent.seed)):
        yield [
            a.environment,
            a.id,
            a.curiosity,
            a.seed,
            a.metrics["steps"],
            *map(a.value, COLUMNS),
            a.cell,
            a.stale,
        ]
