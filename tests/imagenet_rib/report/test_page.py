"""The page, its figures and the terminal's tables."""

import json
import re
import subprocess
import sys
from html import unescape
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from gridcell.cell import Cell
from gridcell.grid import Grid, Skipped
from imagenet_rib.report.evaluations import SetFacts
from imagenet_rib.report.figures import draw
from imagenet_rib.report.richness import Origin
from imagenet_rib.report.sentences import gaps, sentences
from imagenet_rib.report.summary import summarise
from imagenet_rib.report.tables import headline
from imagenet_rib.report.tradeoff import answer
from rib_evaluations import AFTER, SETS, after, before, random_evaluations, write_report

pytestmark = pytest.mark.xdist_group("rib-page")

NASTY = '<script>alert("x")</script>'


def report(out, made, sets, **options: Any):
    return write_report(made, sets, out, **{"title": "A report", "own_facts": {"commit": "abc"}, **options})


def as_text(table, width=100):
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(table)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    made, sets = random_evaluations(["net/rich", "net rich"], ["ft", "ewc", "wise_ft"], [0])
    return out, report(out, made, sets), made, sets


def test_everything_is_written(full):
    _, files, _, _ = full
    names = [path.name for path in files]
    assert names[0] == "report.html"
    tables = ["cells.csv", "leaderboard.csv", "summary.json"]
    kinds = ["tradeoff", "leaderboard", "before", "radar", "wise_ft"]
    per_model = [
        f"{kind}-model-{index}" for kind in ("change", "accuracy") for index in (1, 2)
    ]  # slugs collide
    assert sorted(names[1:]) == sorted([*tables, *(f"{name}.png" for name in kinds + per_model)])


def test_the_page_stands_alone_and_holds_every_figure(full):
    out, files, _, _ = full
    page = (out / "report.html").read_text(encoding="utf-8")
    pictures = [path.stem for path in files if path.suffix == ".png"]
    figures = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    assert len(figures) == len(pictures) == 9
    for figure in figures:
        assert re.search(r'<svg role="img" aria-label="[^"]+" class="part', figure)
        name, data = re.search(r'download="([^"]+)\.csv" href="data:text/csv;([^"]+)"', figure).groups()
        assert name in pictures
        assert data.startswith(("charset=utf-8,", "base64,"))
    assert re.findall(r"<b>Figure (\d+)\.</b>", page) == [str(number) for number in range(1, 10)]
    assert not re.search(r'(src|href)="(https?:)?//|@import|url\(', page)
    assert page.count("<script") == 1  # the page's own


def test_the_page_says_the_numbers(full):
    out, _, _, _ = full
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    page = unescape((out / "report.html").read_text(encoding="utf-8"))
    for model in summary["models"]:
        for method, estimate in summary["mRI"][model].items():
            low, high = (f"{end:+.1f}".replace("-", "−") for end in estimate["ci95"])
            mean = f"{estimate['mean']:+.1f}".replace("-", "−")
            best = max(e["mean"] for e in summary["mRI"][model].values()) == estimate["mean"]
            cell = f"<b>{mean}</b>" if best else mean
            assert f">{cell}<small>[{low}, {high}]</small></td>" in page, method
    assert "percentile bootstrap with 1000 resamples" in page
    assert "Student" not in page
    assert "Nothing: all that was asked for is done." in page


def test_the_report_is_the_same_for_any_order(full, tmp_path):
    out, files, made, sets = full
    report(tmp_path, made[::-1], sets)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {p.name: p.read_bytes() for p in files}
    assert len(list(out.iterdir())) == len(files)


def test_names_are_escaped(tmp_path):
    made = [before(NASTY), *after("ft", model=NASTY), *after(NASTY, model=NASTY)]
    cell = Cell("imagenet-rib", "evaluate", {}, title=NASTY)
    files = report(
        tmp_path,
        made,
        SETS,
        title=NASTY,
        own_facts={NASTY: NASTY},
        grid=Grid({cell.id: cell}, skipped=(Skipped({"method": NASTY}, NASTY),)),
        failures={cell.id: {"title": NASTY, "failure_class": NASTY, "message": NASTY}},
    )
    page = files[0].read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "alert(" in page
    assert all(path.parent == tmp_path for path in files)


def test_what_is_missing_is_said(tmp_path):
    rows = {source: row for source, row in AFTER.items() if source != "b"}
    made = [before(), *after("ft"), *after("ewc", rows=rows), before("n"), *after("ft", model="n")]
    skipped = Skipped({"model": "n", "method": "ewc"}, "no such layer")
    cell = Cell("imagenet-rib", "evaluate", {}, title="m ewc on b")
    failure = {"title": cell.title, "failure_class": "out-of-memory", "message": "too big"}
    grid = Grid({cell.id: cell}, skipped=(skipped,))
    page = report(tmp_path, made, SETS, grid=grid, failures={cell.id: failure})[0].read_text(encoding="utf-8")
    assert "Incomplete: 1 of 1 cell has no result (1 failed); 1 combination is skipped" in page
    assert "not fine-tuned on b</td>" in page
    assert page.count("no such layer") == 2  # among the skipped, and as the reason of the gap
    assert "out-of-memory: too big" in page
    assert re.search(r'<td class="none" data-sort="">–</td>', page)


def test_gaps_name_rows_sets_and_reasons():
    partial = {**AFTER, "a": {"a": 90, "b": 45}}
    del partial["c"]
    summary = summarise([before(), *after("ft"), *after("ewc", rows=partial), *after("lwf", model="n")], SETS)
    found = {
        (row["model"], row["method"]): row
        for row in gaps(summary, [({"method": "ewc", "model": "n"}, "why")])
    }
    assert found["m", "ewc"]["what"] == "not fine-tuned on c; fine-tuned on a, not tested on c, val"
    assert found["n", "pre"]["what"] == "not tested on a, b, c, val"
    assert found["n", "ft"]["what"] == "not fine-tuned on any set"
    assert (found["n", "ewc"]["why"], found["m", "ewc"]["why"]) == ("why", "")
    assert ("n", "lwf") not in found


def test_a_set_that_could_not_be_read_has_no_size(tmp_path):
    sets = [*SETS, SetFacts("val", 0, 0, "unread")]
    page = report(tmp_path, [before(), *after("ft")], sets)[0].read_text(encoding="utf-8")
    assert re.search(r"<th>val</th>(<td[^>]*>–</td>){2}<td class=\"long\">unread</td>", page)


def test_all_models_are_those_with_a_complete_matrix(tmp_path):
    made = [e for m in ("m", "n") for e in (before(m), *after("ft", model=m), *after("ewc", model=m))]
    page = report(tmp_path / "all", made, SETS)[0].read_text(encoding="utf-8")
    assert "“All models” is the mean over all 2 models, of the methods" in page
    made += [before("o"), *after("ft", model="o")[:2]]
    page = report(tmp_path / "some", made, SETS)[0].read_text(encoding="utf-8")
    assert "“All models” is the mean over the 2 models of 3 with a complete matrix, of the methods" in page


def test_intervals_over_images_are_explained_wherever_there_are_any(tmp_path):
    """Accuracies before fine-tuning have no seeds, however many the fine-tunings have."""
    made = [e for m in ("m", "n") for e in (before(m), *after("ft", model=m), *after("ft", model=m, seed=1))]
    page = report(tmp_path / "alone", made, SETS)[0].read_text(encoding="utf-8")
    assert "percentile bootstrap" not in page
    origins = {"m": Origin("net", 0, "little"), "n": Origin("net", 1, "much")}
    page = report(tmp_path / "pair", made, SETS, origins=origins)[0].read_text(encoding="utf-8")
    assert "percentile bootstrap with 1000 resamples" in page
    assert "Student’s t" in page or "Student's t" in page


def test_answer_claims_what_intervals_allow():
    steady = {source: {**row, "a": 60, "b": 50, "c": 40} for source, row in AFTER.items()}
    made = [before(), *after("ft"), *after("gain", shift=20), *after("still", rows=steady)]
    said = sentences(summarise(made, SETS))
    assert "Robustness is higher than before fine-tuning: gain." in said
    assert "Robustness is lost: ft." in said
    assert "No change beyond noise: still." in said
    assert "More robustness is kept than by plain fine-tuning (ft): gain, still." in said
    assert not any(sentence.startswith("Less") for sentence in said)


def test_answer_counts_models():
    made = [before(), *after("ft"), before("n"), *after("ft", model="n", shift=20)]
    said = sentences(summarise(made, SETS))
    assert "Robustness is lost: ft (1 of 2 models)." in said
    assert "Robustness is higher than before fine-tuning: ft (1 of 2 models)." in said
    twice = sentences(summarise([before(), *after("ft"), before("n"), *after("ft", model="n")], SETS))
    assert twice == ["Robustness is lost: ft (both models)."]


def test_nothing_yet_still_makes_a_page(tmp_path):
    page = report(tmp_path / "none", [], SETS)[0].read_text(encoding="utf-8")
    assert "No model has a complete matrix" in page
    files = report(tmp_path / "pre", [before()], SETS)
    assert [path.name for path in files] == [
        *("report.html", "before.png", "cells.csv", "leaderboard.csv", "summary.json")
    ]


def test_two_sets_need_no_radar(tmp_path):
    rows = {source: {name: AFTER[source][name] for name in ("a", "b", "val")} for source in "ab"}
    files = report(tmp_path, [before(), *after("ft", rows=rows)], SETS[:2])
    assert "radar.png" not in [path.name for path in files]
    assert "leaderboard.png" in [path.name for path in files]


def test_of_a_part_only_what_was_fine_tuned_has_a_row_and_no_empty_figure_is_drawn():
    """Of eight sets one was selected: seven hatched rows in each matrix, and a radar without a line."""
    rows = {source: row for source, row in AFTER.items() if source == "b"}
    made = [before(), *after("ft", rows=rows), before("bare")]
    pictures = {one.name: one for one in draw(summarise(made, SETS))}
    assert "radar" not in pictures
    assert [name for name in pictures if name.startswith(("change", "accuracy"))] == [
        "change-m",
        "accuracy-m",
    ]
    for name in ("change-m", "accuracy-m"):
        figure = pictures[name].figure
        assert list(figure.rows) == ["b"]
        assert list(figure.outlined) == [(0, 1)]
        assert pictures[name].caption.endswith("Without a row: a, c; no model fine-tuned on them is done.")
        assert next(iter(figure.panels.values())).shape == (1, 4)


def test_of_a_part_ri_stands_once_before_the_details_and_without_empty_rows(tmp_path):
    rows = {source: row for source, row in AFTER.items() if source == "b"}
    made = [before(), *after("ft", rows=rows), *after("ewc", rows=rows, shift=3)]
    page = report(tmp_path, made, SETS)[0].read_text(encoding="utf-8")
    assert page.count("RI, points: fine-tuned on") == 1  # in the model's details; the table of sets has it
    table = page.partition("RI, points: fine-tuned on")[2].partition("</table>")[0]
    assert re.findall(r"<th[^>]*>([abc])</th>|<td[^>]*>([abc])</td>", table) in ([("b", "")], [("", "b")])


def test_terminal_tables_fit_a_hundred_columns():
    models = [f"vit_base_patch16_224.augreg_in21k_ft_in1k_{index}" for index in range(5)]
    made = [
        e for model in models for e in (before(model), *after("ft", model=model), *after("ewc", model=model))
    ]
    tables = headline(summarise(made, SETS))
    assert len(tables) == 4 + 3  # a matrix, mRI of four models and of one, the leaderboard, three claims
    for table in tables:
        lines = as_text(table, width=400).splitlines()
        assert max(len(line.rstrip()) for line in lines) <= 100
    matrix, mri, _, board, claim, *_ = (as_text(table) for table in tables)
    assert re.search(r"^ *a +\+30\.0 +−5\.0 +−3\.0 +−10\.0", matrix, re.MULTILINE)
    assert mri.count("−2.7 [") == 8
    assert "all models" in board
    assert re.search(r"mRI of ewc − mRI of ft +0\.0 \(no change\) over images +undecided", claim)


def test_terminal_matrix_of_a_named_method_marks_gaps():
    rows = {source: row for source, row in AFTER.items() if source != "b"}
    summary = summarise([before(), *after("ft"), *after("ewc", rows=rows)], SETS)
    matrix, mri, board = (as_text(table) for table in headline(summary, method="ewc"))
    assert "m, ewc" in matrix
    assert re.search(r"^ *b( +–)+ *$", matrix, re.MULTILINE)
    assert re.search(r"^ *ewc +– *$", mri, re.MULTILINE)
    assert "ewc" not in board


def test_models_alone_have_their_accuracy_in_the_terminal():
    summary = summarise([before()], SETS)
    (table,) = (as_text(table) for table in headline(summary))
    assert re.search(r"^ *m +60\.0 +50\.0 +40\.0 +90\.0 *$", table, re.MULTILINE)
    said = answer(summary)
    assert said.text == "Before fine-tuning m is right on 50.0 % of 3 sets (c 40.0 to a 60.0)."
    assert "cannot be said yet" in said.sure[0]


def test_rows_that_are_done_have_their_ri_in_the_terminal_and_in_the_answer():
    rows = {source: row for source, row in AFTER.items() if source == "a"}  # b: 45 - 50, c: 37 - 40
    summary = summarise([before(), *after("ewc", rows=rows)], SETS)
    ri, accuracy = (as_text(table) for table in headline(summary))
    assert re.search(r"^ *m +ewc +−4\.0( +–){2} *$", ri, re.MULTILINE)
    assert "before fine-tuning" in accuracy
    said = answer(summary)
    assert said.text == "Fine-tuned on a by ewc, m changes elsewhere by −4.0 points."
    assert "RI is known of 1 of 3 combinations" in said.sure[1]


def test_nothing_tested_at_all_is_said():
    assert "no model was tested" in answer(summarise([], SETS)).text


def test_planning_imports_no_drawing():
    code = (
        "import sys, imagenet_rib.report.evaluations, imagenet_rib.report.page;"
        "sys.exit(','.join({'matplotlib', 'scipy', 'jinja2', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
