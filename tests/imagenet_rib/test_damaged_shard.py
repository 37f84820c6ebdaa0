"""A damaged shard of an imported set: what reads it fails and names it, the rest is run; mended, all is."""

import io
import tarfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gridcell.data.shards.write import import_set
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.suite import load_suite
from gridcell.task import find_task
from imagenet_rib.learning.models import build_model
from published_sets import SETS

SUITE = str(Path(__file__).parent / "published.yaml")
OVERRIDES = [
    "data.root=shards",
    "downstream=[v2,r]",
    "methods={ft: {}}",
    "evaluation.cut=set",
    "training.epochs=1",
]


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A working directory with two imported sets, the standard one, and weights."""
    monkeypatch.chdir(tmp_path)
    for name in ("v2", "r", "val"):
        published = SETS[name](tmp_path / "downloads", count=1)
        import_set(name, [published.root], f"shards/{name}")
    torch.manual_seed(0)
    options = {"patch_size": 24, "embed_dim": 16, "depth": 1, "num_heads": 2}
    model = build_model("vit_tiny_patch16_224", num_classes=1000, image_size=72, **options)
    save_file(model.state_dict(), "weights.safetensors")
    return tmp_path


def run(store):
    task = find_task("imagenet-rib")
    grid = load_suite(task, SUITE, OVERRIDES).grid()
    return grid, run_grid(task, grid, store, RunOptions(executor="inline"))


def with_another_label(shard):
    """Flip the lowest bit of a label's last digit: a shard that decodes as before."""
    with tarfile.open(fileobj=io.BytesIO(shard)) as tar:
        label = next(member for member in tar if member.name.endswith(".cls"))
    at = label.offset_data + label.size - 1
    return shard[:at] + bytes([shard[at] ^ 1]) + shard[at + 1 :]


def reads(cell, name):
    return name in (cell.config.get("downstream"), *cell.config.get("sets", ()))


def test_a_flipped_bit_in_a_shard_fails_what_reads_it_and_nothing_else(lab, store):
    (victim,) = Path("shards/r").glob("*.tar")
    whole = victim.read_bytes()
    victim.write_bytes(with_another_label(whole))
    grid, schedule = run(store)
    readers = {cell.id for cell in grid.cells.values() if cell.kind != "data" and reads(cell, "r")}
    kinds = [grid.cells[cell].kind for cell in schedule.failed]
    assert {"train", "evaluate"} == set(kinds)
    assert schedule.failed.keys() <= readers
    assert readers <= schedule.failed.keys() | schedule.blocked
    assert schedule.finished == set(grid.cells) - schedule.failed.keys() - schedule.blocked
    assert {grid.cells[cell].kind for cell in schedule.finished} == {
        "data",
        "pretrained",
        "train",
        "evaluate",
    }
    for outcome in schedule.failed.values():
        assert outcome.failure.failure_class == "invalid"  # no cell made it, so none can mend it
        assert outcome.failure.message == (
            f"Shard {lab}/shards/r/{victim.name} doesn't match its checksum: import the set again"
        )

    victim.write_bytes(whole)
    _, again = run(store)
    assert not again.failed
    assert again.finished == schedule.failed.keys() | schedule.blocked
