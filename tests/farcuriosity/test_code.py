"""Whose edit concerns an agent: its curiosity's, and that of an environment of the user's own."""

import pytest

from gridcell.fingerprint import Codes
from gridcell.suite import load_suite
from gridcell.task import find_task


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "world_of_test.py").write_text("SIZE = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "world_of_test.py"


def codes(environment):
    """Return kind of cell -> its code, of an agent in that environment."""
    task = find_task("farcuriosity")
    values = ["curiosities={none: {}}", f"environments={{mine: {{id: '{environment}'}}}}"]
    grid = load_suite(task, "mini", values).grid()
    found = Codes(task)
    return {cell.kind: found.of(cell) for cell in grid.cells.values()}


def test_an_edit_of_the_module_that_registers_ones_environment_is_noticed(own):
    before = codes("world_of_test:Mine-v0")
    own.write_text("SIZE = 4\n")
    after = codes("world_of_test:Mine-v0")
    assert "world_of_test" in before["train"].files
    assert before["train"].fingerprint != after["train"].fingerprint
    others = set(before) - {"train"}
    assert all(before[kind].fingerprint == after[kind].fingerprint for kind in others)


def test_an_installed_environment_is_known_by_its_version(own):
    assert "ale_py" not in codes("ale_py:ALE/Pong-v5")["train"].files
