"""The Ray that an agent's cell starts where none is there: on loopback alone, and one for all cells."""

import subprocess
import sys

import pytest

LISTENS = """
import ipaddress, psutil, sys
from farcuriosity.agent.local import local_ray
from gridcell.execute.processes import processes_for
assert "ray" not in sys.modules  # it reads at its import where it may listen
seen = []
with processes_for([]):
    for _ in range(2):
        with local_ray():
            import ray
            seen.append(ray.get_runtime_context().get_job_id() + ray.get_runtime_context().get_node_id())
    me = psutil.Process()
    addresses = {
        connection.laddr.ip
        for process in [me, *me.children(recursive=True)]
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
assert not ray.is_initialized()
assert len(set(seen)) == 1, seen
assert addresses
outside = [
    text
    for text in addresses
    if not (ip := ipaddress.ip_address(text)).is_loopback
    and not (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
]
assert not outside, outside
"""


@pytest.mark.slow
def test_an_agents_ray_listens_on_loopback_alone_and_serves_all_cells():
    ended = subprocess.run([sys.executable, "-c", LISTENS], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
