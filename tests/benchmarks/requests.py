"""What a run that has nothing to do asks of S3, and what reading results asks.

The S3 server is moto's, on loopback; requests are counted where they are sent. The run is the command itself,
with its plan, its check for stale results and its report.
"""

import contextlib
import io
import os
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import psutil
from tests.counted_requests import counted_requests

AIMS = {"nothing to run: requests a cell": "<= 1.2", "a result: requests": "<= 1"}
CELLS = int(os.environ.get("GRIDCELL_BENCH_CELLS", "300"))


def measure() -> dict[str, float]:
    """Return requests for each of ``CELLS`` cells, by kind, and what the run costs its process.

    ``GRIDCELL_BENCH_CELLS=10000`` measures a large grid; moto takes most of the time.
    """
    with _s3(), tempfile.TemporaryDirectory() as folder:
        from tests.benchmarks._waiting_task import Settings, task

        from gridcell.store import Store

        store = Store(f"s3://bucket/{uuid.uuid4().hex}").prepare()
        ids = _fill(store, task.plan(Settings(cells=CELLS, seconds=0)), Path(folder))
        with counted_requests() as one:
            store.results.read(ids[0])
        before = psutil.Process().memory_info().rss
        with counted_requests() as nothing, _peak() as peak:
            _run(store.uri, Path(folder))
        return {
            "cells": float(CELLS),
            "nothing to run: memory a cell (kB)": (max(peak) - before) / CELLS / 1000,
            "a result: requests": float(one.total()),
            "nothing to run: requests a cell": nothing.total() / CELLS,
            "nothing to run: GETs of results a cell": nothing["GET", "results"] / CELLS,
            "nothing to run: HEADs of results a cell": nothing["HEAD", "results"] / CELLS,
            "nothing to run: listings": float(nothing["LIST", ""]),
        }


@contextlib.contextmanager
def _peak() -> Iterator[list[int]]:
    """Yield a list to which this process's memory, in bytes, is added now and then."""
    seen, over = [psutil.Process().memory_info().rss], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            seen.append(psutil.Process().memory_info().rss)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
        seen.append(psutil.Process().memory_info().rss)


@contextlib.contextmanager
def _s3() -> Iterator[None]:
    """Serve a bucket from a process of its own, so that memory and time here are gridcell's."""
    import fsspec

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "GRIDCELL_TASKS": "waiting=tests.benchmarks._waiting_task:task",
    }
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
        with mock.patch.dict(os.environ, environment):
            fsspec.get_filesystem_class("s3").clear_instance_cache()
            fsspec.filesystem("s3", skip_instance_cache=True).mkdir("bucket")
            yield
    finally:
        server.terminate()
        server.wait()


def _fill(store, grid, folder: Path) -> list[str]:
    from tests.benchmarks._waiting_task import task

    from gridcell.execute.running_code import code_of

    out = folder / "empty"
    out.mkdir()
    for cell in grid.cells.values():
        provenance = {"code": code_of(task, cell).fingerprint, "inputs": {}, "seconds": 0.0, "versions": {}}
        store.results.commit(cell, {"process": 1, "began": 0.0, "torch": False}, out, provenance)
    return list(grid.cells)


def _run(uri: str, folder: Path) -> None:
    from gridcell.cli import main

    suite = folder / "waiting.yaml"
    suite.write_text(f"cells: {CELLS}\nseconds: 0\n")
    told = io.StringIO()
    argv = ["gridcell", "run", "waiting", "--suite", str(suite), "--storage", uri, "--executor", "inline"]
    argv += ["--out", str(folder / "report")]
    command = mock.patch.object(sys, "argv", argv)
    with command, contextlib.redirect_stdout(told), contextlib.suppress(SystemExit):
        main()
    assert f"{CELLS} cells, 0 to run" in told.getvalue(), told.getvalue()
