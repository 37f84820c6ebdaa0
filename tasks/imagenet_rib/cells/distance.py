"""The distance cell: how far one set is from another in the features of one model."""

from collections.abc import Mapping
from typing import Any

from gridcell import Cell, Context
from imagenet_rib.cells.features import FEATURES, read_features


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Compute the optimal transport dataset distance of two sets, and its excess over sampling noise.

    Raises:
        UserError: the solver does not converge.
    """
    from imagenet_rib.distance.excess import otdd_excess
    from imagenet_rib.distance.memory import memory_needed
    from imagenet_rib.distance.otdd import otdd

    config = dict(cell.config)
    source = read_features(context.artifact("features", FEATURES), config.pop("source"))
    where = "target" if "target" in cell.needs else "features"  # a set from outside has features of its own
    target = read_features(context.artifact(where, FEATURES), config.pop("target"))
    cap = config["max_samples"]
    allowed = memory_needed(cap, cap, config["solver"])  # the plan has checked that it may be taken
    how = {**config, "seed": context.seed, "device": context.device, "memory_limit": allowed}
    found = otdd(source, target, **how)
    beyond = otdd_excess(source, target, **how)
    return {
        "excess": beyond.distance,
        "excess_squared": beyond.squared,
        "baseline": beyond.baseline,
        "half": beyond.used,
        "distance": found.distance,
        "deviation": found.deviation,
        "values": list(found.values),
        "used": list(found.used),
        "available": list(found.available),
        "capped": found.capped,
        "mean_label_distance": float(found.label_distances.mean()),
        "memory_bytes": found.memory,
    }
