"""The cell of the forgetting study: one curiosity, one world, one seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gridcell import Cell, Context, UserError

VISITS = "visits.npz"


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Follow the path and leave what happened at each step in ``visits.npz``.

    The cell's configuration: ``world`` (rows, columns, size, view; its colours and doors come from the seed),
    ``curiosity``, its ``parameters``, and ``path`` (laps, sweeps, sweep_back, episodes, segment, epochs,
    warm_up). ``return_error`` is the figure to compare by: see ``forgetting.measure.returns``.

    Raises:
        UserError: no such curiosity or parameters, or no cell of the path is scored twice.
    """
    import torch

    from farcuriosity.curiosity.modules import get
    from farcuriosity.environments.world import RoomsWorld
    from farcuriosity.forgetting.measure import dwell, forgetting_map, fragments_per_room, returns
    from farcuriosity.forgetting.path import lap, moves
    from farcuriosity.forgetting.walk import follow

    world = RoomsWorld(**cell.config["world"], layout=context.seed)
    path = cell.config["path"]
    views = world.views(goal=False).transpose(0, 3, 1, 2).copy()  # as torch has it, channels first
    episodes = path.get("episodes", False)
    once = lap(world, path["sweeps"], sweep_back=path["sweep_back"], go_back=not episodes)
    cells = np.array(once * path["laps"])
    ends = np.zeros(len(cells), bool)
    ends[len(once) - 1 :: len(once)] = episodes
    before = np.concatenate([[world.start], np.where(ends, world.start, cells)[:-1]])
    curiosity = get(cell.config["curiosity"]).build(
        views.shape[1:], 4, 1, context.seed, device=context.device, **cell.config["parameters"]
    )
    curiosity.warm_up(
        torch.from_numpy(views[_wander(world.next, world.start, path["warm_up"], context.seed)])
    )
    walk = follow(
        curiosity,
        views[before],
        views[cells],
        np.tile(moves(world, once), path["laps"]),
        ends=ends,
        segment=path["segment"],
        epochs=path["epochs"],
        progress=lambda steps, values: context.report(steps, **values),
    )
    reward_map = forgetting_map(cells, walk.rewards, len(world))
    if not np.isfinite(reward_map).any():
        kind = cell.config["curiosity"]
        raise UserError(
            f"Along the {len(cells)} steps of forgetting.path '{kind}' scores no cell twice, so none can be "
            "forgotten: take more laps or shorter segments"
        )
    np.savez_compressed(
        context.outputs / VISITS,
        cells=cells,
        rewards=walk.rewards,
        errors=walk.errors,
        fragments=walk.fragments,
        positions=world.positions,
        colours=world.colours,
        made=np.array(walk.made, np.int64),
        recalled=np.array(walk.recalled, np.int64),
        lap=len(once),
        rooms=world.rooms[cells],
    )
    error_map = forgetting_map(cells, walk.errors, len(world))
    rooms = world.rooms[cells]
    back = returns(cells, rooms, walk.errors)
    later = len(cells) // 2  # when fragments of most rooms are there
    return {
        "return_error": back.error if back.pairs else None,
        "left_error": back.left if back.pairs else None,
        "returns": back.pairs,
        "fragments_per_room": fragments_per_room(rooms[later:], walk.fragments[later:]),
        "dwell": dwell(walk.fragments[later:]),
        "forgetting": float(np.nanmean(reward_map)),
        "error_forgetting": float(np.nanmean(error_map)),
        "steps": len(cells),
        **curiosity.values(),
    }


def _wander(following: np.ndarray, start: int, steps: int, seed: int) -> np.ndarray:
    """Return the cells of a random walk."""
    cells = [start]
    for action in np.random.default_rng(seed).integers(4, size=steps - 1):
        cells.append(int(following[cells[-1], action]))
    return np.array(cells)
