"""The cache of remote files: verified, bounded, shared by processes."""

import contextlib
import hashlib
import multiprocessing
import os
from pathlib import Path

import fsspec
import numpy as np
import pytest
from fsspec.implementations.dirfs import DirFileSystem

from gridcell.cell import Cell
from gridcell.data.shards.manifest import Shard
from gridcell.data.shards.samples import ShardSamples
from gridcell.data.shards.write import import_set
from gridcell.errors import CorruptData, UserError
from gridcell.store import Store
from gridcell.store.cache import FileCache, cache_folder, cache_limit
from gridcell.store.filesystem import Folder
from published_sets import SETS, seen

SIZE = 50_000


@pytest.fixture
def remote(tmp_path):
    """Six files of 50 kB behind a remote filesystem, and what the manifest would say of them."""
    rng = np.random.default_rng(0)
    (tmp_path / "remote").mkdir()
    shards = []
    for number in range(6):
        content = rng.bytes(SIZE)
        (tmp_path / "remote" / f"shard-{number:05d}.tar").write_bytes(content)
        shards.append(Shard(f"shard-{number:05d}.tar", 1, SIZE, hashlib.sha256(content).hexdigest()))
    return remote_folder(tmp_path / "remote"), shards


class Counting(DirFileSystem):
    """A remote filesystem that leaves a mark for each fetch, so that other processes' fetches count too."""

    def get_file(self, path, local, **options):
        name = Path(path).name
        (Path(self.path).parent / f"{name}.{os.getpid()}.{os.urandom(4).hex()}.fetched").touch()
        super().get_file(path, local, **options)


def remote_folder(root):
    return Folder(Counting(str(root), fsspec.filesystem("file")), "")


def fetches(tmp_path):
    return len(list(tmp_path.glob("*.fetched")))


def held(cache):
    return sum(file.stat().st_size for file in cache.root.iterdir() if file.is_file())


def test_fetched_once_then_read_from_here(tmp_path, remote):
    folder, shards = remote
    cache = FileCache(tmp_path / "cache")
    for _ in range(3):
        with cache.open(folder, shards[0]) as file:
            assert hashlib.sha256(file.read()).hexdigest() == shards[0].sha256
    assert fetches(tmp_path) == 1


def test_never_above_the_limit_and_the_longest_unused_goes_first(tmp_path, remote):
    folder, shards = remote
    cache = FileCache(tmp_path / "cache", limit=3 * SIZE)
    for place, number in enumerate([0, 1, 2, 0, 3, 0]):
        cache.open(folder, shards[number]).close()
        os.utime(cache.root / f"{shards[number].sha256}.tar", (place, place))  # clocks may be coarse
        assert held(cache) <= 3 * SIZE
    assert {file.stem for file in cache.root.glob("*.tar")} == {shards[n].sha256 for n in (0, 2, 3)}
    assert fetches(tmp_path) == 4


def test_opening_a_file_makes_it_the_one_used_last(tmp_path, remote):
    folder, shards = remote
    cache = FileCache(tmp_path / "cache", limit=2 * SIZE)
    for long_ago, shard in enumerate(shards[:2], start=1):
        cache.open(folder, shard).close()
        os.utime(cache.root / f"{shard.sha256}.tar", (long_ago, long_ago))
    cache.open(folder, shards[0]).close()
    cache.open(folder, shards[2]).close()
    assert {file.stem for file in cache.root.glob("*.tar")} == {shards[0].sha256, shards[2].sha256}


def test_an_open_shard_stays_readable_when_it_is_removed(tmp_path, remote):
    folder, shards = remote
    cache = FileCache(tmp_path / "cache", limit=SIZE)
    with cache.open(folder, shards[0]) as first:
        cache.open(folder, shards[1]).close()
        assert not (cache.root / f"{shards[0].sha256}.tar").exists()
        assert hashlib.sha256(first.read()).hexdigest() == shards[0].sha256


def test_what_arrives_damaged_is_refused_and_not_kept(tmp_path, remote):
    folder, shards = remote
    victim = tmp_path / "remote" / shards[0].name
    content = bytearray(victim.read_bytes())
    content[777] ^= 1
    victim.write_bytes(content)
    cache = FileCache(tmp_path / "cache")
    with pytest.raises(CorruptData, match=r"shard-00000\.tar doesn't match its checksum"):
        cache.open(folder, shards[0])
    assert held(cache) == 0
    (tmp_path / "remote" / shards[1].name).unlink()
    with pytest.raises(FileNotFoundError):
        cache.open(folder, shards[1])
    assert held(cache) == 0


def test_what_a_crash_left_is_mended(tmp_path, remote):
    folder, shards = remote
    cache = FileCache(tmp_path / "cache", limit=2 * SIZE)
    cache.open(folder, shards[0]).close()
    ready = cache.root / f"{shards[0].sha256}.tar"
    ready.write_bytes(ready.read_bytes()[:100])
    (cache.root / f"{shards[5].sha256}.arriving").write_bytes(b"x" * SIZE * 2)
    with cache.open(folder, shards[0]) as file:
        assert len(file.read()) == SIZE
    assert held(cache) == SIZE


def test_a_shard_larger_than_the_cache_is_refused(tmp_path, remote):
    folder, shards = remote
    with pytest.raises(UserError, match=r"the cache .* may hold 49999"):
        FileCache(tmp_path / "cache", limit=SIZE - 1).open(folder, shards[0])


def _read_all(root, cache_root, limit, shards, seed, most, failures):
    cache = FileCache(cache_root, limit)
    try:
        for number in np.random.default_rng(seed).integers(0, len(shards), 40):
            with cache.open(remote_folder(root), shards[number]) as file:
                assert hashlib.sha256(file.read()).hexdigest() == shards[number].sha256
            total = 0
            for entry in Path(cache_root).glob("*.*"):
                with contextlib.suppress(FileNotFoundError):
                    total += entry.stat().st_size
            most.put(total)
    except BaseException as error:
        failures.put(repr(error))


def _keep_all(root, cache_root, limit, shards, seed, most, failures):
    try:
        for number in np.random.default_rng(seed).integers(0, len(shards), 40):
            with FileCache(cache_root, limit) as cache:
                path = cache.keep(remote_folder(root), shards[number])
                assert hashlib.sha256(path.read_bytes()).hexdigest() == shards[number].sha256
    except BaseException as error:
        failures.put(repr(error))


@pytest.mark.parametrize("use", ["open", "keep"])
@pytest.mark.parametrize("limit", [100 * SIZE, 4 * SIZE])
def test_processes_share_it(tmp_path, remote, limit, use):
    """Three processes at once: every read is right; with room for all each shard is fetched once."""
    _, shards = remote
    context = multiprocessing.get_context("fork")
    most, failures = context.SimpleQueue(), context.SimpleQueue()
    processes = [
        context.Process(
            target=_read_all if use == "open" else _keep_all,
            args=(tmp_path / "remote", tmp_path / "cache", limit, shards, seed, most, failures),
        )
        for seed in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert failures.empty(), failures.get()
    assert all(process.exitcode == 0 for process in processes)
    if limit > 6 * SIZE:
        assert fetches(tmp_path) == 6
    assert held(FileCache(tmp_path / "cache")) <= limit


def test_remote_set_is_read_through_the_cache(tmp_path):
    published = SETS["a"](tmp_path)
    import_set("a", [published.root], "memory://remote-a", shard_mb=0.004)
    try:
        samples = ShardSamples("memory://remote-a", cache=FileCache(tmp_path / "cache"))
        expected = sorted((t.label, t.pixels) for t in published.truth.values())
        assert sorted((t.label, t.pixels) for t in seen(samples)) == expected
        assert len(list((tmp_path / "cache").glob("*.tar"))) == len(samples.counts) > 1
    finally:
        fsspec.filesystem("memory").rm("/remote-a", recursive=True)


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("GRIDCELL_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("GRIDCELL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "gridcell"


def test_how_large_the_cache_may_be(monkeypatch):
    assert cache_limit() == 100 * 10**9
    monkeypatch.setenv("GRIDCELL_CACHE_GB", "0.5")
    assert FileCache().limit == 500_000_000
    for text in ("0", "-1", "many", "nan", "inf"):
        monkeypatch.setenv("GRIDCELL_CACHE_GB", text)
        with pytest.raises(UserError, match=f"not '{text}'"):
            cache_limit()


def test_a_file_that_is_kept_stays_until_it_is_released(tmp_path, remote):
    folder, shards = remote
    others = FileCache(tmp_path / "cache", limit=2 * SIZE)
    with FileCache(tmp_path / "cache", limit=2 * SIZE) as cache:
        path = cache.keep(folder, shards[0])
        os.utime(path, (0, 0))  # used longest ago
        for number in (1, 2, 3):
            others.open(folder, shards[number]).close()
            assert hashlib.sha256(path.read_bytes()).hexdigest() == shards[0].sha256
        cache.keep(folder, shards[4])
        with pytest.raises(UserError, match="GRIDCELL_CACHE_GB"):
            others.open(folder, shards[5])
    os.utime(path, (0, 0))
    others.open(folder, shards[5]).close()
    assert not path.exists()


def test_what_a_dead_process_kept_may_go(tmp_path, remote):
    folder, shards = remote
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_keep_and_die, args=(tmp_path, shards[0]))
    process.start()
    process.join()
    assert process.exitcode == 7
    with FileCache(tmp_path / "cache", limit=SIZE) as cache:
        cache.keep(folder, shards[1])
        assert [file.stem for file in (tmp_path / "cache").glob("*.tar")] == [shards[1].sha256]


def _keep_and_die(tmp_path, shard):
    FileCache(tmp_path / "cache").keep(remote_folder(tmp_path / "remote"), shard)
    os._exit(7)


def test_a_kept_file_that_is_damaged_here_is_fetched_again(tmp_path, remote):
    folder, shards = remote
    with FileCache(tmp_path / "cache") as cache:
        path = cache.keep(folder, shards[0])
        path.write_bytes(b"x" * SIZE)
        assert cache.keep(folder, shards[0]) == path
        assert hashlib.sha256(path.read_bytes()).hexdigest() == shards[0].sha256
    assert fetches(tmp_path) == 2


def test_other_peoples_files_in_the_folder_are_left_alone(tmp_path, remote):
    folder, shards = remote
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "mine.tar").write_bytes(b"x" * SIZE)
    FileCache(tmp_path / "cache", limit=SIZE).open(folder, shards[0]).close()
    assert (tmp_path / "cache" / "mine.tar").exists()


def test_artifacts_of_a_remote_store_are_cached_within_the_limit(tmp_path, monkeypatch):
    """Cells that read one another's artifacts, on a store that is remote, with room for two of five."""
    monkeypatch.setenv("GRIDCELL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRIDCELL_CACHE_GB", str(2 * SIZE / 1e9))
    store = Store(f"memory://{tmp_path.name}").prepare()
    for number in range(5):
        cell = Cell("t", "k", {"n": number})
        outputs = tmp_path / f"outputs{number}"
        outputs.mkdir()
        (outputs / "weights.pt").write_bytes(bytes([number]) * SIZE)
        result = store.results.commit(cell, {}, outputs, {})
        with FileCache() as cache:
            path = store.results.fetch(result, "weights.pt", cache)
            assert path.read_bytes() == bytes([number]) * SIZE
            assert held(cache) <= 2 * SIZE
    assert held(FileCache()) == 2 * SIZE


def test_what_arrived_is_on_the_disk_before_it_has_its_name(tmp_path, remote, monkeypatch):
    """A name that survives a power cut, of a file that doesn't, would be trusted by its size."""
    folder, shards = remote
    cache, done, synced, replaced = FileCache(tmp_path / "cache"), [], os.fsync, Path.replace

    def fsync(descriptor):
        done.append((os.fstat(descriptor).st_ino, "on the disk"))
        synced(descriptor)

    def replace(path, target):
        done.append((path.stat().st_ino, target.suffix))
        return replaced(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    with cache.open(folder, shards[0]) as file:
        number = os.fstat(file.fileno()).st_ino
    assert [what for inode, what in done if inode == number][-2:] == ["on the disk", ".tar"]


def test_a_file_takes_its_room_before_it_arrives(tmp_path, remote, monkeypatch):
    """Another process that makes room meanwhile counts it whole."""
    folder, shards = remote
    cache, seen, get = FileCache(tmp_path / "cache"), [], Folder.get

    def spied(self, name, local):
        seen.append(held(cache))
        get(self, name, local)

    monkeypatch.setattr(Folder, "get", spied)
    cache.open(folder, shards[0]).close()
    cache.open(folder, shards[1]).close()
    assert seen == [SIZE, 2 * SIZE]
