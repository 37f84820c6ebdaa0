"""The checks before a release see what disagrees; the wheel works alone."""

import shutil
import subprocess

import pytest
from tests.release import checks, wheel


@pytest.fixture
def clone(tmp_path):
    for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md", "platform/gridcell/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(checks.ROOT / name, tmp_path / name)
    version = checks.versions(tmp_path)["pyproject.toml"]
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text(f"# Changelog\n\n## {version} (2026-01-31)\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def git(clone, *words):
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", str(clone), *author, *words], check=True)


def test_the_versions_of_the_clone_agree():
    assert len(set(checks.versions().values())) == 1


def test_a_release_in_order_has_no_problem(clone):
    assert checks.problems(clone) == []


def test_a_version_that_differs_is_said(clone):
    (clone / "CITATION.cff").write_text("version: 9.9.9\n")
    git(clone, "commit", "-qam", "second")
    (said,) = checks.problems(clone)
    assert said.startswith("CITATION.cff has version 9.9.9")


def test_a_missing_heading_and_a_changed_tree_are_said(clone):
    (clone / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n")
    assert [said.split()[0] for said in checks.problems(clone)] == ["CHANGELOG.md", "The"]


@pytest.mark.long
def test_the_wheel_works_alone(tmp_path):
    built = wheel.build(tmp_path / "dist")
    python = wheel.install(built, tmp_path / "environment", borrow=True)
    (tmp_path / "work").mkdir()
    told = list(wheel.try_alone(python, tmp_path / "work", whole=False))
    assert len(told) == 1 + len(wheel.SMALLEST)
    assert "commit" in told[0]
    assert all(" 0 failed" in line for line in told[1:]), told
