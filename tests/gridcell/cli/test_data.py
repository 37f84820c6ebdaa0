"""The data commands as a user types them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from gridcell.data.digits import load_digits_images
from gridcell.data.folder import write_folder
from gridcell.data.images import select
from gridcell.data.shards.write import import_set
from published_sets import SETS, packed


def test_import_then_verify_then_import_again(gridcell, tmp_path):
    archive = packed(SETS["v2"](tmp_path), "tar.gz")
    line = ("data", "import", "v2", "--from", archive, "--to", "v2", "--workers", 2, "--shard-mb", 0.01)
    code, output, _ = gridcell(*line)
    assert code == 0
    assert "27 images of 9 classes in" in output
    assert "as published, ImageNet-V2 (matched-frequency) has 10000" in output
    code, output, _ = gridcell("data", "verify", "v2")
    assert (code, "all as the manifest says" in output) == (0, True)
    code, output, _ = gridcell(*line)
    assert (code, "(0 written" in output) == (0, True)


def test_verify_names_the_damaged_shard(gridcell, tmp_path):
    gridcell("data", "import", "a", "--from", SETS["a"](tmp_path).root, "--to", "a", "--shard-mb", 0.004)
    victim = sorted((tmp_path / "a").glob("*.tar"))[2]
    content = bytearray(victim.read_bytes())
    content[600] ^= 4
    victim.write_bytes(content)
    code, output, errors = gridcell("data", "verify", "a", "--workers", 2)
    assert code == 1
    assert "shard-00002.tar is damaged" in output
    assert "not as the manifest says" in output
    assert "Traceback" not in output + errors
    code, output, _ = gridcell("data", "verify", "a", "--json")
    assert code == 1
    assert [problem[:15] for problem in json.loads(output)["problems"]] == ["shard-00002.tar"]


def test_corrupt_images_are_named_and_counted(gridcell, tmp_path):
    published = SETS["a"](tmp_path)
    next(published.root.rglob("*.jpg")).write_bytes(b"nothing")
    line = ("data", "import", "a", "--from", published.root, "--to", "a")
    code, _, errors = gridcell(*line)
    assert (code, errors.count("\n")) == (2, 1)
    assert ".jpg can't be read" in errors
    code, output, _ = gridcell(*line, "--on-corrupt", "skip")
    assert code == 0
    assert ".jpg can't be read" in output
    assert "1 corrupt image left out" in output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["import", "v3", "--from", "x", "--to", "y"], "Unknown data set 'v3': did you mean 'v2'?"),
        (["import", "v2", "--from", "x", "--to", "y"], "There is no folder or archive x"),
        (["import", "v2", "--from", ".", "--to", "y", "--workers", "0"], "--workers must be at least 1"),
        (
            ["import", "v2", "--from", ".", "--to", "y", "--shard-mb", "inf"],
            "--shard-mb must be above 0 and finite",
        ),
        (["import", "v2", "--from", ".", "--to", "nosuch://y"], "can't be opened"),
        (["verify", "absent"], "There is no finished import at"),
        (["derive", "--base", "absent", "--out", "y"], "There is no image folder absent"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(gridcell, tmp_path, arguments, sentence):
    code, _, errors = gridcell("data", *arguments)
    assert code == 2
    assert sentence in errors
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "out", ["base/out", "base", "base/0/out", "link/out", "base/../base/x/y", "deep/out"]
)
@pytest.mark.parametrize(
    "line",
    [("derive", "--base", "base", "--out"), ("import", "folder", "--from", "base", "--to")],
)
def test_nothing_is_written_into_a_folder_that_is_read(gridcell, tmp_path, line, out):
    """The next reader would take it for a class."""
    write_folder(tmp_path / "base", select(load_digits_images(16), list(range(35)), name="base"))
    (tmp_path / "base" / "deep").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "base")
    (tmp_path / "deep").symlink_to(tmp_path / "base" / "deep")
    before = sorted(tmp_path.rglob("*"))
    code, _, errors = gridcell("data", *line, out)
    assert (code, errors.count("\n")) == (2, 1)
    assert "lies in base, which is read: choose a folder outside it" in errors
    assert sorted(tmp_path.rglob("*")) == before
    assert "base" in errors


def test_what_is_read_does_not_lie_in_the_suite_that_is_replaced(gridcell, tmp_path):
    """Replacing the suite would remove the pictures that it is made of."""
    (tmp_path / "out").mkdir()
    write_folder(tmp_path / "out" / "base", select(load_digits_images(16), list(range(35)), name="base"))
    code, _, errors = gridcell("data", "derive", "--base", "out/base", "--out", "out", "--force")
    assert (code, errors.count("\n")) == (2, 1)
    assert "out/base lies in out, which is written: choose another folder" in errors


def test_classes_that_are_all_too_small_are_named_with_the_largest(gridcell, tmp_path):
    write_folder(tmp_path / "base", select(load_digits_images(16), list(range(35)), name="base"))
    code, _, errors = gridcell(
        "data", "import", "folder", "--from", "base", "--to", "val", "--min-images", 50
    )
    assert (code, errors.count("\n")) == (2, 1)
    largest = max(len(list(folder.iterdir())) for folder in (tmp_path / "base").iterdir())
    assert f"base: --min-images 50 leaves out all 10 classes; the largest has {largest} images" in errors
    code, _, errors = gridcell("data", "derive", "--base", "base", "--out", "out", "--min-images", 50)
    assert (code, errors.count("\n")) == (2, 1)
    assert f"base has no class of 50 or more images: the largest of 10 has {largest}" in errors
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["base"]


def test_a_damaged_manifest_is_one_sentence(gridcell, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/manifest.json").write_text("{")
    code, _, errors = gridcell("data", "verify", "a")
    assert (code, errors.count("\n")) == (2, 1)
    assert "is damaged" in errors


def test_list(gridcell):
    _, output, _ = gridcell("data", "list", "--json")
    assert json.loads(output)["objectnet"] == "ObjectNet (ImageNet overlap)"
    _, output, _ = gridcell("data", "list")
    assert len(output.splitlines()) == 11


@pytest.mark.slow
def test_derive(gridcell, tmp_path):
    digits = load_digits_images(32)
    write_folder(tmp_path / "base", select(digits, list(range(400)), name="base"))
    code, output, _ = gridcell("data", "derive", "--base", "base", "--out", "out", "--size", 32, "--seed", 3)
    assert code == 0
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["how"]["seed"] == 3
    sketch = manifest["sets"]["sketch"]["images"]
    assert ["sketch", str(sketch), *["images", "of", "10", "classes"]] in [
        line.split() for line in output.splitlines()
    ]


@pytest.mark.slow
def test_a_derived_suite_is_not_overwritten_unasked_and_can_be_verified(gridcell, tmp_path):
    digits = load_digits_images(16)
    write_folder(tmp_path / "base", select(digits, list(range(400)), name="base"))
    others = np.flatnonzero(digits.labels == 0)[-2:]  # a copy of an image of another class would not count
    write_folder(tmp_path / "few", select(digits, others, name="few"))
    (tmp_path / "few" / "0").rename(tmp_path / "base" / "few")
    line = ("data", "derive", "--base", "base", "--out", "out", "--size", 16)
    code, _, errors = gridcell(*line)
    assert (code, "Class 'few' has 2 images, but needs at least" in errors) == (2, True)
    code, output, _ = gridcell(*line, "--min-images", 10)
    assert (code, "Note: base: 1 class of fewer than 10 images (few 2) left out" in output) == (0, True)
    kept = (tmp_path / "out/manifest.json").read_bytes()
    code, _, errors = gridcell(*line, "--min-images", 10, "--seed", 1)
    assert (code, "out holds a suite already: choose another folder, or replace it by --force" in errors) == (
        2,
        True,
    )
    assert (tmp_path / "out/manifest.json").read_bytes() == kept
    code, output, _ = gridcell("data", "verify", "out")
    assert (code, "Suite out: 10 sets" in output, "all as the manifest says" in output) == (0, True, True)
    first, second = sorted((tmp_path / "out/v2/3").iterdir())[:2]
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    (tmp_path / "out/r/notes.txt").write_text("x")
    code, output, _ = gridcell("data", "verify", "out")
    assert (code, "Set 'v2' of out doesn't match the checksum" in output) == (1, True)
    assert "r/notes.txt is not in the manifest" in output
    code, output, _ = gridcell("data", "verify", "out", "--json")
    assert (code, len(json.loads(output)["problems"])) == (1, 2)
    first.write_bytes(content)
    code, _, _ = gridcell(*line, "--min-images", 10, "--seed", 1, "--force")
    assert (code, (tmp_path / "out/manifest.json").read_bytes() == kept) == (0, False)
    assert gridcell("data", "verify", "out")[0] == 0


def test_looking_at_data_loads_no_training_library(tmp_path):
    import_set("a", [SETS["a"](tmp_path).root], str(tmp_path / "a"))
    code = (
        "import sys; from gridcell.cli import main\n"
        "for line in sys.argv[1:]:\n"
        "    sys.argv = ['gridcell', *line.split()]\n"
        "    try: main()\n"
        "    except SystemExit as end: assert not end.code\n"
        "print(*[n for n in ('torch', 'timm', 'scipy', 'ray', 'lightning', 'mlflow') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "data list", "data import --help", f"data verify {tmp_path}/a"],
        capture_output=True, text=True, check=True, env=os.environ,
    )  # fmt: skip
    assert "all as the manifest says" in done.stdout
    assert done.stdout.splitlines()[-1] == ""
