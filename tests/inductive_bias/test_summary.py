"""What the report claims, of numbers whose means, intervals and verdicts are known."""

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from inductive_bias import task
from inductive_bias.problems.kinds.teacher import Teacher
from inductive_bias.report import frames
from inductive_bias.report.answer import answer
from inductive_bias.report.figures import draw
from inductive_bias.report.page import bits_table, difference_table, headline, point_table
from inductive_bias.report.places import asked_of
from inductive_bias.report.sentences import sentences, some_seeds, verdict
from inductive_bias.report.summary import difference, dimension_axes, summarise
from made_estimates import BIT, outcome, settings

TABLES = {"means", "compared", "spaces", "axes", "dimensions"}
T = 4.302653  # Student's t at 97.5 % with two degrees of freedom
TEACHER = {"source": "teacher", **Teacher().model_dump(mode="json")}


def test_a_difference_is_paired_over_common_seeds():
    first = [outcome("rbf", seed, bits) for seed, bits in ((0, 11.0), (1, 22.0), (2, 33.0), (3, 99.0))]
    second = [outcome("mlp", seed, bits) for seed, bits in ((0, 10.0), (1, 20.0), (2, 30.0), (4, 0.0))]
    found = difference(first, second, 5)
    half = T / np.sqrt(3)  # of 1, 2 and 3
    assert found["bits"] == pytest.approx(2)
    assert np.array(found["ci95_nats"]) / BIT == pytest.approx([2 - half, 2 + half], rel=1e-6)
    assert (found["seeds"], found["planned"], found["interval"]) == (3, 5, "seeds")
    assert verdict(found) == "either"
    assert difference(first[:1], second[1:], 5) is None


def rows_within(value):
    """Yield every mapping anywhere within JSON values."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from rows_within(inner)


def test_every_interval_of_the_summary_is_in_the_unit_of_the_number_beside_it():
    """Bits once stood beside an interval in nats, and lay outside it."""
    chosen = settings({"digits": {"source": "digits", "dimensions": [4]}})
    made = [
        outcome(space, seed, at + seed, dimension=dimension, size=size)
        for space, at in (("rbf", 100.0), ("mlp", 20.0))
        for seed in range(3)
        for dimension, size in (("full", 64), (4, 4))
    ]
    for one in made:
        one.metrics["target"]["ci95"] = one.metrics["target"]["best_ci95"]
    summary = summarise(made, chosen)
    informed = [row for row in rows_within(summary) if "ci95_bits" in row]
    assert len(informed) == sum(len(summary[key]) for key in summary.keys() & TABLES) + 2 * len(made)
    assert not any("bits" in row and "ci95" in row for row in rows_within(summary))
    for row in informed:
        low, high = row["ci95_bits"]
        assert low <= row["bits"] <= high
        assert low + high == pytest.approx(2 * row["bits"])
        assert np.array(row["ci95_nats"]) / BIT == pytest.approx([low, high])
    (kernel,) = (row for row in summary["compared"] if row["space"] == "rbf")
    half = T / np.sqrt(3)  # of 100, 101 and 102
    assert kernel["ci95_bits"] == pytest.approx([101 - half, 101 + half], rel=1e-6)


def test_one_seed_of_two_exact_values_has_no_interval_and_no_verdict():
    """Nothing was sampled, so nothing says how far another draw of the data would lie."""
    found = difference([outcome("rbf", 0, 20.0, exact=True)], [outcome("arc", 0, 3.1, exact=True)], 1)
    assert found["bits"] == pytest.approx(16.9)
    assert (found["ci95_bits"], found["interval"], verdict(found)) == ([None, None], "none", "")


def test_one_seed_of_an_exact_and_a_sampled_value_has_the_sampled_ones_interval():
    found = difference([outcome("rbf", 0, 200.0, exact=True)], [outcome("mlp", 0, 100.0)], 1)
    assert np.array(found["ci95_nats"]) / BIT == pytest.approx([52.5, 147.5])
    assert (found["interval"], verdict(found)) == ("hypotheses", "above")


def test_means_say_over_how_many_of_the_planned_seeds_they_are():
    done = [outcome("mlp", 0, 10.0), outcome("mlp", 1, 14.0), outcome("mlp", 2, None)]
    (row,) = summarise(done, settings({"digits": {"source": "digits", "dimensions": []}}))["means"]
    assert (row["bits"], row["seeds"], row["planned"]) == (pytest.approx(12), 2, 3)


def test_spaces_are_compared_over_the_seeds_that_they_have_in_common():
    """The hard seed, 2, which only the kernel survives, must not count against it."""
    done = [outcome("rbf", seed, bits, exact=True) for seed, bits in enumerate((10.0, 12.0, 500.0))]
    done += [outcome("mlp", seed, 5.0 + seed) for seed in range(2)]
    chosen = settings({"digits": {"source": "digits", "dimensions": []}})
    summary = summarise(done, chosen)
    compared = {row["space"]: row for row in summary["compared"]}
    assert compared["rbf"]["bits"] == pytest.approx(11)
    assert compared["mlp"]["bits"] == pytest.approx(5.5)
    assert [row["seeds"] for row in compared.values()] == [2, 2]
    assert {row["space"]: row["seeds"] for row in summary["means"]} == {"mlp": 2, "rbf": 3}
    console = Console(width=160, record=True)
    console.print(headline(summary)[0])
    assert console.export_text().count("2 of 3 seeds") == 2
    assert any("2 of 3 seeds" in sentence for sentence in sentences(summary))
    bars = next(draw(done, summary, chosen)).figure
    assert "2 of 3 seeds" in [text.get_text() for text in bars.axes[0].texts]


def selected(*points):
    """The labels of a selection's targets: of two spaces at points (n_train, dimension) of digits."""
    return [
        {"problem": "digits", "space": space, "n_train": n, "dimension": dimension, "seed": seed}
        for n, dimension in points
        for space in ("rbf", "mlp")
        for seed in range(3)
    ]


def test_what_is_selected_away_from_the_base_point_is_compared_where_it_is():
    asked = settings({"digits": {"source": "digits", "dimensions": []}})
    points = [(200, "full"), (100, 16)]
    done = [
        outcome(space, seed, bits + seed + n / 10, exact=True, n_train=n, dimension=d)
        for n, d in points
        for space, bits in (("rbf", 10.0), ("mlp", 40.0))
        for seed in range(3)
    ]
    asked, where = asked_of(asked, selected(*points))
    summary = summarise(done, asked, where)
    assert [(row["n_train"], row["dimension"], row["space"]) for row in summary["compared"]] == [
        *((200, "full", "rbf"), (200, "full", "mlp")),
        *((100, 16, "rbf"), (100, 16, "mlp")),
    ]
    assert [row["bits"] for row in summary["compared"]] == pytest.approx([31, 61, 21, 51])
    assert [row["bits"] for row in summary["spaces"]] == pytest.approx([-30, -30])
    table = bits_table(summary)
    assert [row[0] for row in table.rows] == ["digits at 200 points", "digits at 100 points in 16 dimensions"]
    assert answer(summary).text == (
        "rbf clearly needs the fewest bits to generalize on 2 of 2 problems; on digits at 200 points 31; "
        "mlp, the next, 61."
    )
    names = [picture.name for picture in draw(done, summary, asked, where)]
    assert {"errors-digits-at-200-points", "spaces"} <= set(names)


def test_the_base_point_alone_is_compared_where_it_is_selected_or_the_suite_is_whole():
    asked = settings({"digits": {"source": "digits", "dimensions": []}})
    for targets in ((), selected((100, "full"), (200, "full"))):
        _, (place,) = asked_of(asked, targets)
        assert (place[:3], place.name) == (("digits", 100, "full"), "digits")


def test_seeds_that_are_not_selected_are_not_missing():
    whole = settings({"digits": {"source": "digits", "dimensions": []}})
    asked, where = asked_of(whole, [one for one in selected((100, "full")) if one["seed"] == 1])
    assert asked["seeds"] == [1]
    (row,) = summarise([outcome("rbf", 1, 10.0, exact=True)], asked, where)["compared"]
    assert (row["seeds"], row["planned"]) == (1, 1)


def test_many_spaces_have_a_row_each_in_the_terminal():
    names = [f"space-{number}" for number in range(7)]
    chosen = settings({"digits": {"source": "digits", "dimensions": []}}, spaces=names)
    for count, columns in ((6, ["problem", *names[:6]]), (7, ["space", "digits"])):
        done = [outcome(name, 0, float(bits), exact=True) for bits, name in enumerate(names[:count])]
        table = headline(summarise(done, chosen))[0]
        assert [column if isinstance(column, str) else column.heading for column in table.columns] == columns
        assert sorted(value.value for row in table.rows for value in row[1:]) == pytest.approx(range(count))


def test_the_kernel_comes_first_in_a_pair_with_a_network_whatever_the_suites_order():
    done = [outcome("rbf", seed, 20.0 + seed) for seed in range(3)]
    done += [outcome("mlp", seed, 10.0 + 2 * seed) for seed in range(3)]
    chosen = settings({"digits": {"source": "digits", "dimensions": []}}, spaces=("mlp", "rbf"))
    summary = summarise(done, chosen)
    (pair,) = summary["spaces"]
    assert (pair["first"], pair["second"], pair["bits"]) == ("rbf", "mlp", pytest.approx(9))
    assert sentences(summary) == [
        "Kernel against network, 1 paired comparisons: the kernel needs more information in 1, the network "
        "in 0; 0 can't be told apart."
    ]


def test_pairs_of_one_kind_keep_the_suites_order():
    done = [outcome(space, seed, 5.0) for space in ("cnn", "mlp") for seed in range(3)]
    chosen = settings({"digits": {"source": "digits", "dimensions": []}}, spaces=("mlp", "cnn"))
    (pair,) = summarise(done, chosen)["spaces"]
    assert (pair["first"], pair["second"]) == ("mlp", "cnn")


def test_spaces_without_a_common_seed_are_shown_over_their_own():
    done = [outcome("rbf", 0, 10.0), outcome("mlp", 1, 5.0), outcome("mlp", 2, 7.0)]
    summary = summarise(done, settings({"digits": {"source": "digits", "dimensions": []}}))
    assert [(row["space"], row["bits"]) for row in summary["compared"]] == [
        ("rbf", pytest.approx(10)),
        ("mlp", pytest.approx(6)),
    ]
    assert some_seeds(summary["compared"]) == "1 to 2 of 3 seeds"
    assert summary["spaces"] == []


def teachers(lacking=()):
    """Two teachers of 8 dimensions and one of 4, of whose seeds some failed."""
    values = {"a": (4, (10.0, 20.0, 30.0)), "b": (8, (21.0, 32.0, 43.0)), "c": (8, (41.0, 52.0, 63.0))}
    return [
        outcome("mlp", seed, bits, problem=name, size=size)
        for name, (size, found) in values.items()
        for seed, bits in enumerate(found)
        if (name, seed) not in lacking
    ]


def test_teachers_of_one_dimension_are_averaged_at_each_seed():
    summary = summarise(teachers(), settings(dict.fromkeys("abc", TEACHER)))
    (found,) = summary["dimensions"]
    half = T / np.sqrt(3)  # (31, 42, 53) - (10, 20, 30): 21, 22, 23
    assert (found["axis"], found["high"], found["low"]) == ("teachers", 8, 4)
    assert found["bits"] == pytest.approx(22)
    assert np.array(found["ci95_nats"]) / BIT == pytest.approx([22 - half, 22 + half], rel=1e-6)
    assert [(row["input_dimension"], row["bits"]) for row in summary["axes"]] == [
        (4, pytest.approx(20)),
        (8, pytest.approx(42)),
    ]
    assert sentences(summary) == [
        "teachers, mlp: more information at dimension 8 than at 4 (+22 [+19.5, +24.5] bits)."
    ]


def test_a_seed_that_lacks_one_of_several_teachers_is_left_out():
    (found,) = summarise(teachers([("c", 2)]), settings(dict.fromkeys("abc", TEACHER)))["dimensions"]
    assert found["bits"] == pytest.approx(21.5)
    assert (found["seeds"], found["planned"]) == (2, 3)


def test_axes_hold_what_differs_in_dimension_alone():
    done = [
        outcome("mlp", 0, 1.0),
        outcome("mlp", 0, 2.0, dimension=16, size=16),
        outcome("mlp", 0, 3.0, n_train=50),
        outcome("mlp", 0, 4.0, problem="a", size=4),
        outcome("mlp", 0, 5.0, problem="b", size=8),
        outcome("mlp", 0, 6.0, problem="b", size=2, dimension=2),
    ]
    problems = {"digits": {"source": "digits", "dimensions": [16]}, "a": TEACHER, "b": TEACHER}
    found = dimension_axes(done, settings(problems))
    bits = {title: [round(o.nats / BIT) for o in group] for title, group in found.items()}
    assert bits == {"digits, projected": [1, 2], "teachers": [4, 5]}
    del problems["b"]
    assert list(dimension_axes(done, settings(problems))) == ["digits, projected"]


@pytest.mark.parametrize(("setting", "value"), [("outputs", 3), ("width", 64), ("points", 500)])
def test_teachers_that_differ_in_more_than_dimension_are_on_axes_of_their_own(setting, value):
    other = TEACHER | {setting: value}
    problems = {"a": TEACHER | {"dimension": 4}, "b": TEACHER | {"dimension": 8}}
    problems |= {"c": other | {"dimension": 4}, "d": other | {"dimension": 8}}
    sizes = {"a": 4, "b": 8, "c": 4, "d": 8}
    done = [outcome("mlp", 0, 1.0, problem=name, size=size) for name, size in sizes.items()]

    def axes():
        found = dimension_axes(done, settings(problems))
        return {title: [o.problem for o in group] for title, group in found.items()}

    assert axes() == {
        f"teachers, {setting} {TEACHER[setting]}": ["a", "b"],
        f"teachers, {setting} {value}": ["c", "d"],
    }
    del problems["c"]  # a teacher alone has no axis, nor is it on the others'
    assert axes() == {f"teachers, {setting} {TEACHER[setting]}": ["a", "b"]}
    problems["d"] = TEACHER | {"dimension": 8, "seed": 1, "dimensions": [2], "training_sizes": [50]}
    assert axes()["teachers"] == [
        "a",
        "b",
        "d",
    ]  # another draw of the same kind, whatever else is asked of it


def test_what_rests_on_stale_estimates_is_marked_and_nothing_else_changes():
    asked = settings({"digits": TEACHER | {"source": "digits", "dimensions": []}})
    made = [outcome("rbf", seed, 10.0 + seed, exact=True) for seed in range(3)]
    made += [outcome("mlp", seed, 40.0 + 2 * seed) for seed in range(3)]

    def told(stale):
        summary = summarise([replace(one, stale=one.space == stale) for one in made], asked)
        tables = [bits_table(summary), difference_table(summary), point_table(summary)]
        found = answer(summary)
        return [found.text, *found.sure, *sentences(summary), *(str(one.as_text()) for one in tables)]

    plain, marks = told(None), told("mlp")
    assert "†" not in str(plain)
    assert marks[0].replace("†", "") == plain[0]
    assert "rbf†" not in str(marks)
    assert "mlp†" in marks[0]
    assert [text.count("†") for text in marks[-3:]] == [1, 1, 3]  # one space; the pair; three seeds
    assert [text.replace("†", "") for text in marks[-3:]] == plain[-3:]


def test_the_tables_of_results_hold_the_reports_bits(monkeypatch):
    asked = settings({"digits": TEACHER | {"source": "digits", "dimensions": []}})
    made = [outcome("rbf", seed, 10.0 + seed, exact=True) for seed in range(3)]
    made += [outcome("mlp", seed, 40.0 + 2 * seed) for seed in range(3)]
    monkeypatch.setattr(frames, "summary_of", lambda results: summarise(made, asked))
    rbf, mlp = frames.spaces(None)
    half = T / np.sqrt(3)  # of three values a bit apart
    assert (rbf["space"], mlp["space"], mlp["bits"]) == ("rbf", "mlp", pytest.approx(42))
    assert [rbf["bits.low"], rbf["bits"], rbf["bits.high"]] == pytest.approx([11 - half, 11, 11 + half])
    (difference_,) = frames.differences(None)
    assert (difference_["first"], difference_["second"]) == ("rbf", "mlp")
    assert difference_["bits"] == pytest.approx(11 - 42)


def test_inductive_bias_tells_information_from_the_bits_of_its_arithmetic():
    units = task.units
    assert (units["information"], units["fitted_information"]) == ("nats", "nats")
    assert "not of information" in units["bits"]
