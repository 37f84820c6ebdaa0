"""The scheduler at the size of a large grid: 10,000 cells on simulated clusters that lose nodes."""

import numpy as np
from tests.benchmarks.planning import large_grid

from gridcell.execute.schedule import Schedule
from gridcell.execute.simulate import Cluster, simulate

AIMS = {"scheduling per cell (ms)": "<= 1"}
CLUSTERS = {8: (1, 8), 64: (8, 8), 512: (64, 8)}
OVERHEAD_S = 0.02  # per cell, as tune_overhead measures it


def measure() -> dict[str, float]:
    """Return, for three sizes of cluster, utilisation and what lost nodes cost.

    One pre-training comes first, alone, so the largest cluster can't be busy all the time. Trainings take 10
    minutes and evaluations half a minute on average (gamma-distributed); a node is lost once a day and back
    after five minutes; cells checkpoint every 30 s.
    """
    grid = large_grid(2000)
    rng = np.random.default_rng(0)
    mean = {"pretrain": 600.0, "train": 600.0, "evaluate": 30.0}
    seconds = {cell.id: float(rng.gamma(4.0, mean[cell.kind] / 4)) for cell in grid.cells.values()}
    figures: dict[str, float] = {}
    for slots, (nodes, slots_per_node) in CLUSTERS.items():
        cluster = Cluster(
            nodes,
            slots_per_node,
            overhead_s=OVERHEAD_S,
            losses_per_node_hour=1 / 24,
            checkpoint_every_s=30.0,
        )
        simulated = simulate(Schedule(grid, set()), seconds, cluster)
        assert simulated.finished == len(grid), f"{simulated.failed} cells were given up"
        figures |= {
            f"{slots} slots: hours": simulated.makespan_s / 3600,
            f"{slots} slots: busy": simulated.utilisation,
            f"{slots} slots: nodes lost": float(simulated.lost_nodes),
            f"{slots} slots: share of work lost": simulated.wasted_s / sum(seconds.values()),
        }
        figures["scheduling per cell (ms)"] = 1000 * simulated.scheduling_s / len(grid)
    return figures
