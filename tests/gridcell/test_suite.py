"""Suites: what a user writes by mistake is one sentence that names it."""

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from gridcell.errors import UserError
from gridcell.grid import GridBuilder
from gridcell.settings import SettingsError
from gridcell.suite import load_suite
from gridcell.task import find_task


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (
            "width=2020-13-45",
            "The setting 'width' is wrong: a whole number .* not text",
        ),
        ("width=0x_", "The setting 'width' is wrong: a whole number is expected, not text"),
        ("width=[", "the value is not valid YAML"),
        ("width=2020-12-24", "The setting 'width' is wrong: "),
        ("width=.inf", "The setting 'width' is wrong: "),
        ("fail.deep=[1, .nan]", "The setting 'fail.deep' is wrong: "),
        ("fail={r0c0: bug, r0c0: diverged}", "the key 'r0c0' stands twice"),
    ],
)
def test_an_unusable_value_is_named(override, sentence):
    with pytest.raises(UserError, match=sentence):
        load_suite(find_task("toy"), "mini", [override])


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("anything.deep=[1, .nan]", r"A setting is wrong: anything.deep\[1\] is nan"),
        ("anything={1: 2}", r"A setting is wrong: anything has the key 1, which is not text"),
    ],
)
def test_a_setting_that_may_be_anything_may_be_no_more_than_json_holds(override, sentence):
    class Settings(BaseModel):
        model_config = ConfigDict(extra="allow")
        anything: Any = None

    with pytest.raises(UserError, match=sentence):
        load_suite(replace(find_task("toy"), settings=Settings), "mini", [override])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"width: 2020-13-45\n", "line 1"),
        (b"# caf\xe9\nwidth: 3\n", "is not valid YAML: 'utf-8' codec can't decode byte 0xe9"),
        (b"width: 3\nlength: 2\nwidth: 4\n", "the key 'width' stands twice.*line 3"),
        (b"fail:\n  r0c0: bug\n  'r0c0': diverged\n", "the key 'r0c0' stands twice.*line 3"),
        (b"fail: {? [a] : b}\n", "unhashable key"),
    ],
)
def test_an_unusable_suite_file_is_named(tmp_path, content, sentence):
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"own\.yaml'.*{sentence}"):
        load_suite(find_task("toy"), str(path))


def test_a_suite_file_is_utf_8_whatever_the_locale(tmp_path, monkeypatch):
    path = tmp_path / "own.yaml"
    path.write_bytes("fail: {é: bug}\n".encode())
    monkeypatch.setattr("io.text_encoding", lambda *_: "ascii")  # what read_text() takes from the locale
    assert load_suite(find_task("toy"), str(path)).settings.fail == {"é": "bug"}


def test_merged_keys_may_be_replaced(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("fail: {<<: {r0c0: bug, r1c0: bug}, r0c0: diverged}\nwidth: 2\n")
    assert load_suite(find_task("toy"), str(path)).settings.fail == {"r0c0": "diverged", "r1c0": "bug"}


@pytest.mark.parametrize(
    ("task", "override"),
    [
        ("farcuriosity", "curiosities.none.kind=0"),
        ("farcuriosity", "curiosities.none.kind=[]"),
        ("imagenet-rib", "pretrainings.plain=-1"),
    ],
)
def test_a_value_of_another_type_than_a_name_or_entry_is_refused(task, override):
    with pytest.raises(UserError, match=r"Unknown curiosity|'pretrainings.plain' is wrong"):
        load_suite(find_task(task), "mini", [override])


PLANNING_MISTAKES = {
    "imagenet-rib": (
        """extends: mini
architectures:
  first: {name: vit_tiny_patch16_24, pretrainings: [plain]}
  second: {name: resnet19, pretrainings: [plain]}
downstream: [v2, sketchy]
""",
        ["line 3: ", "vit_tiny_patch16_224", "line 4: ", "resnet18", "line 5: ", "'sketch'"],
    ),
    "farmap": (
        """extends: mini
compare: [farmap, frontie]
films:
  - {map: small-0, agent: farmap}
  - {map: small-99, agent: farmap}
  - {map: small-0, agent: fermap}
""",
        ["line 2: ", "'frontier'", "line 5: ", "small-99", "line 6: ", "'farmap'"],
    ),
    "generalization-difficulty": (
        """tasks:
  easy: {kind: classification, n: 100, m: 5, classes: 10, radius: 1, delta: 0.1, eps: 0.1}
unions: [easy, hard]
sweeps:
  width: {task: eazy, vary: delta, start: 1, stop: 10}
models:
  given: {task: hard, table: errors.csv}
""",
        ["line 3: ", "'hard'", "line 5: ", "'easy'", "line 7: ", "models.given"],
    ),
    "inductive-bias": (
        """extends: mini
problems:
  one: {source: npz, path: one.npz}
  two: {source: npz, path: two.npz}
""",
        ["line 3: ", "one.npz", "line 4: ", "two.npz"],
    ),
}


@pytest.mark.parametrize("task", PLANNING_MISTAKES)
def test_all_mistakes_that_planning_finds_are_told_at_once_with_their_lines(
    task: str, tmp_path: Path
) -> None:
    text, said = PLANNING_MISTAKES[task]
    suite = tmp_path / "own.yaml"
    suite.write_text(text)
    with pytest.raises(UserError) as caught:
        load_suite(find_task(task), str(suite)).grid()
    message = str(caught.value)
    assert [part for part in said if part not in message] == [], message


def test_a_grid_goes_on_after_a_setting_that_cannot_be_planned() -> None:
    grid = GridBuilder("example")
    with grid.setting("agents", "a"):
        raise UserError("There is no map")
    with grid.setting("agents", "b"):
        grid.add("run", {})
    with pytest.raises(SettingsError, match="There is no map") as caught:
        grid.build()
    assert [mistake.path for mistake in caught.value.mistakes] == [("agents", "a")]


@pytest.mark.parametrize("enabled", [True, False])
def test_planning_leaves_the_garbage_collector_as_it_was(enabled):
    """It waits while cells are made, also where that fails."""
    suite, during = load_suite(find_task("toy"), "mini"), []

    def fails(settings):
        during.append(gc.isenabled())
        raise UserError("no such map")

    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        assert suite.grid().cells
        with pytest.raises(UserError, match="no such map"):
            suite.grid(fails)
        assert (during, gc.isenabled()) == ([False], enabled)
    finally:
        (gc.enable if was else gc.disable)()
