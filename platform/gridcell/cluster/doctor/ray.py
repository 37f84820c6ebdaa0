"""Ray: that it starts here and is reachable from here alone, or that each node of a cluster can work."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gridcell
from gridcell.cluster.doctor.check import CheckResult, Level, graded
from gridcell.cluster.doctor.storage import left_as_it_was
from gridcell.execute.cluster import homeless, offers, ray_cluster
from gridcell.store import Folder, Store
from gridcell.store.mark import marked

_ANSWER_S = 60.0  # a node that doesn't begin a task within this time can't be worked with
_SKEW_S = 5.0


def local() -> Iterator[CheckResult]:
    """Start Ray on this machine, run a function in a worker, and end it."""
    begun = time.monotonic()
    with ray_cluster(None, 1):
        import ray

        answer = ray.get(ray.remote(_double).remote(21), timeout=_ANSWER_S)
        took = time.monotonic() - begun
    advice = "see the newest logs in /tmp/ray/session_latest/logs"
    yield graded("Ray", answer == 42, f"starts here in {took:.0f} s and runs a function", advice, Level.BAD)


def cluster(address: str, storage: str) -> Iterator[CheckResult]:
    """Ask each node of a running cluster for its gridcell, its clock and its way to the storage.

    Args:
        address: of the cluster.
        storage: URI of the store, which each node must reach.
    """
    folder = Folder.open(storage)
    with ray_cluster(address, None), left_as_it_was(folder), marked(folder) as mark:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = ray.cluster_resources()
        nodes = [node for node in ray.nodes() if node["Alive"]]
        found = f"{len(nodes)} nodes, {there.get('CPU', 0):g} CPUs, {there.get('GPU', 0):g} GPUs"
        yield CheckResult("Ray", Level.OK, f"{address}: {found}")
        names = names_of(nodes)
        yield from _shared_hosts(nodes)
        yield from _homes([offers(node) for node in nodes], storage)
        asked = {}
        begun = time.time()
        for node in nodes:
            place = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            worker = ray.remote(num_cpus=0, scheduling_strategy=place)(_look)
            asked[worker.remote(storage, mark)] = names[node["NodeID"]]
        answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_S)
        for reference in answered:
            try:
                yield from _node(asked[reference], ray.get(reference), begun)
            except ray.exceptions.RayError as error:
                found = f"its workers can't run gridcell ({str(error).splitlines()[-1][:200]})"
                advice = f"install gridcell {gridcell.__version__} there, the same as here"
                yield CheckResult(f"node {asked[reference]}", Level.BAD, found, advice)
        for reference in silent:
            found = f"no answer in {_ANSWER_S:g} s"
            yield CheckResult(
                f"node {asked[reference]}", Level.BAD, found, "look at the Ray logs of that node"
            )


def names_of(nodes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return what nodes are called: their address, and where several have it the start of Ray's id, too.

    Args:
        nodes: of ``ray.nodes()``.

    Example:
        >>> names_of([{"NodeID": f"{name}00000000", "NodeManagerAddress": "10.0.0.1"} for name in "ab"])
        {'a00000000': '10.0.0.1 (a0000000)', 'b00000000': '10.0.0.1 (b0000000)'}
    """
    counts = Counter(node["NodeManagerAddress"] for node in nodes)
    return {
        node["NodeID"]: node["NodeManagerAddress"]
        + (f" ({node['NodeID'][:8]})" if counts[node["NodeManagerAddress"]] > 1 else "")
        for node in nodes
    }


def _shared_hosts(nodes: Sequence[Mapping[str, Any]]) -> Iterator[CheckResult]:
    """Warn of nodes on one host: whether each has an agent that starts jobs can't be seen from outside.

    The port of the agent, 52365, answers although only the first node that took it has one.
    """
    for address, count in Counter(node["NodeManagerAddress"] for node in nodes).items():
        if count > 1:
            found = f"{count} nodes are on {address}: it can't be seen whether they share a port or a folder"
            advice = (
                "if they do, jobs start on the first alone: give all others --dashboard-agent-listen-port "
                "and --temp-dir of their own"
            )
            yield CheckResult("ports", Level.WARN, found, advice)


def _homes(nodes: Sequence[Mapping[str, float]], storage: str) -> Iterator[CheckResult]:
    """Say whether each cell that was planned on the storage, and isn't done, fits on some node."""
    try:
        store = Store(storage)
        done = store.results.done()
        waiting = [
            cell
            for plan in store.plans.read_all()
            for cell_id, cell in plan.cells.items()
            if cell_id not in done
        ]
    except Exception:  # the storage's own check tells of it
        return
    without = homeless((cell.resources for cell in waiting), nodes)
    for resources in without:
        kinds = sorted({f"{cell.task} {cell.kind}" for cell in waiting if cell.resources == resources})
        found = f"no node holds a cell of {', '.join(kinds)}, which asks for {resources}"
        advice = "add a node that does, or lower 'resources' in the suite"
        yield CheckResult("room", Level.WARN, found, advice)
    if waiting and not without:
        yield CheckResult("room", Level.OK, "each planned cell fits on some node")


def _double(number: int) -> int:
    return 2 * number


def _look(storage: str, mark: str) -> dict[str, Any]:
    """Tell, on a node, what ``_node`` judges."""
    import time

    import gridcell
    from gridcell.store import Folder
    from gridcell.store.mark import of_its_own, sees_mark

    problem = ""
    try:
        if sees_mark(storage, mark):
            Folder.open(storage).check_writable()
        else:
            problem = f"it {of_its_own(storage)}"
    except Exception as error:  # whatever it is, it is the finding
        problem = str(error)
    return {"gridcell": gridcell.__version__, "time": time.time(), "storage": problem}


def _node(address: str, told: Mapping[str, Any], begun: float) -> Iterator[CheckResult]:
    now = time.time()
    problems = []
    if told["gridcell"] != gridcell.__version__:
        problems.append(f"gridcell {told['gridcell']}, here {gridcell.__version__}: install the same")
    if told["storage"]:
        problems.append(f"{told['storage']}: name a storage that every node reaches")
    level = Level.BAD if problems else Level.OK
    yield CheckResult(f"node {address}", level, "; ".join(problems) or "reaches the storage, same gridcell")
    skew = max(begun - told["time"], told["time"] - now)  # it looked between ``begun`` and ``now``
    if skew > _SKEW_S:
        advice = "run a time service (chrony, systemd-timesyncd)"
        yield CheckResult(f"clock of {address}", Level.WARN, f"at least {skew:.0f} s from this one's", advice)
