"""A Ray cluster to run on: one that is there, or one started on this machine and reachable from it alone."""

import contextlib
import logging
import math
import os
import platform
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gridcell import plugins
from gridcell.cell import Cell, Resources
from gridcell.errors import UserError
from gridcell.execute import allocation
from gridcell.execute.allotted import usable_cpus
from gridcell.execute.reach import LOOPBACK_ONLY, keep_sockets_short, prepare_to_reach
from gridcell.store.mark import ADVICE, of_its_own
from gridcell.store.scratch import sweep
from gridcell.task import Task

_LOG = logging.getLogger(__name__)
_COUNTED = {"CPU", "GPU"}  # what cells ask for
_ANSWER_S = 60.0  # a node that takes longer to start a worker is left to the cells that it gets
# Ray reads these when it is imported or started. Tune's snapshots serve Tuner.restore, which the store makes
# unnecessary, and hold 5 kB of text for each trial that there was: one is taken at a run's start and end.
# How many trials wait is for the searcher to say; of one that Tune doesn't know it would take one after
# another, and so start one worker after another.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "TUNE_MAX_PENDING_TRIALS_PG": "1000000",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "600",
}


@contextlib.contextmanager
def ray_cluster(address: str | None, num_cpus: int | None) -> Iterator[None]:
    """Connect to the cluster at ``address``; without one, start one here, and end it afterwards.

    Raises:
        UserError: there is none, or it can't be started.

    Example:
        >>> with ray_cluster(None, 2):  # doctest: +SKIP
        ...     ray.available_resources()["CPU"]
        2.0
    """
    started_here = {} if address else LOOPBACK_ONLY | allocation.ENVIRONMENT
    for name, value in (_ENVIRONMENT | started_here).items():
        os.environ.setdefault(name, value)
    if address is not None:
        prepare_to_reach(address)
    else:
        keep_sockets_short()
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.tune.tune").addFilter(_is_news)
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False, "include_dashboard": False}
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        if address is None:
            ray.init(address="local", num_cpus=num_cpus or usable_cpus(), **quiet)
        else:
            quiet.pop("include_dashboard")
            ray.init(address=address, **quiet)
    except SystemExit as ended:  # by the handler that Ray puts in place of ours, which says nothing
        if ended.code != signal.SIGTERM:
            raise
        raise KeyboardInterrupt from ended
    except Exception as error:  # Ray has no class of its own for a node that doesn't start in time
        why = " ".join(str(error).split())
        if address:
            raise UserError(f"No Ray cluster at '{address}': {why}") from error
        raise UserError(_did_not_start(why)) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray puts one in its place that ends the process at once
    try:
        yield
    finally:
        ray.shutdown()
        if address is None:
            sweep()  # Ray kills its processes


def _did_not_start(why: str) -> str:
    """Say that Ray did not start, and what can be done: mostly the machine was busy."""
    late = "timed out" in why
    said = "this machine is busy, and Ray's processes did not start in time" if late else why
    seen = f" (Ray says: {why})" if late else ""
    return (
        f"Ray could not be started on this machine: {said}. Type the command again, or add "
        f"'--executor inline', which runs one cell after another without Ray{seen}"
    )


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out Tune's list of failed trials: its ids lead nowhere, and the run tells each failed cell."""
    return not record.getMessage().startswith("Trials did not complete")


def bundles(resources: Resources) -> list[dict[str, float]]:
    """Return what each of a cell's workers occupies, in Ray's terms."""
    bundle = {"CPU": float(resources.cpus)} | ({"GPU": resources.gpus} if resources.gpus else {})
    if resources.memory_gb:
        bundle["memory"] = resources.memory_gb * 1e9
    if resources.gpu_type:  # each node with such GPUs offers 1 of this; so does Ray itself ask for a kind
        bundle[f"accelerator_type:{resources.gpu_type}"] = 0.001
    return [bundle | dict(resources.custom)] * resources.workers


def offers(node: Mapping[str, Any]) -> dict[str, float]:
    """Return what one of ``ray.nodes()`` has: its resources, and its labels, each for any number of cells."""
    labels = node.get("Labels") or {}
    return node["Resources"] | {_label(name, value): _MANY for name, value in labels.items()}


_LABEL = "label "
_MANY = 1e9  # so many cells may go by one label


def _label(name: str, value: str) -> str:
    return f"{_LABEL}{name}={value}"


def _asked(resources: Resources) -> dict[str, float]:
    """Return what each of a cell's workers needs of a node, as ``offers`` tells it."""
    return bundles(resources)[0] | {_label(name, value): 1.0 for name, value in resources.labels}


def can_hold(node: Mapping[str, float], resources: Resources) -> bool:
    """Whether an empty node that offers this holds one of a cell's workers; see ``offers``."""
    return all(node.get(name, 0) + 1e-9 >= amount for name, amount in _asked(resources).items())


def homeless(asked: Iterable[Resources], nodes: Sequence[Mapping[str, float]]) -> list[Resources]:
    """Return which of what cells ask for no node holds, however long they wait."""
    return [
        resources
        for resources in dict.fromkeys(asked)
        if not any(can_hold(node, resources) for node in nodes)
    ]


def _together(cells: Iterable[Resources]) -> defaultdict[str, float]:
    """Return name in Ray's terms -> what cells ask for together, given as each one's or as a counter."""
    asked: defaultdict[str, float] = defaultdict(float)
    for resources, count in Counter(cells).items():
        for name, amount in _asked(resources).items():
            asked[name] += amount * resources.workers * count
    return asked


def _labels_there() -> dict[str, float]:
    """Return the labels that any node of the cluster has, as ``offers`` tells them."""
    import ray

    told = [offers(node) for node in ray.nodes() if node["Alive"]]
    return {name: amount for each in told for name, amount in each.items() if name.startswith(_LABEL)}


class Room:
    """What a cluster has, looked up now and then, for it may grow and shrink.

    Args:
        processors: of its hosts together; what a cluster grows by has as many as Ray counts there.
    """

    LOOK_EVERY_S = 5.0

    def __init__(self, processors: float = math.inf) -> None:
        self._there: Mapping[str, float] = {}
        self._looked = -math.inf
        self._cpus_at_first = 0.0
        self._processors = processors
        self.growths = 0  # how often there was more of something than at the look before

    def _look(self, asked: Mapping[str, float]) -> None:
        """Look up what is there, unless that was just done; labels alone where they are asked for."""
        import ray

        if time.monotonic() - self._looked > self.LOOK_EVERY_S:
            before, self._there = self._there, ray.cluster_resources()
            if self._looked == -math.inf:
                self._cpus_at_first = self._there.get("CPU", 0)
            else:
                self.growths += any(self._there.get(name, 0) > before.get(name, 0) for name in _COUNTED)
            self._looked = time.monotonic()
        if any(name.startswith(_LABEL) and name not in self._there for name in asked):
            self._there = {**dict.fromkeys(asked, 0.0), **self._there, **_labels_there()}

    def holds(self, cells: Iterable[Resources]) -> bool:
        """Whether the cluster has what these cells ask for together, in whatever way it is cut into nodes.

        Args:
            cells: what each asks for, or a counter of these.
        """
        asked = _together(cells)
        self._look(asked)
        return all(amount <= self._there.get(name, 0) + 1e-9 for name, amount in asked.items())

    def more_of(self, resources: Resources, beside: Iterable[Resources]) -> int:
        """Return how many cells that ask for this the cluster has room for beside others; see ``holds``."""
        taken, each = _together(beside), _together([resources])
        self._look(each)
        left = {name: self._there.get(name, 0) - taken[name] + 1e-9 for name in each}
        return max(0, min((int(left[name] // amount) for name, amount in each.items() if amount), default=0))

    def starts_one_beside(self, starting: int) -> bool:
        """Whether to start a worker while so many others start.

        A start is half a second or more of imports. More of them at once than there are processors take
        longer together than one after another, and all cells wait for the last of them.
        """
        self._look({})
        more = max(0.0, self._there.get("CPU", 0) - self._cpus_at_first)
        return starting < max(1.0, self._processors + more)


def check_resources(cells: Sequence[Cell]) -> None:
    """Make sure that a cluster of one machine has what each cell asks for.

    Raises:
        UserError: it hasn't, so that the cell would wait for ever.
    """
    import ray

    there = ray.cluster_resources() | _labels_there()
    for cell in cells:
        workers = cell.resources.workers
        each = f"{workers} workers of " if workers > 1 else ""
        for name, amount in _asked(cell.resources).items():
            if amount * workers > there.get(name, 0):
                asked, have = _told(name, amount), _told(name, there.get(name, 0), bare=True)
                raise UserError(f"Cell {cell.title} asks for {each}{asked}, but this machine offers {have}")


def _told(name: str, amount: float, *, bare: bool = False) -> str:
    """Write an amount of one of Ray's resources for people; without its name where it is ``bare``."""
    if name.startswith(_LABEL):
        return "none" if bare else f"a node labelled {name.removeprefix(_LABEL)}"
    if name.startswith("accelerator_type:"):
        return "none" if bare else f"a GPU of type {name.partition(':')[2]}"
    if name == "memory":
        return f"{amount / 1e9:.3g} GB" + ("" if bare else " of memory")
    return f"{amount:g}" + ("" if bare else f" {name}")


def warn_of_homeless(cells: Iterable[Cell], address: str) -> None:
    """Warn of cells that no node of a cluster holds: they wait until one joins that does."""
    import ray

    nodes = [offers(node) for node in ray.nodes() if node["Alive"]]
    for resources in homeless((cell.resources for cell in cells), nodes):
        _LOG.warning(
            "No node of the cluster at %s holds a cell that asks for %s: such cells wait until one joins",
            address,
            resources,
        )


def check_nodes(task: Task, address: str, uri: str, mark: str) -> int:
    """Make sure that each node has the task's code and the run's storage; count their processors.

    Several nodes may be on one host, whose processors are counted once; each may offer more CPUs than these.

    Args:
        task: whose cells the nodes are to run.
        address: of the cluster, for messages.
        uri: of the store.
        mark: that is in it (``store.mark``).

    Raises:
        UserError: a node hasn't the code, so that each cell there would look like a node that goes away;
            or it can't read the storage, or has another folder by its name, where results would be lost.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    name, sent = task.name, plugins.to_send()

    # Sent by value, so that an error is this one's and not that of unpickling.
    def look() -> tuple[str, int, str]:
        from gridcell.execute.allotted import usable_cpus
        from gridcell.execute.received import receive
        from gridcell.store.mark import sees_mark
        from gridcell.task import find_task

        receive(sent)
        find_task(name)
        try:
            problem = "" if sees_mark(uri, mark) else of_its_own(uri)
        except Exception as error:  # each filesystem has its own
            problem = f"can't read the storage '{uri}' ({error})"
        return platform.node(), usable_cpus(), problem

    able = [node for node in ray.nodes() if node["Alive"] and node["Resources"].keys() & _COUNTED]
    places = [
        (node["NodeManagerAddress"], NodeAffinitySchedulingStrategy(node["NodeID"], soft=True))
        for node in able
    ]
    asked = {
        ray.remote(num_cpus=0)(look).options(scheduling_strategy=place).remote(): node
        for node, place in places or [("the head", "DEFAULT")]
    }
    import ray.tune  # meanwhile, for it takes as long

    answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_S)
    if silent:
        nodes = ", ".join(sorted({asked[answer] for answer in silent}))
        _LOG.warning("No answer in %g s from %s; going on", _ANSWER_S, nodes)
    hosts: dict[str, int] = {}
    for answer in answered:
        try:
            host, count, problem = ray.get(answer)
        except RayTaskError as error:
            why = str(error).strip().splitlines()[-1]
            raise UserError(
                f"The workers on {asked[answer]} of the cluster at '{address}' can't load the task '{name}' "
                f"({why}): install it there, or send it along by 'gridcell submit'"
            ) from error
        except RayError:  # the node or its worker went away meanwhile
            continue
        if problem:
            node = f"The node {asked[answer]} ({host}) of the cluster at '{address}'"
            raise UserError(f"{node} {problem}: {ADVICE}")
        hosts[host] = count
    return sum(hosts.values())
