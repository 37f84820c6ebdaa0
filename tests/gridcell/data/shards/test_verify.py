"""Damage of every kind is found and named."""

import hashlib
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from gridcell.data.shards.index import SampleIndex
from gridcell.data.shards.samples import ShardSamples
from gridcell.data.shards.verify import verify
from gridcell.errors import CorruptData, UserError
from published_sets import seen


@pytest.fixture
def copy(imported, tmp_path):
    return Path(shutil.copytree(imported[0], tmp_path / "copy"))


def test_whole_set_has_no_problem(copy, imported):
    reports = []
    done = verify(str(copy), workers=3, progress=lambda *report: reports.append(report))
    assert done.problems == ()
    assert done.manifest.samples == len(imported[1].truth) == 225
    assert reports[-1] == (len(done.manifest.shards),) * 2
    assert done.manifest.images_per_group == (3,) * 75
    assert set(done.manifest.images_per_class.values()) == {75}


@pytest.mark.parametrize("seed", range(5))
def test_one_flipped_bit_is_found_and_its_shard_named(copy, seed):
    rng = np.random.default_rng(seed)
    shards = sorted(copy.glob("*.tar"))
    victim = shards[rng.integers(len(shards))]
    content = bytearray(victim.read_bytes())
    content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    victim.write_bytes(content)
    (problem,) = verify(str(copy)).problems
    assert problem.startswith(f"{victim.name} is damaged: its SHA-256")


@pytest.mark.parametrize("seed", range(5))
def test_a_shard_with_a_flipped_bit_is_named_when_it_is_read_and_read_once_it_is_mended(copy, imported, seed):
    rng = np.random.default_rng(seed)
    samples, whole = ShardSamples(str(copy), most_open=1), seen(ShardSamples(imported[0]))
    victim = copy / f"shard-{rng.integers(1, len(samples.counts)):05d}.tar"
    assert samples.read(0, 0)  # the others are as good as before
    content = victim.read_bytes()
    flipped = bytearray(content)
    flipped[rng.integers(len(flipped))] ^= 1 << rng.integers(8)
    for _ in range(2):
        victim.write_bytes(flipped)
        with pytest.raises(CorruptData, match=f"{victim.name} doesn't match its checksum: import"):
            seen(samples)
        victim.write_bytes(content)
        assert seen(samples) == whole


def test_without_its_checksum_a_shard_with_another_label_would_be_read(copy, imported, monkeypatch):
    shard = copy / "shard-00001.tar"
    content = bytearray(shard.read_bytes())
    with tarfile.open(shard) as tar:
        label = next(member for member in tar if member.name.endswith(".cls"))
    content[label.offset_data + label.size - 1] ^= 1
    shard.write_bytes(content)
    with pytest.raises(CorruptData, match=shard.name):
        seen(ShardSamples(str(copy)))
    monkeypatch.setattr(ShardSamples, "_verify", lambda *_: None)
    assert seen(ShardSamples(str(copy))) != seen(ShardSamples(imported[0]))


def test_missing_cut_and_stray_shards_are_named(copy):
    shards = sorted(copy.glob("*.tar"))
    shards[0].unlink()
    shards[1].write_bytes(shards[1].read_bytes()[:-512])
    shutil.copy(shards[2], copy / "shard-99999.tar")
    problems = verify(str(copy)).problems
    assert problems[0] == "shard-00000.tar is missing"
    assert problems[1].startswith("shard-00001.tar has ")
    assert problems[2] == "shard-99999.tar is not in the manifest"


@pytest.mark.parametrize("what", ["images_per_class", "images_per_group", "shards"])
def test_counts_that_disagree_are_found(copy, what):
    manifest = json.loads((copy / "manifest.json").read_text())
    if what == "images_per_class":
        manifest[what][next(iter(manifest[what]))] += 1
    elif what == "images_per_group":
        manifest[what][4] += 1
    else:
        manifest[what][0]["samples"] += 1
    (copy / "manifest.json").write_text(json.dumps(manifest))
    (problem,) = verify(str(copy)).problems
    assert {"images_per_class": "per class", "images_per_group": "per group"}.get(
        what, "shard-00000"
    ) in problem
    if what == "shards":
        with pytest.raises(CorruptData, match="shard-00000"):
            ShardSamples(str(copy)).read(0, 0)


def test_an_index_that_is_missing_damaged_or_of_another_set_is_found(copy, tmp_path):
    index = copy / "index.npz"
    whole = index.read_bytes()
    index.write_bytes(whole[:-100])
    (problem,) = verify(str(copy)).problems
    assert "index.npz doesn't match its checksum" in problem
    index.unlink()
    (problem,) = verify(str(copy)).problems
    assert "index.npz is missing" in problem
    samples = ShardSamples(str(copy))
    index.write_bytes(whole)
    read = samples.index()
    other = SampleIndex(read.labels[::-1], read.groups).to_bytes()
    index.write_bytes(other)
    manifest = copy / "manifest.json"
    digest = hashlib.sha256(other).hexdigest()
    manifest.write_text(manifest.read_text().replace(samples.manifest.index, digest))
    assert verify(str(copy)).problems == ("The index has other labels or groups than the shards",)


def test_damaged_and_foreign_manifests(copy):
    manifest = copy / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text(whole[:-40])
    with pytest.raises(CorruptData, match="is damaged"):
        verify(str(copy))
    manifest.write_text(whole.replace("shard-00001.tar", "../00001.tar"))
    with pytest.raises(CorruptData, match="outside its folder"):
        verify(str(copy))
    manifest.write_text(whole.replace('"version": 2', '"version": 1'))
    with pytest.raises(UserError, match=r"has format 1; .* import it again"):
        verify(str(copy))
    manifest.write_text(json.dumps({"format": "gridcell-suite"}))
    with pytest.raises(UserError, match="holds no shards"):
        verify(str(copy))


def test_reading_names_a_damaged_shard(copy):
    shard = sorted(copy.glob("*.tar"))[0]
    content = shard.read_bytes()
    ends_early = content.rstrip(b"\0").ljust(len(content), b"\1")
    for damage in (content[:1000], b"\1" * len(content), b"", ends_early):
        shard.write_bytes(damage)
        with pytest.raises(CorruptData, match=r"shard-00000\.tar"):
            ShardSamples(str(copy)).read(0, 0)
