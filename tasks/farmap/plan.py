"""From settings to cells: a run per map, agent and seed, and the runs that are filmed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from farmap.agents.kind import Parameters
from farmap.agents.kinds import registry
from farmap.settings import Film, Settings
from gridcell import Grid, GridBuilder, UserError, unknown

SIZES = ("small", "medium", "large", "huge")
NO_FILM = "none"  # label of the runs that are counted; the others are drawn


Map = tuple[str, dict[str, Any]]
"""A map's size and its part of a cell's configuration."""


def plan(settings: Settings) -> Grid:
    """Plan a suite's grid.

    Raises:
        UserError: there is no map, a map file can't be read, or ``compare`` or ``films`` name what the suite
            doesn't have.
    """
    grid = GridBuilder("farmap")
    maps = _generated(settings) | _own(settings, grid) | _released(settings, grid)
    grid.check()
    if not maps:
        raise UserError(
            "There is nothing to explore: set maps.small, .medium, .large or .huge, files.paths "
            "or released.path"
        )
    agents = settings.agents
    if settings.sight == "rgbd" and (settings.changes.obstacles or settings.changes.recolour):
        raise UserError("With sight: rgbd the world is static: set changes.obstacles and .recolour to 0")
    for index, name in enumerate(settings.compare or ()):
        with grid.setting("compare", index):
            if name not in agents:
                raise unknown("agent in 'compare'", name, agents)
    for map_name, (size, world) in maps.items():
        for agent_name, agent in agents.items():
            for seed in settings.seeds:
                kept = {"keep": sorted(settings.keep)} if settings.keep else {}
                cell = grid.add(
                    "explore",
                    _config(settings, world, agent) | kept,
                    seed=seed,
                    version=registry.get(agent.kind).version,
                    title=f"{agent_name} on {map_name}, seed {seed}",
                )
                labels = {"size": size, "map": map_name, "agent": agent_name, "seed": seed}
                grid.target(labels | {"film": NO_FILM}, cell)
    for index, film in enumerate(settings.films):
        with grid.setting("films", index):
            _plan_film(grid, settings, film, maps, agents)
    return grid.build()


def _plan_film(
    grid: GridBuilder,
    settings: Settings,
    film: Film,
    maps: Mapping[str, Map],
    agents: Mapping[str, Parameters],
) -> None:
    if film.map not in maps:
        raise unknown("map in 'films'", film.map, maps)
    if film.agent not in agents:
        raise unknown("agent in 'films'", film.agent, agents)
    if not registry.get(agents[film.agent].kind).maps:
        raise UserError(f"The agent '{film.agent}' in 'films' draws no map: film another")
    (size, world), seed = maps[film.map], settings.seeds[0]
    agent = agents[film.agent]
    cell = grid.add(
        "film",
        _config(settings, world, agent) | {"frames": film.frames},
        seed=seed,
        version=registry.get(agent.kind).version,
        title=f"film of {film.agent} on {film.map}",
    )
    labels = {"size": size, "map": film.map, "agent": film.agent, "seed": seed}
    grid.target(labels | {"film": f"{film.agent}-{film.map}"}, cell)


def _config(settings: Settings, world: dict[str, Any], agent: Parameters) -> dict[str, Any]:
    return {
        "world": world,
        "agent": agent.model_dump(mode="json"),
        "steps": settings.steps,
        "sight": settings.sight,
        "changes": settings.changes.model_dump(mode="json"),
    }


def _generated(settings: Settings) -> dict[str, Map]:
    ours = settings.maps.generator == "ours"
    drawn_by = {} if ours else {"generator": settings.maps.generator}  # as ids were before there was a choice
    return {
        f"{size}-{index}": (size, {"size": size, "index": index, "seed": settings.maps.seed, **drawn_by})
        for size in SIZES
        for index in range(getattr(settings.maps, size))
    }


def _own(settings: Settings, grid: GridBuilder) -> dict[str, Map]:
    """Return the user's maps by their file's name, known by their content wherever the file lies."""
    if not settings.files.paths:
        return {}
    from farmap.world.maps import fingerprint, read_map
    from farmap.world.ragged import said_of_short_lines

    scale, free = settings.files.scale, settings.files.free
    found: dict[str, Map] = {}
    for index, path in enumerate(settings.files.paths):
        with grid.setting("files", "paths", index):
            name = Path(path).stem
            if name in found:
                raise UserError(f"Two map files are called '{name}': rename one")
            own = read_map(Path(path), scale, free)
            grid.note(*own.said, *said_of_short_lines(Path(path)))
            content = fingerprint(own.world)
            grid.locate(content, path)
            colour = {"free": free} if free != "black" else {}
            found[name] = ("own", {"content": content, "scale": scale, **colour})
    return found


def _released(settings: Settings, grid: GridBuilder) -> dict[str, Map]:
    """Return the authors' maps by their number in the file, known by their content, and say what was read."""
    released = settings.released
    if released.path is None:
        return {}
    from farmap.world.maps import fingerprint, size_of
    from farmap.world.released import read_released

    read = read_released(Path(released.path), released.scale)
    for number, why in read.left_out.items():
        grid.skip({"map": f"released-{number}"}, why)
    last = max(read.worlds) if released.count is None else released.first + released.count - 1
    chosen = {number: world for number, world in read.worlds.items() if released.first <= number <= last}
    if not chosen:
        raise UserError(
            f"The file '{released.path}' has no map {released.first}: its last is {max(read.worlds)}"
        )
    found: dict[str, Map] = {}
    for number, world in chosen.items():
        content = fingerprint(world)
        grid.locate(content, released.path)
        config = {"content": content, "scale": released.scale, "number": number}
        found[f"released-{number}"] = (size_of(world), config)
    return found
