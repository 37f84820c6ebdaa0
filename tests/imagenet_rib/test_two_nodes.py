"""A suite on a cluster of two nodes gives, to the last bit, what it gives in one process on one node."""

from collections import Counter
from pathlib import Path

import pytest

from gridcell.store import Store
from local_cluster import RAY, LocalCluster

TINY = Path(__file__).parent / "tiny.yaml"
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("end-to-end")]


@pytest.fixture(scope="module")
def cluster():
    """A head that works too, and one more node; a CPU each."""
    cluster = LocalCluster()
    try:
        cluster.start((RAY, "start", "--head", "--block", "--num-cpus=1"))
        cluster.add_worker(cpus=1)
        cluster.wait_for_nodes(2)
        yield cluster
    finally:
        cluster.stop()


def test_two_nodes_give_the_summary_of_one_byte_for_byte(cluster, tmp_path):
    where = {"one": ["--executor", "inline"], "two": ["--address", f"127.0.0.1:{cluster.port}"]}
    for name, how in where.items():
        folder = tmp_path / name
        arguments = ["imagenet-rib", "--suite", TINY, "--storage", folder, "--report", folder / "report"]
        done = cluster.gridcell("run", *arguments, *how, cwd=tmp_path, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
    one, two = (Store(str(tmp_path / name)).results for name in where)
    assert one.done() == two.done()
    assert {one.read(cell).provenance["node"] for cell in one.done()} == {None}
    nodes = Counter(two.read(cell).provenance["node"] for cell in two.done())
    assert len(nodes) == 2
    assert min(nodes.values()) > 0.1 * nodes.total()
    summaries = [(tmp_path / name / "report" / "summary.json").read_bytes() for name in where]
    assert summaries[0] == summaries[1]
    for cell in one.done():
        assert one.read(cell).content == two.read(cell).content
