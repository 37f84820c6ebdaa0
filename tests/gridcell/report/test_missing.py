"""What has no result: each cell's state, and how it is counted, grouped and shortened."""

import random
from dataclasses import replace

import pytest

from gridcell.cell import Cell
from gridcell.execute.schedule import Schedule, missing_cells
from gridcell.grid import Grid, GridBuilder
from gridcell.report import GridResults, write_report
from gridcell.report.missing import (
    NAMES_SHOWN,
    ROWS_SHOWN,
    incomplete,
    missing,
    missing_table,
    nothing_done,
)
from gridcell.store import Result
from gridcell.task import find_task
from smallest_grids import complete_results


def grid_results(grid, *, done=(), failures=None, store=None):
    results = {
        cell_id: Result(grid.cells[cell_id], {"sum": 1}, {}, {"seconds": 1.0, "versions": {}})
        for cell_id in done
    }
    failures = {
        cell_id: {"title": grid.cells[cell_id].title, "failure_class": kind, "message": f"it was {kind}"}
        for cell_id, kind in (failures or {}).items()
    }
    return GridResults("t", {}, grid, results, failures, store)


def random_grid(rng, size=12):
    builder, cells = GridBuilder("toy"), []
    for index in range(size):
        needs = {f"n{i}": cell for i, cell in enumerate(rng.sample(cells, min(len(cells), rng.randrange(3))))}
        cells.append(builder.add("step", {"add": index}, needs=needs, title=f"cell {index}"))
    for cell in rng.sample(cells, 4):
        builder.target({"index": cell.config["add"]}, cell)
    return builder.build()


@pytest.mark.parametrize("seed", range(60))
def test_states_are_what_a_run_would_make_of_the_cells(seed):
    """The schedule decides on its own what must run, and what a failure blocks."""
    rng = random.Random(seed)
    grid = random_grid(rng)
    ids = rng.sample(list(grid.cells), 7)
    failures = dict(zip(ids[4:], ("bug", "diverged", "bug"), strict=True))
    states = grid_results(grid, done=ids[:4], failures=failures).states
    must_run = missing_cells(grid, set(ids[:4]))
    blocked = Schedule(grid, set(ids[:4]), failures).blocked - failures.keys()
    for cell_id, state in states.items():
        if cell_id in ids[:4]:
            assert state == "done"
        elif cell_id in failures:
            assert state == ("diverged" if failures[cell_id] == "diverged" else "failed")
        elif cell_id not in must_run:
            assert state == "not needed"
        else:
            assert state == ("blocked" if cell_id in blocked else "not run")


@pytest.mark.parametrize("seed", range(20))
def test_the_groups_hold_every_cell_that_is_counted(seed):
    rng = random.Random(seed)
    grid = random_grid(rng, 30)
    ids = rng.sample(list(grid.cells), 9)
    found = grid_results(grid, done=ids[:5], failures=dict.fromkeys(ids[5:], "bug"))
    found = replace(found, grid=replace(grid, skipped=(SKIPPED,)))
    counts = found.counts()
    listed = dict.fromkeys(counts, 0)
    for group in missing(found):
        listed[group.state] += group.count
    assert {**listed, "done": 5, "not needed": 0} == {**counts, "not needed": 0}
    assert sum(counts.values()) == len(grid) + 1


def skipped(**labels):
    builder = GridBuilder("toy")
    builder.skip(labels, "it cannot be")
    return builder.build().skipped[0]


SKIPPED = skipped(model="vit", method="flyp")


def chain():
    builder = GridBuilder("toy")
    first = builder.add("data", {}, title="the data")
    second = builder.add("train", {}, needs={"data": first}, title="the training")
    third = builder.add("test", {}, needs={"weights": second}, title="the test")
    other = builder.add("test", {"other": 1}, title="another test")
    for cell in (third, other):
        builder.target({"title": cell.title}, cell)
    return builder.build(), first, second, other


def test_what_is_blocked_names_the_cell_that_failed():
    grid, first, _, other = chain()
    groups = missing(grid_results(grid, done=[other.id], failures={first.id: "bug"}))
    assert [(g.state, g.count, g.what, g.why) for g in groups] == [
        ("failed", 1, "the data", "bug: it was bug"),
        ("blocked", 2, "the training; the test", "needs the data, which failed"),
    ]


def test_a_cell_that_runs_now_is_not_told_as_if_nobody_ran_it():
    grid, first, _, other = chain()
    found = replace(grid_results(grid, done=[other.id]), running={first.id})
    assert [(g.state, g.count, g.why) for g in missing(found)] == [
        ("not run", 1, "data cells that run now"),
        ("not run", 1, "train cells that were not run"),
        ("not run", 1, "test cells that were not run"),
    ]
    assert incomplete(found) == "Incomplete: 3 of 4 cells have no result (3 not run, of which 1 run now)."


def test_a_need_whose_users_are_done_is_not_missing():
    grid, *_ = chain()
    done = [target.cell for target in grid.targets]
    found = grid_results(grid, done=done)
    assert found.counts()["not needed"] == 2
    assert (missing(found), incomplete(found)) == ([], "")


def test_the_sentence_counts_cells_and_combinations():
    grid, first, _, other = chain()
    grid = replace(grid, skipped=(SKIPPED,) * 3)
    found = grid_results(grid, done=[other.id], failures={first.id: "diverged"})
    assert incomplete(found) == (
        "Incomplete: 3 of 4 cells have no result (1 diverged, 2 blocked); "
        "3 combinations are skipped because they cannot run."
    )


def test_skipped_combinations_are_told_by_their_values():
    grid, *_ = chain()
    seeds = tuple(skipped(space="cnn", seed=seed) for seed in range(6))
    (group,) = [g for g in missing(grid_results(replace(grid, skipped=seeds))) if g.state == "skipped"]
    assert (group.count, group.what, group.why) == (
        *(6, "space cnn; seed 0, 1, 2, 3, and 2 more"),
        "it cannot be",
    )


def test_long_lists_are_shortened_and_say_by_how_much():
    builder = GridBuilder("toy")
    cells = [builder.add("step", {"add": index}, title=f"cell {index}") for index in range(50)]
    failures = {cell.id: f"class {index}" for index, cell in enumerate(cells[:30])}
    rows = missing_table(missing(grid_results(builder.build(), failures=failures))).rows
    failed = [row for row in rows if row[0] == "failed"]
    assert len(failed) == ROWS_SHOWN + 1
    assert failed[-1][1:] == [
        30 - ROWS_SHOWN,
        f"{30 - ROWS_SHOWN} more",
        f"{30 - ROWS_SHOWN} further reasons",
    ]
    (waiting,) = [row for row in rows if row[0] == "not run"]
    assert waiting[1] == 20
    assert waiting[2].endswith(f"; and {20 - NAMES_SHOWN} more")


def test_a_report_of_the_toy_says_what_is_missing_on_page_and_terminal(gridcell, tmp_path):
    grid = ("toy", "--set", "length=2", "--set", "width=2", "--set", "fail={r0c0: bug}", "--storage", "runs")
    gridcell("run", *grid, "--executor", "inline")
    code, output, _ = gridcell("report", *grid, "--out", "out")
    assert code == 0
    sentence = "Incomplete: 3 of 5 cells have no result (1 failed, 2 blocked)."
    assert sentence in output
    assert sentence in (tmp_path / "out/report.html").read_text()
    assert "needs r0c0, which failed" in output


def test_a_grid_without_targets_is_reported_by_its_cells(store, tmp_path):
    cell = Cell("toy", "step", {"add": 0}, title="alone")
    builder = GridBuilder("toy")
    builder.add("step", {"add": 0}, title="alone")
    found = grid_results(builder.build(), done=[cell.id], store=store)
    assert write_report(find_task("toy"), found, tmp_path).page.exists()


def test_a_report_that_is_stopped_leaves_the_earlier_one_as_it_was(store, tmp_path, monkeypatch):
    cell = Cell("toy", "step", {"add": 0}, title="alone")
    builder = GridBuilder("toy")
    builder.add("step", {"add": 0}, title="alone")
    found, task = grid_results(builder.build(), done=[cell.id], store=store), find_task("toy")
    write_report(task, found, tmp_path / "out")
    (tmp_path / "out" / "own notes.txt").write_text("mine")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("gridcell.report.write.write_record", stopped)  # when nearly all is written
    with pytest.raises(KeyboardInterrupt):
        write_report(task, replace(found, suite="other"), tmp_path / "out")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before


def test_of_nothing_done_it_says_what_the_storage_has_instead(tmp_path):
    _, results = complete_results("generalization-difficulty", tmp_path)
    plans, task = results.store.plans, "generalization-difficulty"
    builder = GridBuilder(task)
    builder.target({}, builder.add("formula", {"another": 1}))
    asked = replace(results, suite="mini", results={}, grid=builder.build())
    first = "Nothing is done yet: run the suite first"
    assert not hasattr(nothing_done(asked), "__notes__")  # results that no plan knows
    plans.save(task, "published", Grid(dict(list(results.grid.cells.items())[:1]), ()))
    error = nothing_done(asked)
    assert str(error) == first
    assert error.__notes__ == [f"The storage has other results: 1 of {task}/published"]
    plans.save(task, "mini", results.grid)
    (said,) = nothing_done(asked).__notes__
    assert f"2 of {task}/mini" in said
    assert f"1 of {task}/published" in said
    assert "--set and --seeds" in said
    own = nothing_done(replace(results, results={}))  # of its own, which were damaged or left out
    assert not hasattr(own, "__notes__")
