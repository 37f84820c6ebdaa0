"""What another process writes after a look at a folder is found, on every kind of storage."""

import pytest

from gridcell.store.filesystem import Folder


@pytest.fixture(params=["folder", "memory", "s3"])
def uri(request, tmp_path):
    if request.param == "s3":
        request.getfixturevalue("s3")
        return "s3://bucket/listed"
    return str(tmp_path / "listed") if request.param == "folder" else "memory://listed"


def test_no_listing_hides_what_others_write(uri):
    ours = Folder.open(uri)
    ours.write("results/a", b"1")
    assert ours.names("results") == ["a"]
    options = dict(ours.filesystem.storage_options, skip_instance_cache=True)
    theirs = Folder(type(ours.filesystem)(**options), ours.root)  # as in another process: a cache of its own
    assert theirs.create("results/b", b"2")
    assert not ours.create("results/b", b"3")
    assert ours.read("results/b") == b"2"
    assert ours.read_many(["results/a", "results/b"]) == {"results/a": b"1", "results/b": b"2"}
    assert ours.filesystem.exists(ours.path("results/b"))
