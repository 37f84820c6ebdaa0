"""One policy on what is missing: the same for every task, on its page and in the terminal."""

import csv
import re
from dataclasses import replace
from html import unescape

import pytest

from gridcell.errors import UserError
from gridcell.grid import Skipped
from gridcell.report import write_report
from smallest_grids import TASKS, complete_results

pytestmark = pytest.mark.xdist_group("complete-grids")


@pytest.fixture(scope="module", params=TASKS)
def complete(request, tmp_path_factory):
    """A task and the results of its smallest grid, which has no failures and skips nothing."""
    return complete_results(request.param, tmp_path_factory.mktemp("complete"))


def targets(results):
    return list(dict.fromkeys(target.cell for target in results.grid.targets))


def failure(results, cell_id, kind):
    return {"title": results.grid.cells[cell_id].title, "failure_class": kind, "message": f"<it> was {kind}"}


def without(results, *cells):
    kept = {cell_id: result for cell_id, result in results.results.items() if cell_id not in cells}
    return replace(results, results=kept)


def written(task, results, out):
    report = write_report(task, results, out)
    assert (out / "summary.json").exists()
    assert report.page == out / "report.html"
    return unescape(report.page.read_text(encoding="utf-8")), [str(part) for part in report.headline]


def counted(page):
    found = re.findall(r"<li><b>(\d+)</b> ([a-z ]+)</li>", page)
    return {state: int(count) for count, state in found}


def test_of_a_complete_grid_nothing_is_missing(complete, tmp_path):
    task, results = complete
    page, said = written(task, results, tmp_path)
    assert "Incomplete" not in page
    assert not any("Incomplete" in part for part in said)
    assert "Nothing: all that was asked for is done." in page


def test_each_row_of_cells_names_the_cell_that_made_it(complete, tmp_path):
    task, results = complete
    out = tmp_path / "out"
    write_report(task, results, out)
    files = [file for file in out.glob("*.csv") if file.stem in ("cells", "results", "targets")]
    assert out / "results.csv" in files
    for file in files:
        with file.open(newline="", encoding="utf-8") as opened:
            rows = list(csv.DictReader(opened))
        assert rows or file.stem == "cells", file.name  # a task's own may be of some kinds of cells alone
        named = {cell_id for row in rows for cell_id in row["cell"].split()}
        assert named <= results.results.keys(), file.name
        assert all(row["cell"] for row in rows), file.name


def test_of_nothing_there_is_no_report(complete, tmp_path):
    task, results = complete
    empty = replace(results, results={})
    with pytest.raises(UserError, match=r"^Nothing is done yet: run the suite first$"):
        write_report(task, empty, tmp_path / "out")
    first = targets(results)[0]
    failed = replace(empty, failures={first: failure(results, first, "bug")})
    title = re.escape(results.grid.cells[first].title)
    with pytest.raises(UserError, match=f"^Nothing is done yet: {title}: <it> was bug$"):
        write_report(task, failed, tmp_path / "out")
    assert not (tmp_path / "out" / "report.html").exists()


def test_needs_alone_are_no_answer(complete, tmp_path):
    task, results = complete
    with pytest.raises(UserError, match=r"^Nothing is done yet: run the suite first$"):
        write_report(task, without(results, *targets(results)), tmp_path)


def test_what_was_not_run_is_counted_and_named(complete, tmp_path):
    task, results = complete
    gone = targets(results)[-1]
    page, said = written(task, without(results, gone), tmp_path)
    (sentence,) = re.findall(r"Incomplete: \d+ of \d+ cells have no result \(\d+ not run\)\.", page)
    assert said[-1] == sentence
    assert counted(page)["not run"] == int(sentence.split()[1]) > 0
    missing = page.partition('id="missing"')[2]
    assert f"{results.grid.cells[gone].kind} cells that were not run" in missing
    assert "Nothing: all" not in page


def test_failed_diverged_and_skipped_are_told_with_their_reasons(complete, tmp_path):
    task, results = complete
    *_, one, other = targets(results)
    labels = results.grid.targets[0].labels
    grid = replace(results.grid, skipped=(Skipped(labels, "a reason to skip"),))
    failures = {one: failure(results, one, "bug"), other: failure(results, other, "diverged")}
    some = replace(without(results, one, other), grid=grid, failures=failures)
    page, said = written(task, some, tmp_path)
    counts = counted(page)
    assert (counts["failed"], counts["diverged"], counts["skipped"]) == (1, 1, 1)
    assert "1 combination is skipped because it cannot run." in said[-1]
    assert said[-1] in page
    missing = page.partition('id="missing"')[2]
    for told in ("bug: <it> was bug", "<it> was diverged", "a reason to skip"):
        assert told in missing
    for name in ("What is missing", "Settings and provenance", "Interruptions"):
        assert page.count(f">{name}<") == 1


def test_a_file_that_is_gone_is_one_sentence(complete, tmp_path):
    task, results = complete
    read = [cell for cell in targets(results) if results.results[cell].artifacts]
    if not read:
        pytest.skip("the cells that this report is about leave no files")
    result = results.results[read[0]]
    gone = {name: replace(artifact, path="gone") for name, artifact in result.artifacts.items()}
    damaged = {**results.results, read[0]: replace(result, artifacts=gone)}
    sentence = (
        rf"^'.*' of cell .* is missing from the store: remove the result of cell {read[0]} and run again$"
    )
    with pytest.raises(UserError, match=sentence):
        write_report(task, replace(results, results=damaged), tmp_path)
