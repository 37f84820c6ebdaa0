"""Which settings were chosen by the score that ranks, and when the report says so."""

import json
from dataclasses import replace

import pytest

from gridcell.grid import Grid
from gridcell.suite import load_suite
from imagenet_rib import task
from imagenet_rib.report.chosen import CHOICES, chosen_here
from imagenet_rib.report.results import write
from rib_stored import stored_results


def test_the_suite_has_the_setting_that_was_chosen():
    settings = load_suite(task, "mini").settings.model_dump(mode="json")
    for choice in CHOICES:
        assert settings["methods"][choice.kind][choice.setting] == choice.value
        assert settings["data"]["source"] == choice.source
    assert chosen_here(settings, settings["methods"])


@pytest.mark.parametrize(
    ("source", "methods", "said"),
    [
        (
            "digits",
            {"ft": {"kind": "ft"}, "ewc": {"kind": "ewc", "strength": 200.0}},
            "ewc: strength 200 was",
        ),
        ("digits", {"ft": {}, "ewc-2": {"kind": "ewc", "strength": 200.0}}, "ewc-2: strength 200 was chosen"),
        ("digits", {"ft": {}, "ewc": {"kind": "ewc", "strength": 50.0}}, ""),
        (
            "folder",
            {"ft": {}, "ewc": {"kind": "ewc", "strength": 200.0}},
            "ewc: strength 200 was chosen on other data (digits), not on these sets, and may not fit them.",
        ),
        ("folder", {"ft": {}, "ewc": {"kind": "ewc", "strength": 50.0}}, ""),
        ("digits", {"ewc": {"kind": "ewc", "strength": 200.0}}, ""),
    ],
)
def test_a_choice_is_told_where_it_was_made_and_methods_are_compared(source, methods, said):
    found = chosen_here({"data": {"source": source}, "methods": methods}, list(methods))
    assert " ".join(found).startswith(said)
    assert bool(found) is bool(said)


def test_the_first_screen_says_what_was_chosen_and_over_how_many_tests_p_is_corrected(store, tmp_path):
    methods = {"ft": {}, "lwf": {}, "lp": {}, "ewc": {"strength": 200}}
    run = stored_results(store, tmp_path, methods)
    whole = write(run, tmp_path / "whole")
    assert any("ewc: strength 200 was chosen" in str(line) for line in whole.headline)
    assert not any("not selected" in str(line) for line in whole.headline)
    kept = tuple(t for t in run.grid.targets if t.labels.get("method") in ("pre", "ft", "ewc"))
    part = replace(run, grid=Grid(run.grid.cells, kept, run.grid.skipped))
    shown = write(part, tmp_path / "part")
    assert any("methods that are not selected (lwf, lp)" in str(line) for line in shown.headline)
    assert "not selected (lwf, lp)" in shown.page.read_text(encoding="utf-8")
    boards = [
        json.loads((tmp_path / name / "summary.json").read_text())["leaderboard"]["models"]["net-plain"]
        for name in ("whole", "part")
    ]
    assert [board["tests"] for board in boards] == [6, 6]
    whole_p, part_p = (
        next(row["p_holm"] for row in board["ranking"] if row["method"] == "ewc") for board in boards
    )
    assert part_p >= whole_p
