"""From a store to the report: the settings that count, whole variants, and why there is nothing to show."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from gridcell.errors import UserError
from gridcell.report import write_report
from imagenet_rib import task
from imagenet_rib.method import Merging
from imagenet_rib.methods import available
from imagenet_rib.report.results import write
from rib_stored import right, stored_results

HUB = {"plain": {"source": "timm", "tag": "tv_in1k"}}


def target(run, **labels):
    """The stored accuracy, in percent, of a fine-tuning on v2 tested on r."""
    wanted = {"model": "net-plain", "downstream": "v2", "seed": 0, **labels}
    (cell,) = [t.cell for t in run.grid.targets if dict(t.labels) == wanted]
    return 100 * np.mean(right(cell)["r"])


def written(run, out):
    write(run, out)
    return json.loads((out / "summary.json").read_text())


@pytest.mark.parametrize("curve", [[0, 0.3, 0.5, 1], [0.1]])
def test_the_share_that_is_set_is_the_headline(store, tmp_path, curve):
    run = stored_results(store, tmp_path, {"ft": {}, "wise_ft": {"alpha": 0.3, "curve": curve}})
    summary = written(run, tmp_path / "report")
    assert summary["headline"] == 0.3
    told = summary["accuracy"]["net-plain"]["wise_ft"]["v2"]["r"]
    assert told == pytest.approx(target(run, method="wise_ft", alpha=0.3))
    assert summary["mRI"]["net-plain"]["wise_ft"]["mean"] is not None
    assert summary["missing"] == []
    assert len(summary["wise_ft_curve"]["net-plain"]) == len({0.3, *curve})


@pytest.fixture
def blend(monkeypatch):
    """A plug-in's merge with two settings of its own, neither called alpha."""
    method = Merging(
        name="blend",
        summary="",
        ingredients=lambda settings: ("pre", "ft"),
        merge=lambda weights, **variant: weights["ft"],
        variants=lambda settings: ({"p": 2.0, "q": 0.5}, {"p": 1.0, "q": 0.5}, {"p": 1.0, "q": 0.25}),
    )
    known = {**available(), "blend": method}
    monkeypatch.setattr("imagenet_rib.methods.available", lambda: known)


def test_a_plug_ins_variants_are_all_there_and_the_first_is_the_headline(store, tmp_path, blend):
    run = stored_results(store, tmp_path, {"ft": {}, "blend": {}})
    summary = written(run, tmp_path / "report")
    told = summary["accuracy"]["net-plain"]["blend"]["v2"]["r"]
    assert told == pytest.approx(target(run, method="blend", p=2.0, q=0.5))
    assert summary["headline"] == 0.5  # WiSE-FT's default: the suite has none
    with (tmp_path / "report" / "cells.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["method"], row["set"]) == ("blend", "r")]
    of_v2 = {row["variant"]: float(row["accuracy"]) for row in rows if row["downstream"] == "v2"}
    expected = {
        f"p={p:g} q={q:g}": target(run, method="blend", p=p, q=q)
        for p, q in ((2.0, 0.5), (1.0, 0.5), (1.0, 0.25))
    }
    assert of_v2 == pytest.approx(expected)


def test_what_has_not_run_is_said(store, tmp_path):
    run = stored_results(store, tmp_path, {"ft": {}, "wise_ft": {"curve": [0.25]}})
    page = tmp_path / "report" / "report.html"
    write(run, tmp_path / "report")
    assert "Nothing: all that was asked for is done." in page.read_text(encoding="utf-8")
    point = next(t.cell for t in run.grid.targets if t.labels.get("alpha") == 0.25)
    rest = {cell: result for cell, result in run.results.items() if cell != point}
    write(replace(run, results=rest), tmp_path / "report")
    assert "evaluate cells that were not run" in page.read_text(encoding="utf-8")


def test_answers_on_a_set_whose_index_is_lost_do_not_count(store, tmp_path):
    """Without it the groups are not known that its accuracy is the mean over."""
    run = stored_results(store, tmp_path, {"ft": {}}, pretrainings=HUB, data={"source": "published"})
    lost = next(cell.id for cell in run.grid.cells.values() if cell.config.get("set") == "r")
    summary = written(run, tmp_path / "whole")
    assert summary["pre"]["net-plain"]["r"] is not None
    rest = {cell: result for cell, result in run.results.items() if cell != lost}
    summary = written(replace(run, results=rest), tmp_path / "rest")
    assert summary["pre"]["net-plain"]["r"] is None
    assert summary["pre"]["net-plain"]["v2"] is not None


def test_the_provenance_gives_the_size_that_images_have(store, tmp_path):
    run = stored_results(store, tmp_path, {"ft": {}})
    for source, asked in (("digits", 16), ("imagenet", 16), ("folder", 99)):  # a folder's images keep theirs
        given = {**run.settings["data"], "source": source, "image_size": asked}
        write(replace(run, settings={**run.settings, "data": given}), tmp_path / source)
        page = (tmp_path / source / "report.html").read_text(encoding="utf-8")
        assert re.search(f'<th>data</th>\\s*<td class="long">{source}, 16 px</td>', page)


def test_the_provenance_names_the_folder_its_notes_and_the_methods_that_were_run(store, tmp_path):
    run = stored_results(store, tmp_path, {"ft": {}, "ewc": {"strength": 7}, "lp": {}})
    kept = tuple(t for t in run.grid.targets if t.labels.get("method") in ("pre", "ft", "ewc"))
    grid = replace(run.grid, targets=kept, notes=("photos: 6 images in grey read as RGB", "1 is a copy."))
    data = {**run.settings["data"], "source": "folder", "root": "my/sets"}
    write(replace(run, grid=grid, settings={**run.settings, "data": data}), tmp_path / "page")
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    facts = dict(re.findall(r'<th>([a-z ]+)</th>\s*<td class="long">([^<]*)</td>', page))
    assert facts["data"] == "folder my/sets, 16 px"
    assert facts["notes on the data"] == "photos: 6 images in grey read as RGB. 1 is a copy."
    assert facts["methods"] == "ft; ewc strength 7"


def test_without_data_the_report_says_what_failed(store, tmp_path):
    failed = {"title": "data digits", "failure_class": "invalid", "message": "no such folder"}
    run = stored_results(store, tmp_path, {"ft": {}}, without=("data", "evaluate"), failures={"x": failed})
    with pytest.raises(UserError, match=r"^Nothing is done yet: data digits: no such folder$"):
        write_report(task, run, tmp_path / "report")
    with pytest.raises(UserError, match=r"^Nothing is done yet: run the suite first$"):
        write_report(task, replace(run, failures={}), tmp_path / "report")
