"""The breakdown by corruption and severity: its mean is the set's accuracy."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from imagenet_rib.report.corruption_accuracy import write_corruptions
from imagenet_rib.report.corruption_figures import changes_by_corruption
from imagenet_rib.report.summary import summarise
from rib_evaluations import random_evaluations, write_report

CORRUPTIONS, SEVERITIES = [f"fog_{k}" for k in range(15)], ["1", "2", "3", "4", "5"]
GROUPS = tuple(f"{corruption}/{severity}" for corruption in CORRUPTIONS for severity in SEVERITIES)


@pytest.fixture(scope="module")
def made():
    """Random answers with set ``corrupt`` in 75 parts, of unequal sizes."""
    found, sets = random_evaluations(["m", "n"], ["ft", "ewc"], [0, 1], images=400)
    group_of = np.concatenate([np.arange(75), np.random.default_rng(0).integers(75, size=325)])
    found = [replace(e, groups={"corrupt": group_of}) for e in found]
    return found, [replace(s, groups=GROUPS) if s.name == "corrupt" else s for s in sets]


def mean(parts):
    values = [value for by_severity in parts.values() for value in by_severity.values()]
    assert len(values) == 75
    return np.mean(values)


def test_the_mean_over_the_75_parts_is_the_reported_accuracy(made):
    summary = summarise(*made)
    found = summary["corruptions"]
    assert (found["set"], found["corruptions"], found["severities"]) == ("corrupt", CORRUPTIONS, SEVERITIES)
    for model in ("m", "n"):
        assert mean(found["pre"][model]) == pytest.approx(summary["pre"][model]["corrupt"])
        for method in ("ft", "ewc"):
            rows = summary["accuracy"][model][method]
            for name, row in rows.items():
                assert mean(found["accuracy"][model][method][name]) == pytest.approx(row["corrupt"])
            others = [row["corrupt"] for name, row in rows.items() if name != "corrupt"]
            assert mean(found["elsewhere"][model][method]) == pytest.approx(np.mean(others))


def test_a_part_is_the_accuracy_on_its_images(made):
    found = summarise(*made)["corruptions"]
    pre = next(e for e in made[0] if e.model == "n" and e.method == "pre")
    mine = pre.groups["corrupt"] == GROUPS.index("fog_3/4")
    assert found["pre"]["n"]["fog_3"]["4"] == pytest.approx(100 * pre.correct["corrupt"][mine].mean())


def test_what_was_not_tested_is_null(made):
    evaluations = [e for e in made[0] if (e.model, e.method, e.downstream) != ("m", "ft", "photo")]
    found = summarise(evaluations, made[1])["corruptions"]
    assert found["accuracy"]["m"]["ft"]["photo"]["fog_0"]["1"] is None
    assert found["elsewhere"]["m"]["ft"]["fog_0"]["1"] is None
    assert found["elsewhere"]["m"]["ewc"]["fog_0"]["1"] is not None


def test_corruptions_may_differ_in_their_severities(tmp_path):
    """As in a user's own folders: three parts are not two by two, and what was tested is shown."""
    made, sets = random_evaluations(["m"], ["ft"], [0], images=60)
    made = [replace(e, groups={"corrupt": np.arange(60) % 3}) for e in made]
    groups = ("fog/1", "fog/2", "snow/1")
    sets = [replace(s, groups=groups) if s.name == "corrupt" else s for s in sets]
    page = write_report(made, sets, tmp_path)[0]
    assert "The mean over the 3 parts is the accuracy on corrupt" in page.read_text(encoding="utf-8")
    found = summarise(made, sets)["corruptions"]
    change = changes_by_corruption(found, "m", "ft")
    elsewhere, pre = found["elsewhere"]["m"]["ft"], found["pre"]["m"]
    assert change[0] == pytest.approx(np.mean([elsewhere["fog"][s] - pre["fog"][s] for s in "12"]))
    assert change[1] == pytest.approx(elsewhere["snow"]["1"] - pre["snow"]["1"])


def test_sets_without_named_groups_have_no_breakdown():
    assert summarise(*random_evaluations(["m"], ["ft"], [0]))["corruptions"] is None


def test_corruptions_csv(made, tmp_path):
    found = summarise(*made)["corruptions"]
    write_corruptions(found, tmp_path / "c.csv")
    with (tmp_path / "c.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 75 * (1 + 2 * 4)
    for row in rows:
        change = float(row["accuracy"]) - float(row["pre_accuracy"])
        assert float(row["difference"]) == pytest.approx(change, abs=1e-6)
