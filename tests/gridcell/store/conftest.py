"""The kinds of storage that the store is tested on."""

import contextlib
import threading
import uuid
from collections.abc import Callable
from typing import Any

import fsspec
import pytest
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer


def in_one_step(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let one thread at a time into a method."""
    lock = threading.Lock()

    def alone(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return method(*args, **kwargs)

    return alone


@pytest.fixture(scope="module")
def s3():
    """An S3 server on loopback with an empty bucket; yields what a process needs to reach it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    environment = {
        "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        # S3 promises that a conditional write is one step; moto looks first, then writes, and lets two win.
        patch.setattr(S3Response, "put_object", in_one_step(S3Response.put_object))
        for name, value in environment.items():
            patch.setenv(name, value)
        fsspec.get_filesystem_class("s3").clear_instance_cache()  # of another server's address
        with contextlib.suppress(FileExistsError):  # moto's buckets outlive its servers
            fsspec.filesystem("s3", skip_instance_cache=True).mkdir("bucket")
        yield environment
    server.stop()


@pytest.fixture(params=["folder", "memory", "s3"])
def uri(request, tmp_path):
    """A store's address, of which nothing else knows."""
    if request.param == "folder":
        return str(tmp_path / "store")
    if request.param == "s3":
        request.getfixturevalue("s3")
        return f"s3://bucket/{uuid.uuid4().hex}"
    return f"memory://{uuid.uuid4().hex}"
