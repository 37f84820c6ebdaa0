"""The splitting cell: one run of subset simulation, where the target lies outside the sampled networks."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gridcell import Cell, Context
from inductive_bias.cells.kernel import ERRORS
from inductive_bias.cells.networks import prepared
from inductive_bias.problems.pool import check_labels
from inductive_bias.splitting.levels import Level, Plan, Progress, advance, finished
from inductive_bias.splitting.probability import log_probability, reached

LEVELS = "levels.npz"
INSIDE = 0.1
"""Share of the sampled networks below the target from which on no splitting is needed."""

CHECKPOINT_EVERY_S = 30.0

_FAST = {"particles": 8, "sweeps": 1, "max_levels": 2}
"""Of a trial run."""


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Go down to the target level by level; at once through where the samples hold it.

    Leaves ``levels.npz``: ``history``, float64 (levels + 1, particles): the particles' errors at each level.

    Raises:
        UserError: the architecture doesn't suit the inputs, or the data don't suffice.
    """
    from inductive_bias.network_space.particles import NetworkParticles

    config = cell.config
    roles = [role for role in cell.needs if role.startswith("part")]
    mistakes = config.get("measure") == "mistakes"
    what = "mistakes" if mistakes else "errors"
    sampled = np.concatenate(
        [np.load(context.artifact(role, ERRORS), allow_pickle=False)[what] for role in roles]
    )
    made = prepared(config, context)
    if mistakes:
        check_labels(made.split.y_test)
    unit = 1.0 if mistakes else made.unit
    target = config["target"] * unit + (1e-9 if mistakes else 0.0)  # shares are multiples of 1 / n_test
    if not len(sampled) or float((sampled <= target).mean()) >= INSIDE:
        return {"needed": False}
    chosen = config["splitting"] | (_FAST if context.fast else {})
    plan = Plan(chosen["particles"], chosen["sweeps"], chosen["max_levels"], context.seed, config["run"])
    space = NetworkParticles(
        made.architecture,
        made.recipe,
        (made.train[0].to(context.device), made.train[1].to(context.device)),
        (made.test[0].to(context.device), made.test[1].to(context.device)),
        at_once=made.at_once,
        mistakes=mistakes,
    )
    at = begun = _latest(context)
    for at in advance(space, plan, target, begun):
        context.report(at.evaluated, level=float(np.median(at.errors)) / unit if len(at.errors) else 1.0)
        if context.checkpoint_is_due(CHECKPOINT_EVERY_S) and not finished(plan, target, at):
            _keep(at, context)
    assert at is not None
    context.report(at.evaluated, level=float(np.median(at.errors)) / unit if len(at.errors) else 1.0)
    np.savez(context.outputs / LEVELS, history=np.array([*at.history, at.errors]))
    asked = [*(eps * unit for eps in config["epsilons"]), target]
    return {
        "needed": True,
        "reached": reached(target, at),
        "log_probabilities": [
            None if math.isnan(value) else value
            for value in (log_probability(eps, target, at) for eps in asked)
        ],
        "levels": len(at.levels),
        "smallest_acceptance": min(
            (level.acceptance for level in at.levels if level.acceptance is not None), default=None
        ),
        "mean_correlation": _mean(
            [level.correlation for level in at.levels if level.correlation is not None]
        ),
        "mean_sweeps": _mean([level.sweeps for level in at.levels if level.sweeps]),
        "founders": at.levels[-1].founders if at.levels else len(at.errors),
        "unfitted": at.unfitted,
        "hypotheses": at.evaluated,
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _keep(at: Progress, context: Context) -> None:
    """Write a checkpoint: arrays, and the rest as JSON."""
    file = context.scratch / "splitting.npz"
    rest = {
        "levels": [vars(level) for level in at.levels],
        "step": at.step,
        "sweeps": at.sweeps,
        "sweep": at.sweep,
        "accepted": at.accepted,
        "unfitted": at.unfitted,
        "evaluated": at.evaluated,
        "stalled": at.stalled,
    }
    np.savez(
        file,
        errors=at.errors,
        labels=at.labels,
        founders=at.founders,
        before=at.before,
        history=np.array(at.history).reshape(len(at.history), len(at.errors)),
        rest=np.array(json.dumps(rest)),
        allow_pickle=False,
        **{f"state-{name}": values for name, values in at.states.items()},
    )
    context.keep(file, at.evaluated)


def _latest(context: Context) -> Progress | None:
    """Read the newest checkpoint, None where there is none."""
    file = context.checkpoints.latest(context.scratch)
    return None if file is None else _read(file)


def _read(file: Path) -> Progress:
    with np.load(file, allow_pickle=False) as arrays:
        rest = json.loads(str(arrays["rest"]))
        states = {name.removeprefix("state-"): arrays[name] for name in arrays if name.startswith("state-")}
        levels = tuple(Level(**level) for level in rest.pop("levels"))
        return Progress(
            states,
            arrays["errors"],
            arrays["labels"],
            arrays["founders"],
            levels,
            tuple(arrays["history"]),
            before=arrays["before"],
            **rest,
        )
