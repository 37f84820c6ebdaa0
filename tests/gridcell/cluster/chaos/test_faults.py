"""Some faults for real, on a cluster of three nodes; ``make chaos`` runs them all."""

import pytest

from gridcell.cluster.chaos.run import run_faults


@pytest.mark.long
def test_faults_are_survived():
    said = []
    verdicts = run_faults(["worker-killed", "driver-terminated", "shard-corrupt"], said.append)
    assert [verdict.problem for verdict in verdicts] == [""] * 3
    assert verdicts[0].repeated  # or nothing was interrupted
    assert said[0].startswith("undisturbed: 8 cells")
