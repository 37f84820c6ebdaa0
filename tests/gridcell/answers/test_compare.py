"""Two sets of results against each other: what differs, by how much, and whether chance explains it."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from scipy import stats

from gridcell.answers.compare import Side, compare, numbers_of
from gridcell.answers.compare_page import as_json, facts, lines, tables, write_comparison
from gridcell.answers.noise import means, moves
from gridcell.errors import UserError
from gridcell.report.record import RECORD, Done, Record, read_record, write_record
from gridcell.task import find_task


def samples(differences, base=50.0):
    """Places a0, a1, ... whose seeds differ by rows of an array."""
    return {
        ((("a", str(place)),), "x"): [(base, base + float(value)) for value in row]
        for place, row in enumerate(differences)
    }


def test_of_one_place_it_is_students_paired_test():
    for seed in range(30):
        differences = np.random.default_rng(seed).normal(0.8, 1, (1, 5))
        (move,) = moves(samples(differences))
        tested = stats.ttest_1samp(differences[0], 0)
        low, high = tested.confidence_interval(0.95)
        assert move.difference == pytest.approx(differences.mean())
        assert move.half_width == pytest.approx((high - low) / 2)
        assert move.moved == (tested.pvalue < 0.05)


def test_chance_alone_moves_nothing_and_a_change_is_found():
    generator = np.random.default_rng(1)
    alarms, found = 0, 0
    for _ in range(400):
        differences = generator.normal(0, 1, (20, 3))
        alarms += any(move.moved for move in moves(samples(differences)))
        differences[7] += 4
        found += next(move.moved for move in moves(samples(differences)) if move.place == (("a", "7"),))
    assert alarms / 400 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)  # of 20 places each
    assert alarms > 0
    assert found / 400 > 0.95


def test_places_that_agree_exactly_say_nothing_about_noise():
    differences = np.zeros((10, 2))
    differences[0] = [1.0, 3.0]
    (move,) = moves(samples(differences))
    assert move.half_width == pytest.approx(stats.t.ppf(0.975, 1) * np.std([1, 3], ddof=1) / np.sqrt(2))


def test_with_one_seed_every_difference_counts_up_to_the_tolerance():
    one = samples([[0.5], [0.0], [-2.0]])
    assert [move.difference for move in moves(one) if move.moved] == [-2.0, 0.5]
    assert np.isnan(moves(one)[0].half_width)
    assert [move.difference for move in moves(one, tolerance=0.02) if move.moved] == [-2.0]
    assert not any(move.moved for move in moves(one, tolerance=0.05))


def test_the_mean_over_places_has_students_interval_over_places():
    differences = np.random.default_rng(2).normal(0.5, 1, (6, 3))
    given = {**samples(differences), ((("a", "0"),), "y"): [(1.0, 2.0)], ((("a", "1"),), "y"): [(2.0, 2.0)]}
    given |= {((("a", str(place)),), "same"): [(1.0, 1.0)] for place in range(6)}
    given |= {((("a", "0"),), "once"): [(1.0, 2.0)]}
    x, y = means(given)  # neither what is equal everywhere nor what is at one place alone
    tested = stats.ttest_1samp(differences.mean(axis=1), 0).confidence_interval(0.95)
    assert (x.metric, x.places, x.before) == ("x", 6, 50.0)
    assert x.after == pytest.approx(50 + differences.mean())
    assert (x.difference - x.half_width, x.difference + x.half_width) == pytest.approx(tuple(tested))
    assert (y.metric, y.places, y.difference) == ("y", 2, 0.5)


def test_the_mean_over_places_comes_before_the_places():
    before = [{"x": 1.0 + place, "curve": [1.0]} for place in range(3)]
    after = [{"x": 2.0 + 2 * place, "curve": [2.0]} for place in range(3)]
    found = compared(record(before), record(after))
    first, second, *_ = tables(found)
    half = stats.t.ppf(0.975, 2) * 1.0 / np.sqrt(3)
    assert first.title.startswith("Means over the places")
    assert first.as_text() == [["x", "2", "4", f"+2 [{2 - half:+.4g}, {2 + half:+.4g}]", "3"]]
    assert second.title.startswith("Differences")
    assert as_json(found)["means"][0]["places"] == 3
    assert as_json(found)["means"][0]["half_width"] == pytest.approx(half)


def test_differences_that_cancel_have_no_mean_difference():
    """They left 7e-15 of percentages: the last bits of the values."""
    given = {
        ((("set", str(at)),), "x"): [(50.0, 50.0 + change)] for at, change in enumerate([0.1, 0.2, -0.3])
    }
    (x,) = means(given)
    assert x.difference == 0.0
    assert x.half_width > 0


def test_means_stand_in_the_order_in_which_cells_answer():
    names = [f"metric {number}" for number in (7, 3, 9, 1, 8, 2)]
    before, after = ([dict.fromkeys(names, value + place) for place in range(2)] for value in (1.0, 2.0))
    assert [one.metric for one in compared(record(before), record(after)).means] == names


def test_a_verdict_is_never_cut_on_a_terminal_of_80_columns():
    from rich.console import Console

    made = record([{"a_metric_with_a_long_name": float(place)} for place in range(3)])
    told = record([{"a_metric_with_a_long_name": float(place) + 0.5} for place in range(3)])
    targets = [({"downstream": "sketch", "model": f"vit-plain-{m}", "seed": 0}, f"id{m}") for m in range(3)]
    found = compared(replace(made, targets=targets), replace(told, targets=targets))
    console = Console(width=80, record=True, file=StringIO())
    for part in lines(found):
        console.print(part)
    shown = console.export_text()
    assert sum(row.rstrip().endswith("moved") for row in shown.splitlines()) == 3
    assert "…" not in shown
    assert "A difference without ± has no interval: no place of its metric has two seeds." in shown.replace(
        "\n", " "
    )


def record(metrics, *, settings=None, timings=("*seconds*",), **of_cells):
    """Results at m0, m1, ... of seed 0; None: not done."""
    cells = {
        f"id{index}": Done("k", f"cell {index}", 0, answered, f"content{answered}", **of_cells)
        for index, answered in enumerate(metrics)
        if answered is not None
    }
    targets = [({"m": f"m{index}", "seed": 0}, f"id{index}") for index in range(len(metrics))]
    codes = {"one": {"a": "1", "b": "1"}, "two": {"a": "2", "b": "1"}}
    return Record("t", "s", {}, settings or {}, (), timings, targets, (), cells, codes)


def compared(before, after, tolerance=0.0):
    return compare(Side("A", before), Side("B", after), tolerance)


def test_equal_results_are_equal_whatever_the_clock_said():
    before = record([{"x": 1.0, "train_seconds": 3.0, "nan": float("nan")}, {"x": 2}])
    after = record([{"x": 1.0, "train_seconds": 9.0, "nan": float("nan")}, {"x": 2.0}])
    found = compared(before, after)
    assert (found.equal, list(found.changed), found.same) == (2, [], True)
    assert found.sentence() == "Equal: all 2 results that both have are the same to the last bit."


def test_two_equal_runs_of_a_task_that_measures_its_speed_are_equal():
    """Steps per second moved between equal runs, and the exit code said that something had changed."""
    timings = find_task("farmap").timings
    before, after = (record([{"steps": 9, "steps_per_second": at}], timings=timings) for at in (10.0, 20.0))
    assert compared(before, after).same


def test_what_differs_is_listed_the_largest_first():
    before = record([{"x": 1.0, "y": {"z": [10.0, 20.0]}}, {"x": 5.0}, {"x": 7}, None, None])
    after = record([{"x": 1.5, "y": {"z": [10.0, 20.1]}}, {"x": 5.0}, None, {"x": 1}, None])
    found = compared(before, after)
    assert [(move.metric, move.difference) for move in found.moves] == [
        ("x", 0.5),
        ("y.z[1]", pytest.approx(0.1)),
    ]
    assert (found.equal, len(found.changed), found.neither) == (1, 1, 1)
    assert found.only_first == [{"m": "m2", "seed": 0}]
    assert found.only_second == [{"m": "m3", "seed": 0}]
    assert not found.same


def test_a_result_that_is_lost_is_no_equality():
    found = compared(record([{"x": 1}, {"x": 2}]), record([{"x": 1}, None]))
    assert found.sentence().endswith("1 result is in A alone.")
    assert not found.same
    assert compared(record([{"x": 1}, None]), record([{"x": 1}, {"x": 2}])).same


@pytest.mark.parametrize("pair", [(1, None), (1.0, float("nan")), ("a", "b"), (True, False), (1, True)])
def test_values_that_are_no_numbers_change_without_noise(pair):
    found = compared(record([{"x": pair[0]}]), record([{"x": pair[1]}]), tolerance=0.9)
    assert len(found.other) == 1
    assert not found.same


def test_files_alone_may_differ():
    found = compared(record([{"x": 1}], files="one"), record([{"x": 1}], files="two"))
    assert found.changed[0].files_alone
    assert found.sentence() == "1 of 1 result differs, in files alone."
    assert found.same


def test_what_made_them_is_compared():
    before = record([{"x": 1}], settings={"a": {"b": 1}, "c": 2}, code="one", versions={"torch": "2.1"})
    after = record([{"x": 1}], settings={"a": {"b": 3}, "d": 2}, code="two", versions={"torch": "2.2"})
    found = compared(before, replace(after, notes=("3 images were left out",)))
    assert found.settings == [("a.b", 1, 3), ("c", 2, None), ("d", None, 2)]
    assert found.code == [("a", 1)]
    assert found.versions == [("torch", "2.1", "2.2")]
    assert found.data == ["in B alone: 3 images were left out"]


def test_other_data_is_told():
    def with_data(content):
        data = Done("data", "digits", None, {}, content)
        found = record([{"x": 1}])
        return replace(found, roots=("d",), cells={**found.cells, "d": data})

    found = compared(with_data("one"), with_data("two"))
    assert found.data == ["data 'digits' has another content"]


def test_selections_are_paired_by_their_other_labels():
    targets = [({"m": m, "v": v}, f"{m}{v}") for m in "ab" for v in "xy"]
    cells = {cell: Done("k", cell, 0, {"x": float(ord(cell[0]))}, cell) for _, cell in targets}
    whole = replace(record([]), targets=targets, cells=cells)

    def side(value):
        chosen = [target for target in targets if target[0]["m"] in value]
        return Side(f"m={value}", replace(whole, targets=chosen), frozenset({"m"}))

    found = compare(side("a"), side("b"))
    assert [(dict(move.place), move.difference) for move in found.moves] == [({"v": "x"}, 1), ({"v": "y"}, 1)]
    with pytest.raises(UserError, match="'m=ab' has two results at v=x: choose one value of m"):
        compare(side("ab"), side("b"))


def test_a_target_that_several_cells_answer_is_compared_part_by_part():
    cells = {f"{side}{part}": Done("k", "", 0, {"x": float(part)}, "") for side in "ab" for part in range(3)}
    targets = [({"m": "one"}, f"a{part}") for part in range(3)]
    before = replace(record([]), targets=targets, cells=cells)
    after = replace(before, targets=[(labels, f"b{cell[1]}") for labels, cell in targets])
    assert compared(before, after).equal == 3
    fewer = compared(before, replace(after, targets=after.targets[:2]))
    assert (fewer.equal, len(fewer.only_first)) == (2, 1)


def with_rows(name, fixed=(), **values):
    """A side of m0 and m1 whose table has x with an interval at each, and a count without one."""
    rows = [
        {"m": m, "kind": name, "x": x, "x.low": x - 1, "x.high": x + 1, "runs": 3} for m, x in values.items()
    ]
    return Side(name, record([{"x": 1}, {"x": 2}]), frozenset(fixed), rows=lambda table: rows)


def test_numbers_of_a_table_stand_side_by_side_with_the_interval_of_each():
    found = numbers_of(with_rows("A", m0=1.0, m1=2.0), with_rows("B", m1=5.0, m2=7.0), "summary")
    (one,) = found.both
    assert (one.labels, one.name, one.before, one.after, one.difference) == ({"m": "m1"}, "x", 2.0, 5.0, 3.0)
    assert (one.before_ends, one.after_ends) == ((1.0, 3.0), (4.0, 6.0))
    shown = replace(compared(record([{"x": 1}]), record([{"x": 1}])), numbers=found.both)
    (table,) = (table for table in tables(shown) if "Numbers of the reports" in table.title)
    assert ["m=m1", "x", "2 [1, 3]", "5 [4, 6]", "+3"] in table.as_text()
    assert as_json(shown)["numbers"][0]["after_ci95"] == [4.0, 6.0]


def test_numbers_that_one_side_alone_has_are_counted_and_named(tmp_path):
    """A method that diverged on some sets has no mRI there: it isn't left out as if nobody had asked."""
    same = compared(record([{"x": 1}]), record([{"x": 1}]))

    def shown(first, second):
        return same.with_numbers(numbers_of(first, second, "summary"), "summary")

    found = shown(with_rows("A", m0=1.0, m1=2.0), with_rows("B", m1=5.0))
    said = "In the table 'summary' A alone has the numbers of 1 row: m=m0 (x)."
    assert said in facts(found)
    assert said in list(lines(found))
    (table,) = (table for table in tables(found) if table.title == "Numbers of the reports that A alone has")
    assert [str(value.text) for value in table.body[0]] == ["m=m0", "x"]
    assert as_json(found)["numbers_only_first"] == [{"labels": {"m": "m0"}, "numbers": ["x"]}]
    assert as_json(found)["numbers_only_second"] == []
    assert said.replace("'", "&#39;") in write_comparison(found, tmp_path).read_text()

    other = with_rows("B", **{f"m{number}": 1.0 for number in range(9)})
    unknown = Side("A", record([{"x": 1}]), rows=lambda table: [{"m": "m0", "x": None, "x.low": None}])
    found = shown(unknown, other)
    assert found.numbers == []
    assert [one.labels for one in found.numbers_only_second] == [{"m": f"m{number}"} for number in range(9)]
    assert (
        "In the table 'summary' B alone has the numbers of 9 rows: m=m0 (x), m=m1 (x), m=m2 (x), m=m3 (x), "
        "m=m4 (x) and 4 more."
    ) in facts(found)
    nothing = Side("B", record([{"x": 1}]), rows=lambda table: [])
    assert "In the table 'summary' neither side has a number with an interval." in facts(
        shown(unknown, nothing)
    )
    assert not any("table" in one for one in facts(same))


def test_a_label_that_each_side_fixes_tells_no_rows_apart():
    first, second = with_rows("A", fixed=["m"], m0=1.0), with_rows("B", fixed=["m"], m1=5.0)
    (one,) = numbers_of(first, second, "summary").both
    assert (one.labels, one.difference) == ({}, 4.0)


def test_the_folder_of_a_report_has_no_table():
    folder = Side("pages", record([{"x": 1}]))
    with pytest.raises(UserError, match="'pages' is a report's folder, which holds no tables"):
        numbers_of(folder, with_rows("B", m0=1.0), "summary")


def test_results_of_two_tasks_are_not_compared():
    with pytest.raises(UserError, match="only results of one task"):
        compare(Side("A", record([{"x": 1}])), Side("B", replace(record([{"x": 1}]), task="u")))


def test_a_record_is_read_as_it_was_written(tmp_path):
    written = record([{"x": float("inf"), "y": [1, float("nan")]}], settings={"a": 1}, code="one")
    write_record(written, tmp_path)
    found = read_record(tmp_path)
    assert repr(found.cells) == repr(dict(written.cells))
    assert compared(found, written).same
    (tmp_path / RECORD).write_bytes(b"not gzip")
    with pytest.raises(UserError, match="can't be read"):
        read_record(tmp_path)


def test_page_and_json_say_the_same(tmp_path):
    found = compared(record([{"x": 1.0}]), record([{"x": 1.5}]))
    page = write_comparison(found, tmp_path).read_text()
    assert found.sentence() in page
    assert "m=m0" in page
    body = json.loads((tmp_path / "compare.json").read_text())
    assert body == json.loads(json.dumps(as_json(found)))
    assert body["moves"][0]["difference"] == 0.5
    assert body["moves"][0]["half_width"] is None
    assert tables(found)[0].as_text()[0][-1] == "moved"
    assert "A difference without ± has no interval: no place of its metric has two seeds." in list(
        lines(found)
    )


def test_points_of_curves_are_counted_and_not_listed_and_settings_come_first(tmp_path):
    one, two = record([{"x": 1.0, "curve": [1.0, 2.0, 3.0]}]), record([{"x": 1.5, "curve": [2.0, 3.0, 4.0]}])
    found = replace(compared(one, two), settings=[("rate", 1, 2)])
    assert [table.title.split(",")[0] for table in tables(found)][:2] == [
        "Settings that differ",
        "Differences",
    ]
    told = list(lines(found))
    texts = [part for part in told if isinstance(part, str)]
    assert any(text.endswith("such as points of curves: 3 of curve.") for text in texts)
    assert texts[-1].startswith("--json prints all differences")
    shown = next(part for part in told if not isinstance(part, str) and part.title.startswith("Differences"))
    assert [row[1] for row in shown.rows] == ["x"]
    on_page = next(table for table in tables(found) if table.title.startswith("Differences"))
    assert on_page.rows[0][1] == "x"
    assert len(on_page.rows) == 4
