"""The kinds of storage that the store is tested on."""

import contextlib
import uuid

import fsspec
import pytest
from moto.server import ThreadedMotoServer


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
