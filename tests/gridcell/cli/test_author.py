"""A stranger's path: a part or a task of one's own, from an empty folder to a report."""

import subprocess
import sys
from pathlib import Path

import pytest

KINDS = ["task", "method"]


def gridcell(*words, where, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "gridcell", *words], cwd=where, capture_output=True, text=True, check=False
    )
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


@pytest.mark.slow
def test_a_method_of_ones_own(tmp_path):
    gridcell("new", "method", "mine", where=tmp_path)
    edit(tmp_path / "mine.py", "default=1.0", "default=0.5")
    assert "3 of 3 checks passed" in gridcell("check", "mine.py", where=tmp_path)
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
    assert "3 passed" in test.stdout, test.stdout


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
