"""What a process that ends says about its end: by itself in the storage, or by what it left on its node."""

import contextlib
import json
import logging
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridcell.cell import Cell
from gridcell.execute.cluster import offers
from gridcell.execute.outcome import Failure, FailureClass
from gridcell.store import Store

ANSWER_S = 20.0  # a node that takes longer to say why a process ended counts as gone
TAIL = 16_000  # bytes of a process's last output that are kept

_FATAL = re.compile(r"(?:Fatal Python error|\*\*\* SIG\w+|Fatal signal)[^\n]*")
_SIGNALS = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Illegal instruction": "SIGILL",
    "Floating-point exception": "SIGFPE",
}


def leave_last_words(cell: Cell, store: Store, failure: Failure, attempt: str = "") -> None:
    """Say in the storage why this process ends; the driver reads it."""
    store.folder.write(_note(cell, attempt), json.dumps(failure.to_record()).encode())


def take_last_words(cell: Cell, store: Store, attempt: str = "") -> Failure | None:
    """Return why an attempt's process ended itself, if it said so, and remove what it said.

    What is damaged, as by a process that ended while it wrote, counts as nothing said.
    """
    name = _note(cell, attempt)
    try:
        said = store.folder.read(name)
    except FileNotFoundError:
        return None
    store.folder.remove(name)
    try:
        return Failure.from_record(json.loads(said))
    except (ValueError, KeyError, TypeError, AttributeError):
        logging.getLogger(__name__).warning("The note %s of the storage is damaged: left out", name)
        return None


def _note(cell: Cell, attempt: str) -> str:
    return f"stalls/{cell.id}-{attempt}.json" if attempt else f"stalls/{cell.id}.json"


@dataclass(frozen=True)
class Process:
    """A process that runs cells, as others can ask after it.

    Attributes:
        node: Ray's id of its node.
        worker: Ray's id of the process.
        errors: file on the node that receives what it writes to its standard error, if it is one.
        begins: length of this file in bytes when the cell began.
        kills: how often the kernel had killed for memory by then, as far as is known.
        folder: on the node, in which it can be told that it is to end; empty for none.
        host: its name.
    """

    node: str
    worker: str = ""
    errors: str | None = None
    begins: int = 0
    kills: int | None = None
    folder: str = ""
    host: str = ""


def this_process() -> Process:
    """Describe this process, which works for a node of Ray."""
    import ray

    context = ray.get_runtime_context()
    path, size = _file_behind(2)
    ids = context.get_node_id(), context.get_worker_id()
    return Process(*ids, path, size, kernel_kills(), host=platform.node())


def _file_behind(descriptor: int) -> tuple[str | None, int]:
    with contextlib.suppress(OSError):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_file():
            return str(path), path.stat().st_size
    return None, 0


def kernel_kills(root: Path = Path("/")) -> int | None:
    """Return how many processes of this group of processes (cgroup) the kernel killed for memory.

    Args:
        root: of the file system.
    """
    counters = [root / "sys/fs/cgroup" / own / "memory.events" for own in _own_groups(root)]
    counters += [root / "sys/fs/cgroup/memory" / own / "memory.oom_control" for own in _own_groups(root)]
    counters += [root / "sys/fs/cgroup/memory/memory.oom_control", root / "proc/vmstat"]
    for counter in counters:
        with contextlib.suppress(OSError):
            if found := re.search(r"^oom_kill (\d+)$", counter.read_text(), re.M):
                return int(found[1])
    return None


def _own_groups(root: Path) -> list[str]:
    with contextlib.suppress(OSError):
        lines = (root / "proc/self/cgroup").read_text().splitlines()
        parts = [line.split(":", 2) for line in lines]
        return [part[2].lstrip("/") for part in parts if len(part) == 3 and part[1] in ("", "memory")] + [""]
    return [""]


@dataclass(frozen=True)
class Remains:
    """What a process that went away left on its node: its last output, and the kernel's count of kills."""

    tail: str
    kills: int | None


def remains_of(process: Process) -> Remains:
    """Look on this node for what a process left."""
    return Remains(_tail(process), kernel_kills())


def _tail(process: Process) -> str:
    if process.errors is None:
        return ""
    with contextlib.suppress(OSError), Path(process.errors).open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(process.begins, end - TAIL))
        return file.read().decode(errors="replace")
    return ""


def why_it_ended(process: Process, remains: Remains) -> Failure:
    """Tell why a process ended whose node lives."""
    fatal = _FATAL.search(remains.tail)
    if fatal:
        known = [f" ({signal})" for words, signal in _SIGNALS.items() if words in fatal[0]]
        message = f"its process crashed: {fatal[0]}{''.join(known)}"
        return Failure(FailureClass.CRASHED, message, remains.tail, ends_process=True)
    if process.kills is not None and remains.kills is not None and remains.kills > process.kills:
        message = "the kernel killed its process because memory ran out"
        return Failure(FailureClass.OUT_OF_MEMORY, message, remains.tail, ends_process=True)
    message = "its process ended by itself or was killed (SIGKILL leaves no trace), and its node lives"
    return Failure(FailureClass.CRASHED, message, remains.tail, ends_process=True)


def ask_node(process: Process, answer_s: float = ANSWER_S) -> Failure:
    """Ask a node of Ray why one of its processes ended; a node that doesn't answer went away with it."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = ray.nodes()
    gone = Failure(FailureClass.PREEMPTED, node_is_gone(nodes, process.node))
    if process.node not in living_nodes():
        return gone
    there = NodeAffinitySchedulingStrategy(process.node, soft=False)
    look = ray.remote(num_cpus=0, max_retries=0)(remains_of).options(scheduling_strategy=there)
    try:
        remains = ray.get(look.remote(process), timeout=answer_s)
    except (ray.exceptions.RayError, TimeoutError):
        return gone
    return why_it_ended(process, remains)


def node_is_gone(nodes: Sequence[Mapping[str, Any]], node: str) -> str:
    """Say which node went away, and how many are left.

    Args:
        nodes: of ``ray.nodes()``, which has those that ended, too.
        node: Ray's id of the one that did.

    Example:
        >>> there = {"NodeID": "a", "NodeManagerAddress": "10.0.0.1", "Alive": True}
        >>> node_is_gone([there, {**there, "NodeID": "b", "NodeManagerAddress": "10.0.0.2"}], "b")
        'its node went away (10.0.0.2; 1 node is left)'
    """
    addresses = [str(one["NodeManagerAddress"]) for one in nodes if one["NodeID"] == node]
    left = sum(one["Alive"] and one["NodeID"] != node for one in nodes)
    there = f"{left} node{'s are' if left != 1 else ' is'} left"
    return f"its node went away ({'; '.join([*addresses[:1], there])})"


def living_nodes() -> Mapping[str, Mapping[str, float]]:
    """Return Ray's id -> what it offers, of each node that lives."""
    import ray

    return {node["NodeID"]: offers(node) for node in ray.nodes() if node["Alive"]}
