"""One's own sets as shards: read batch by batch, each in the label space of all of them."""

import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from typer.testing import CliRunner

from gridcell.cli.app import app
from gridcell.data import ShardImages, load_index, open_shards, read_stored, relabelled, save_index
from gridcell.data.digits import load_digits_images
from gridcell.data.shards import samples
from gridcell.data.shards.manifest import read_manifest
from gridcell.data.shards.resume import UNFINISHED
from gridcell.errors import UserError
from gridcell.settings import parse_settings
from gridcell.store import Store
from imagenet_rib.grid.plan import plan
from imagenet_rib.learning.models import build_model
from imagenet_rib.settings import Settings

NAME = "vit_tiny_patch16_224"
OPTIONS = {"patch_size": 16, "embed_dim": 16, "depth": 1, "num_heads": 2}
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SIZES = {
    "pretrain": (WORDS, 0, 12),
    "val": (WORDS, 12, 6),
    "street": (("two", "nine", "four"), 20, 8),
    "studio": (WORDS, 30, 3),
}


def command(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Import three sets of digits of 80 px; one has three of the ten classes."""
    root = tmp_path_factory.mktemp("own")
    labelled = load_digits_images(80)
    for name, (words, first, count) in SIZES.items():
        for word in words:
            folder = root / "png" / name / word
            folder.mkdir(parents=True)
            for number in np.flatnonzero(labelled.labels == WORDS.index(word))[first : first + count]:
                Image.fromarray(labelled.images[number]).save(folder / f"{number}.png")
        command("data", "import", "folder", "--from", root / "png" / name, "--to", root / "sets" / name)
    return root


def given(root, tmp_path=None, **changes):
    if tmp_path is not None:
        torch.manual_seed(0)
        body = build_model(NAME, num_classes=0, image_size=80, **OPTIONS)
        torch.save(body.state_dict(), tmp_path / "w.pth")
    pretraining = {"source": "file", "path": str(tmp_path / "w.pth"), "input_size": 80} if tmp_path else None
    return {
        "data": {"source": "shards", "root": str(root / "sets")},
        "architectures": {"m": {"name": NAME if tmp_path else "tf_efficientnet_lite0"}}
        | ({"m": {"name": NAME, "options": OPTIONS}} if tmp_path else {}),
        "pretrainings": {"p": pretraining or {"source": "offline"}},
        "methods": {"lp": {}},
        "downstream": ["street", "studio"],
        "training": {"epochs": 1, "lr": 0.05, "batch_size": 8},
    } | changes


def test_a_set_is_read_in_the_label_space_of_all_sets(sets, tmp_path):
    uri = str(sets / "sets" / "street")
    stored = read_stored("folder", uri, open_shards(uri).content)
    names = tuple(sorted(WORDS))
    renamed = relabelled(stored, "street", names)
    save_index(tmp_path / "index.npz", renamed)
    again = load_index(tmp_path / "index.npz", uri)
    assert (again.name, again.importer, again.class_names) == ("street", "folder", names)
    spoken = [names[label] for label in again.labels]
    assert spoken == [stored.class_names[label] for label in stored.labels]
    assert [names[label] for label in again.classes] == ["four", "nine", "two"]

    def prepare(image):
        return torch.from_numpy(np.array(image))

    for batches in (again.evaluation_batches(5, prepare), again.training_batches(5, prepare, seed=0)):
        seen = [(images, labels) for images, labels in batches]
        pixels = torch.cat([images for images, _ in seen]).numpy()
        labels = torch.cat([labels for _, labels in seen]).tolist()
        assert len(labels) == 24
        for picture, label in zip(pixels, labels, strict=True):
            folder = sets / "png" / "street" / names[label]
            assert any(
                np.array_equal(np.array(Image.open(f).convert("RGB")), picture) for f in folder.iterdir()
            )
    chosen = again.select([0, 3, 7])
    assert chosen.labels.tolist() == again.labels[[0, 3, 7]].tolist()
    with pytest.raises(UserError, match="'four' is not among them"):
        relabelled(stored, "street", ("nine", "two"))


def test_what_is_not_there_is_told_at_planning(sets, tmp_path):
    with pytest.raises(UserError, match=r"no shards at .*/studyo: 'gridcell data import folder --from PATH"):
        plan(parse_settings(Settings, given(sets, downstream=["studyo", "street"])))
    with pytest.raises(UserError, match="Unknown downstream set 'val'"):
        plan(parse_settings(Settings, given(sets, downstream=["street", "val"])))
    with pytest.raises(UserError, match=r"starts from scratch, but data.source=shards goes with published"):
        plan(parse_settings(Settings, given(sets, pretrainings={"p": {"epochs": 1}})))
    with pytest.raises(UserError, match="must name the folder with a set of shards a folder"):
        plan(parse_settings(Settings, given(sets, data={"source": "shards"})))
    (tmp_path / "sets").mkdir()
    for name in ("val", "street", "studio"):
        (tmp_path / "sets" / name).symlink_to(sets / "sets" / name)
    with pytest.raises(UserError, match="no set 'pretrain' has images of eight, five, four, nine"):
        plan(parse_settings(Settings, given(tmp_path)))


def test_a_set_pretrain_whose_import_is_not_finished_is_not_taken_for_absent(sets, tmp_path):
    (tmp_path / "sets" / "pretrain").mkdir(parents=True)
    for name in ("val", "street", "studio"):
        (tmp_path / "sets" / name).symlink_to(sets / "sets" / name)
    (tmp_path / "sets" / "pretrain" / UNFINISHED).write_text("{}")
    with pytest.raises(UserError, match=r"import at .*/pretrain isn't finished: give its command again"):
        plan(parse_settings(Settings, given(tmp_path)))


def test_a_changed_set_concerns_only_the_cells_that_read_it(sets):
    grid = plan(parse_settings(Settings, given(sets)))
    data = {cell.title: cell.config for cell in grid.cells.values() if cell.kind == "data"}
    assert set(data) == {"data pretrain", "data val", "data street", "data studio"}
    assert "classes" not in data["data val"]
    assert data["data street"]["classes"] == sorted(WORDS)
    assert str(sets) not in json.dumps([dict(cell.config) for cell in grid.cells.values()])


@pytest.mark.slow
def test_the_benchmark_runs_on_shards_and_gives_what_plain_timm_gives(sets, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text(json.dumps(given(sets, tmp_path)))
    storage = tmp_path / "runs"
    command("run", "imagenet-rib", "--suite", suite, "--executor", "inline", "--storage", storage)
    grid = plan(parse_settings(Settings, given(sets, tmp_path)))
    first = next(cell for cell in grid.cells.values() if cell.title == "test m-p pre")
    command("export", grid.cells[first.needs["weights"]].id, "--to", tmp_path / "x", "--storage", storage)
    model = timm.create_model(f"local-dir:{tmp_path / 'x'}", pretrained=True).eval()
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    names = json.loads((tmp_path / "x" / "config.json").read_text())["label_names"]
    told = Store(str(storage)).results.read(first.id).metrics["accuracy"]
    for name in ("val", "street", "studio"):
        allowed = [k for k, word in enumerate(names) if word in SIZES[name][0]]
        right = []
        for word in SIZES[name][0]:
            for file in (sets / "png" / name / word).iterdir():
                with torch.no_grad():
                    logits = model(prepare(Image.open(file).convert("RGB"))[None])[0]
                right.append(names[allowed[int(logits[allowed].argmax())]] == word)
        assert told[name] == pytest.approx(100 * np.mean(right), abs=100 / len(right) + 1e-9)


def odd_images(root):
    """Fill and import four sets, whose images are of every kind that reading converts."""
    draw = np.random.default_rng(0)
    for name in SIZES:
        for word in ("one", "two"):
            folder = root / "png" / name / word
            folder.mkdir(parents=True)
            for number in range(4):
                grey = draw.integers(0, 256, (20, 24), dtype=np.uint8)
                Image.fromarray(grey).save(folder / f"grey {number}.png")
                Image.fromarray(grey.astype(np.uint16) * 256).save(folder / f"deep {number}.png")
                Image.fromarray(grey).convert("CMYK").save(folder / f"inks {number}.jpg")
            clear = Image.fromarray(draw.integers(0, 256, (20, 24, 4), dtype=np.uint8))
            clear.save(folder / "clear.png")
            (folder / "notes.txt").write_text("x")
        (root / "png" / name / "one" / "broken.png").write_bytes(b"nothing")
        line = ("data", "import", "folder", "--from", root / "png" / name, "--to", root / "sets" / name)
        command(*line, "--on-corrupt", "skip", "--shard-mb", 0.005)


def notes_of(root):
    grid = plan(parse_settings(Settings, given(root)))
    return [note for note in grid.notes if str(root / "sets") in note]


def test_what_importing_and_reading_change_is_said_by_planning(tmp_path):
    odd_images(tmp_path)
    said = notes_of(tmp_path)
    for name in SIZES:
        here = "\n".join(note for note in said if note.startswith(f"{tmp_path / 'sets' / name}: "))
        converted = "16 images in grey read as RGB, 8 images of 16 bits brought to 8, 8 images in CMYK or Lab"
        assert converted in here
        assert "2 images with transparency drawn on white: stored as PNG" in here
        assert "2 files of other formats (.txt 2)" in here
        assert "1 corrupt image left out" in here
        by_reading = ShardImages(str(tmp_path / "sets" / name), keep_grey=False).said()
        assert {note for note in by_reading if "copies" not in note} <= set(here.split("\n"))
    shards = sorted((tmp_path / "sets" / "val").glob("*.tar"))
    assert len(shards) > 1
    shards[0].unlink()
    command("data", "import", "folder", "--from", tmp_path / "png/val", "--to", tmp_path / "sets/val",
            "--on-corrupt", "skip", "--shard-mb", 0.005)  # fmt: skip
    assert notes_of(tmp_path) == said


def test_an_import_that_did_not_count_conversions_is_said_to_be_one(tmp_path):
    odd_images(tmp_path)
    file = tmp_path / "sets" / "street" / "manifest.json"
    manifest = json.loads(file.read_text())
    del manifest["how"]["converted"]
    file.write_text(json.dumps(manifest))
    (note,) = [note for note in notes_of(tmp_path) if "did not count" in note]
    assert note.startswith(
        f"{tmp_path / 'sets' / 'street'}: its import did not count the images that reading"
    )


def test_images_that_nothing_converts_are_said_nothing_of(sets):
    grid = plan(parse_settings(Settings, given(sets)))
    assert [note for note in grid.notes if str(sets / "sets") in note] == []


def test_planning_reads_each_manifest_once(sets, monkeypatch):
    """They may lie in a bucket."""
    read = []
    monkeypatch.setattr(samples, "read_manifest", lambda folder: read.append(folder) or read_manifest(folder))
    plan(parse_settings(Settings, given(sets)))
    assert len(read) == len(SIZES)
