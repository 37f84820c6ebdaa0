"""From settings to cells: one agent per environment, curiosity and seed, and its video on request."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from farcuriosity.code import versions_of
from farcuriosity.environments.ids import is_atari
from farcuriosity.settings import Environment, Settings, Training, processes
from gridcell import Cell, Grid, GridBuilder, Resources, UserError

_NOT_THE_RESULTS = {"steps", "threads", "gpus"}  # steps stand beside them
# 2: training begins with episodes of its own, and cells where episodes end count.
# 3: keys that stay, rewards in burn-in, symbols scaled, rewards clipped in Atari games alone, nn.LSTM.
TRAIN_VERSION = 3
_NAMED = 4  # environments that a note names
STUDY_VERSION = 2  # 2: keys that stay, rewards in burn-in


def plan(settings: Settings) -> Grid:
    """Plan a suite's grid.

    Raises:
        UserError: the suite asks for nothing, or two of its studies would have one name.
    """
    _check_names(settings)
    grid = GridBuilder("farcuriosity")
    training = settings.training
    resources = resources_of(training)
    _say_rounding(grid, settings.environments, training)
    # One learner goes without saying. Several form sums in another order, from which runs soon differ.
    unnamed = _NOT_THE_RESULTS | ({"learners"} if training.learners == 1 else set())
    for name, environment in settings.environments.items():
        for curiosity, chosen in settings.curiosities.items():
            for seed in settings.seeds:
                labels = {"environment": name, "curiosity": curiosity, "seed": seed}
                config = {
                    "environment": environment.id,
                    "options": environment.options,
                    "curiosity": chosen.kind,
                    "parameters": chosen.parameters,
                    **versions_of(chosen.kind, chosen.parameters),
                    "steps": steps_of(environment, training),
                    "training": training.model_dump(mode="json", exclude=unnamed)
                    | {"clip_rewards": _clips(training, environment)},
                }
                title = f"{name} {curiosity} seed {seed}"
                agent = grid.add(
                    "train", config, seed=seed, version=TRAIN_VERSION, title=title, resources=resources
                )
                grid.target({**labels, "what": "agent"}, agent)
                if settings.video.enabled:
                    _video(grid, settings, agent, labels, title)
                if settings.evaluation.episodes:
                    _evaluation(grid, settings, agent, labels, title)
    _study(grid, settings)
    _say_unused(grid, settings)
    planned = grid.build()
    if not planned.cells:
        raise UserError("There is nothing to run: name environments and curiosities, or worlds to forget")
    return planned


def resources_of(training: Training) -> Resources:
    """Return what an agent occupies: its processes step and learn in turn, on one machine."""
    cpus = training.threads * processes(training.runners, training.learners)
    return Resources(cpus=cpus, gpus=training.gpus * training.learners)


def _clips(training: Training, environment: Environment) -> bool:
    return is_atari(environment.id) if training.clip_rewards is None else training.clip_rewards


def steps_of(environment: Environment, training: Training) -> int:
    """Return how many steps an agent takes in an environment: whole updates, at least one."""
    wanted = environment.steps or training.steps
    update = training.environments * training.horizon
    return max(1, round(wanted / update)) * update


def _say_rounding(grid: GridBuilder, environments: Mapping[str, Environment], training: Training) -> None:
    """Say where agents take more or fewer steps than were asked for: they take whole updates."""
    rounded: dict[tuple[int, int], list[str]] = {}
    for name, environment in environments.items():
        wanted, taken = environment.steps or training.steps, steps_of(environment, training)
        if wanted != taken:
            rounded.setdefault((wanted, taken), []).append(name)
    for (wanted, taken), names in rounded.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        grid.note(
            f"{', '.join(names[:_NAMED])}{more}: {wanted:,} steps are rounded to {taken:,}, in updates of "
            f"{training.environments} x {training.horizon}"
        )


def _say_unused(grid: GridBuilder, settings: Settings) -> None:
    """Say which parts of the suite come to nothing, as half of what they need is not there."""
    study = settings.forgetting
    halves = [
        (settings.environments, settings.curiosities, "environments", "curiosities"),
        (study.worlds, study.curiosities, "forgetting.worlds", "forgetting.curiosities"),
    ]
    for one, other, name, other_name in halves:
        if bool(one) != bool(other):
            there, gone = (name, other_name) if one else (other_name, name)
            grid.note(f"'{there}' has no effect: '{gone}' names none")
    if study.paths and study.path != type(study.path)():
        grid.note("'forgetting.path' has no effect: 'forgetting.paths' are followed instead")


def _check_names(settings: Settings) -> None:
    """Refuse worlds and paths that the report could not tell apart: it calls both ``a-b-c``."""
    study = settings.forgetting
    seen: dict[str, tuple[str, str]] = {}
    for pair in product(study.worlds, study.paths):
        name = "-".join(pair)
        if name in seen:
            (world, path), (other, along) = seen[name], pair
            raise UserError(
                f"World '{world}' along path '{path}' and world '{other}' along path '{along}' would both be "
                f"called '{name}': rename one of them"
            )
        seen[name] = pair


def _study(grid: GridBuilder, settings: Settings) -> None:
    study = settings.forgetting
    paths = study.paths or {"": study.path}
    for (world_name, world), (path_name, path) in product(study.worlds.items(), paths.items()):
        name = f"{world_name}-{path_name}" if path_name else world_name
        for curiosity, chosen in study.curiosities.items():
            for seed in settings.seeds:
                config = {
                    "world": world.model_dump(mode="json"),
                    "curiosity": chosen.kind,
                    "parameters": chosen.parameters,
                    **versions_of(chosen.kind, chosen.parameters),
                    "path": path.model_dump(mode="json"),
                }
                title = f"forgetting in {name} {curiosity} seed {seed}"
                cell = grid.add("forgetting", config, seed=seed, version=STUDY_VERSION, title=title)
                labels = {"environment": name, "curiosity": curiosity, "seed": seed, "what": "forgetting"}
                grid.target(labels, cell)


def _video(grid: GridBuilder, settings: Settings, agent: Cell, labels: dict[str, Any], title: str) -> None:
    config = {"max_steps": settings.video.max_steps, "fps": settings.video.fps}
    video = grid.add("video", config, needs={"agent": agent}, seed=agent.seed, title=f"{title}, video")
    grid.target({**labels, "what": "video"}, video)


def _evaluation(
    grid: GridBuilder, settings: Settings, agent: Cell, labels: dict[str, Any], title: str
) -> None:
    config = settings.evaluation.model_dump(mode="json")
    played = grid.add(
        "evaluation", config, needs={"agent": agent}, seed=agent.seed, title=f"{title}, evaluation"
    )
    grid.target({**labels, "what": "evaluation"}, played)
