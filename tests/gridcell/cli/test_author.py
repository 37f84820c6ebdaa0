"""A stranger's path: a part or a task of one's own, from an empty folder to a report."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import forked
from gridcell import plugins
from gridcell.cli.app import app
from gridcell.cli.author import _why_broken, new
from gridcell.errors import UserError
from gridcell.testing import file_checks


def gridcell(*words, where, code=0):
    done = forked.gridcell(*words, where=where)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.slow
def test_a_task_of_ones_own(tmp_path):
    said = gridcell("new", "task", "parabola", where=tmp_path)
    assert "gridcell check parabola.py" in said
    file = tmp_path / "parabola.py"
    assert len(file.read_text().splitlines()) < 80
    edit(file, "go down a parabola".capitalize(), "Go down a steep parabola")
    assert "9 of 9 checks passed" in gridcell("check", "parabola.py", where=tmp_path)
    run = ("run", "parabola", "--plugin", "parabola.py", "--executor", "inline", "--out", "report")
    assert "6 cells run, 0 failed" in gridcell(*run, where=tmp_path)
    assert (tmp_path / "report" / "report.html").is_file()
    assert (tmp_path / "report" / "curve-loss.png").is_file()
    edit(file, "2 * x", "3 * x")
    assert "6 done by other code: parabola changed since" in gridcell(*run, where=tmp_path)
    said = gridcell(*run, "--changed", "fail", where=tmp_path, code=2)
    assert "--changed rerun makes them again" in said
    assert "6 cells run, 0 failed" in gridcell(*run, "--changed", "rerun", where=tmp_path)
    assert "other code" not in gridcell("plan", "parabola", "--plugin", "parabola.py", where=tmp_path)


@pytest.mark.parametrize(
    ("given", "name", "file"),
    [
        ("mine_task", "mine-task", "mine_task.py"),
        ("mine-task", "mine-task", "mine_task.py"),
        ("mine.task", "mine-task", "mine_task.py"),
        ("MineTask2", "minetask2", "MineTask2.py"),
    ],
)
def test_a_tasks_name_is_as_its_check_wants_it(given, name, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, ["new", "task", given])
    assert said.exit_code == 0, said.output
    assert f"gridcell check {file}" in said.output
    assert f"gridcell run {name} --plugin {file}" in said.output
    try:
        checks = file_checks(file)
        assert len(checks) == 9
        assert [why for each in checks if (why := _why_broken(each))] == []
    finally:
        plugins.forget()


@pytest.mark.parametrize("kind", ["task", "corruption"])
@pytest.mark.parametrize("name", ["2nd", "größe", "_mine", "-mine", "a b", "", "class", "json"])
def test_a_name_that_no_check_would_pass_is_refused(kind, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"must be letters|is a word of Python|is that of another module"):
        new(kind, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_method_of_ones_own(tmp_path):
    gridcell("new", "method", "mine", where=tmp_path)
    edit(tmp_path / "mine.py", "default=1.0", "default=0.5")
    assert "7 of 7 checks passed" in gridcell("check", "mine.py", where=tmp_path)
    suite = Path(__file__).parents[2] / "imagenet_rib" / "tiny.yaml"
    run = ("run", "imagenet-rib", "--suite", str(suite), "--plugin", "mine.py", "--executor", "inline")
    said = gridcell(*run, "--select", "method=mine", "--out", "report", where=tmp_path)
    assert "0 failed" in said
    assert "mine" in (tmp_path / "report" / "report.html").read_text()
    test = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "7 passed" in test.stdout, test.stdout


SUITES = {
    "farmap": """
maps: {small: 1}
agents: {random-walk: {kind: random-walk}}
steps: 200
""",
    "farcuriosity": """
curiosities: {rnd: {features: 16}}
environments: {cart: {id: CartPole-v1, steps: 128}}
training: {environments: 4, horizon: 16, features: 16, lstm: 0, random_steps: 50}
""",
    "generalization-difficulty": """
datasets: {sphere: {source: sphere, n: 300}}
estimation: {queries: 200, subset: 200, pairs: 1000, largest: 100}
""",
    "inductive-bias": """
problems: {teacher: {source: teacher, points: 200}}
spaces: {rbf: {kind: rbf, bandwidth: median}}
training_size: 20
test_points: 40
target: 0.6
kernel_samples: 40
hypotheses: 20
training: {lr: 5.0e-3, batch_size: 20, fit_error: 0.2}
splitting: {particles: 10, sweeps: 1, runs: 2}
bootstrap: 20
""",
}
"""The smallest suites in which a part of one's own can take its place."""


AT_NIGHT = pytest.mark.long
"""Parts that take the way of an agent and a method, which every run of the tests goes."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "task", "label", "old", "new", "checks"),
    [
        ("agent", "farmap", "agent", "default=0.1", "default=0.2", 5),
        pytest.param(
            "curiosity", "farcuriosity", "curiosity", "default=0.5", "default=1.0", 5, marks=AT_NIGHT
        ),
        pytest.param(
            "dataset", "generalization-difficulty", "task", "default=1_000", "default=300", 5, marks=AT_NIGHT
        ),
        pytest.param(
            "problem", "inductive-bias", "problem", "default=1_000", "default=200", 5, marks=AT_NIGHT
        ),
        pytest.param("space", "inductive-bias", "space", "default=32", "default=16", 4, marks=AT_NIGHT),
    ],
)
def test_a_part_of_ones_own(kind, task, label, old, new, checks, tmp_path):
    assert f"gridcell run {task}" in gridcell("new", kind, "mine", where=tmp_path)
    file = tmp_path / "mine.py"
    assert len(file.read_text().splitlines()) < 80
    edit(file, old, new)
    assert f"{checks} of {checks} checks passed" in gridcell("check", "mine.py", where=tmp_path)
    (tmp_path / "suite.yaml").write_text(SUITES[task])
    where = ("--suite", "suite.yaml", "--plugin", "mine.py", "--select", f"{label}=mine")
    said = gridcell("run", task, *where, "--executor", "inline", "--out", "report", where=tmp_path)
    assert " 0 failed" in said
    assert "mine" in (tmp_path / "report" / "report.html").read_text()
    with file.open("a") as opened:
        opened.write("\nEDITED = True\n")
    assert "other code: " in (said := gridcell("plan", task, *where, where=tmp_path))
    assert "mine changed since" in said


@AT_NIGHT
def test_a_corruption_of_ones_own(tmp_path):
    gridcell("new", "corruption", "veil", where=tmp_path)
    edit(tmp_path / "veil.py", "0.6)", "0.7)")
    assert "6 of 6 checks passed" in gridcell("check", "veil.py", where=tmp_path)
    photographs(tmp_path / "photos", 30)
    derive = ("data", "derive", "--base", "photos", "--size", "32")
    without = gridcell(*derive, "--out", "without", where=tmp_path)
    shown = gridcell(*derive, "--out", "suite", "--plugin", "veil.py", where=tmp_path)
    assert "600 images" in without.replace("   ", " ").replace("  ", " ")
    assert "640 images" in shown.replace("   ", " ").replace("  ", " ")  # 16 x 5 pairs of 8


SETS = """
data: {image_size: 16, shifts: {c: {per_corruption: 1}}}
architectures: {net: {name: resnet18, options: {layers: [1, 1, 1, 1], channels: [8, 8, 16, 16]}}}
pretrainings: {plain: {epochs: 1, batch_size: 64}}
methods: {ft: {}}
training: {epochs: 1}
downstream: [v2, sketch]
distance: {enabled: true, max_samples: 50}
"""


@AT_NIGHT
def test_a_shift_of_ones_own(tmp_path):
    """What was there is not made, trained on or tested again; an edit concerns the new set alone."""
    (tmp_path / "suite.yaml").write_text(SETS)
    suite = ("imagenet-rib", "--suite", "suite.yaml")
    run = ("run", *suite, "--executor", "inline", "--out", "report")
    assert " 0 failed" in gridcell(*run, where=tmp_path)
    said = gridcell("new", "shift", "negative", where=tmp_path)
    assert "--select downstream=negative" in said
    file = tmp_path / "negative.py"
    assert len(file.read_text().splitlines()) < 30
    edit(file, '"strength": 1.0', '"strength": 0.5')
    assert "6 of 6 checks passed" in gridcell("check", "negative.py", where=tmp_path)
    said = gridcell("plan", *suite, "--plugin", "negative.py", where=tmp_path)
    # Its images, features, distance; a model trained on them and tested twice; three others tested on them.
    assert "9 to run" in said
    assert "other code" not in said
    said = gridcell(*run, "--plugin", "negative.py", where=tmp_path)
    assert "9 cells run, 0 failed" in said
    assert "negative" in (tmp_path / "report" / "report.html").read_text()
    edit(file, "1 - 2 * image", "0.9 - 2 * image")
    said = gridcell("plan", *suite, "--plugin", "negative.py", where=tmp_path)
    assert "1 done by other code: shift negative changed since" in said
    assert "8 done from results that are stale" in said
    assert "0 done" not in gridcell("plan", *suite, where=tmp_path)


@AT_NIGHT
def test_an_importer_of_ones_own(tmp_path):
    gridcell("new", "importer", "pets", where=tmp_path)
    edit(tmp_path / "pets.py", "The title of the set", "Pets")
    assert "3 of 3 checks passed" in gridcell("check", "pets.py", where=tmp_path)
    photographs(tmp_path / "photos", 3)
    (tmp_path / "photos" / "README.txt").write_text("x")
    order = ("data", "import", "pets", "--from", "photos", "--to", "shards")
    assert "Unknown data set 'pets'" in gridcell(*order, where=tmp_path, code=2)
    said = gridcell(*order, "--plugin", "pets.py", where=tmp_path)
    assert "1 files are no images: left out" in said
    assert "Pets: 6 images of 2 classes" in said
    assert "Pets" in gridcell("data", "list", "--plugin", "pets.py", where=tmp_path)
    assert "all as the manifest says" in gridcell("data", "verify", "shards", where=tmp_path)
    (tmp_path / "empty.py").write_text("x = 1\n")
    said = gridcell("data", "list", "--plugin", "empty.py", where=tmp_path, code=2)
    assert "defines no part" in said


def photographs(folder, count):
    draw = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = Image.fromarray(draw.integers(0, 256, (40, 40, 3), dtype=np.uint8))
            image.save(folder / name / f"{number}.png")


def test_what_is_there_is_not_overwritten(tmp_path):
    gridcell("new", "method", "mine", where=tmp_path)
    assert "already" in gridcell("new", "method", "mine", where=tmp_path, code=2)
    assert "did you mean 'method'" in gridcell("new", "metod", "other", where=tmp_path, code=2)
    assert "must be letters" in gridcell("new", "method", "1+1", where=tmp_path, code=2)


def test_a_file_without_a_part_and_one_that_is_missing(tmp_path):
    (tmp_path / "empty.py").write_text("x = 1\n")
    assert "defines no part" in gridcell("check", "empty.py", where=tmp_path, code=2)
    said = gridcell("check", "emty.py", where=tmp_path, code=2)
    assert "There is no plug-in file 'emty.py'; the folder has empty.py" in said
