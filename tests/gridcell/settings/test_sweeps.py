"""Sweeps: a list where a setting takes none, ``sweep:``, ranges and draws become named variants."""

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from typer.testing import CliRunner

from gridcell.cli.app import app
from gridcell.errors import UserError
from gridcell.settings.ranges import parse_range
from gridcell.suite import load_suite
from gridcell.task import find_task

RIB = find_task("imagenet-rib")


def loaded(*overrides, task="imagenet-rib", suite="mini"):
    return load_suite(find_task(task), suite, overrides)


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: mini\n{text}\n")
    return str(path)


def strengths(suite):
    return {
        name: one.parameters.strength for name, one in suite.settings.methods.items() if one.kind == "ewc"
    }


@pytest.mark.parametrize("how", ["--set", "sweep", "in place", "range"])
def test_each_value_is_a_named_variant_and_the_entry_stays(tmp_path, how):
    suite = {
        "--set": lambda: loaded("methods.ewc.strength=[1, 10, 100]"),
        "range": lambda: loaded("methods.ewc.strength=logspace(1, 100, 3)"),
        "sweep": lambda: loaded(suite=written(tmp_path, "sweep: {methods.ewc.strength: [1, 10, 100]}")),
        "in place": lambda: loaded(suite=written(tmp_path, "methods: {ewc: {strength: [1, 10, 100]}}")),
    }[how]()
    points = {f"ewc-strength-{value}": value for value in (1, 10, 100)}
    assert strengths(suite) == {"ewc": 200} | points  # of mini, however the sweep is written
    assert [list(one.names) for one in suite.sweeps] == [list(points)]


def test_an_entry_whose_default_is_swept_in_a_suite_keeps_the_default(tmp_path):
    base = tmp_path / "base.yaml"
    base.write_text("extends: mini\nmethods: {ewc-plain: {kind: ewc}}\n")
    above = tmp_path / "above.yaml"
    above.write_text("extends: base.yaml\nmethods: {ewc-plain: {strength: [5, 6]}}\n")
    kept, changed = strengths(loaded(suite=str(base))), strengths(loaded(suite=str(above)))
    assert changed == kept | {"ewc-plain-strength-5": 5, "ewc-plain-strength-6": 6}


def test_an_entry_of_the_suites_own_takes_the_first_value_of_its_sweep(tmp_path):
    suite = loaded(suite=written(tmp_path, "methods: {mine: {kind: ewc, strength: [3, 4]}}"))
    assert strengths(suite) == {"ewc": 200, "mine": 3, "mine-strength-3": 3, "mine-strength-4": 4}


def test_a_variant_is_the_cell_that_the_setting_alone_would_be():
    """Ids say nothing of names: a point is shared with every grid that has it."""
    swept = loaded("methods.ewc.strength=[7]").grid()
    alone = loaded("methods.ewc.strength=7").grid()
    of_point = {t.cell for t in swept.targets if t.labels.get("method") == "ewc-strength-7"}
    assert of_point == {t.cell for t in alone.targets if t.labels.get("method") == "ewc"}


def test_a_plan_says_which_variant_has_the_values_of_its_entry(tmp_path):
    """Its numbers stand twice in the report, under both names."""
    own = "methods.ewc.strength=[200, 7]"  # the suite's is 200
    told = ["plan", "imagenet-rib", "--storage", str(tmp_path / "runs"), "--set", own]
    said = CliRunner().invoke(app, told, catch_exceptions=False).output
    assert "sweep of methods.ewc.strength: ewc-strength-200, ewc-strength-7" in said
    assert "ewc-strength-200 has the values of ewc, which stays: the same cells under two names" in said
    assert "ewc-strength-7 has" not in said


def test_settings_of_one_entry_are_combined_and_blocks_are_not(tmp_path):
    product = loaded("methods.ewc.strength=[1, 2]", "methods.ewc.training.lr=[0.1, 0.2, 0.3]")
    assert len(product.sweeps[0].names) == 6
    names = {f"ewc-strength-{s}-lr-{lr}" for s, lr in itertools.product((1, 2), (0.1, 0.2, 0.3))}
    assert set(product.sweeps[0].names) == names
    apart = written(
        tmp_path, "sweep: [{methods.ewc.strength: [1, 2]}, {methods.ewc.training.lr: [0.1, 0.2, 0.3]}]"
    )
    assert [len(one.names) for one in loaded(suite=apart).sweeps] == [2, 3]


def test_a_setting_that_takes_a_list_is_swept_by_sweep_alone(tmp_path):
    assert not loaded("methods.soup.ingredients=[pre, ft]").sweeps
    assert not loaded("spaces.mlp-1.widths=[8, 8]", task="inductive-bias").sweeps
    suite = loaded(
        task="inductive-bias", suite=written(tmp_path, "sweep: {spaces.mlp-1.widths: [[8], [8, 8]]}")
    )
    assert suite.sweeps[0].names == ("mlp-1-widths-8", "mlp-1-widths-8-8")
    assert suite.settings.spaces["mlp-1-widths-8-8"].widths == [8, 8]


def test_what_the_suite_trains_with_is_swept_in_each_method_that_trains():
    suite = loaded("training.lr=[0.1, 0.2]")
    assert suite.settings.training.lr == 3.0e-3
    lrs = {name: one.training.lr for name, one in suite.settings.methods.items() if one.training}
    trained = ("ft", "lp", "lp_ft", "ewc", "l2_sp", "lwf")
    assert lrs == {f"{name}-lr-{lr}": lr for name in trained for lr in (0.1, 0.2)}


def test_names_fit_where_a_hyphen_has_no_place():
    suite = loaded("pretrainings.plain.lr=[1e-5, 2]")
    assert suite.sweeps[0].names == ("plain_lr_1e_05", "plain_lr_2")


@pytest.mark.parametrize(
    ("task", "override", "names"),
    [
        ("farmap", "agents.farmap.share=[true, false]", ("farmap-share-true", "farmap-share-false")),
        (
            "farmap",
            "agents.farmap.recall=choice(match, border)",
            ("farmap-recall-match", "farmap-recall-border"),
        ),
        ("farcuriosity", "curiosities.far.rho=[1, 2.5]", ("far-rho-1", "far-rho-2.5")),
        ("farcuriosity", "forgetting.curiosities.far-z.rho=[1, 4]", ("far-z-rho-1", "far-z-rho-4")),
        (
            "inductive-bias",
            "spaces.rbf.amplitude=[1, evidence]",
            ("rbf-amplitude-1", "rbf-amplitude-evidence"),
        ),
        (
            "generalization-difficulty",
            "datasets.sphere-2.dimension=[3, 4]",
            ("sphere-2-dimension-3", "sphere-2-dimension-4"),
        ),
    ],
)
def test_every_task_sweeps_settings_of_its_entries(task, override, names):
    suite = loaded(override, task=task)
    assert suite.sweeps[0].names == names
    added = len(suite.grid()) - len(suite.task.plan(suite.without_sweeps))
    assert added > 0


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("data.image_size=[32, 64]", "data.image_size.*only settings of named entries can be swept"),
        ("methods.ewc.strenght=[1, 2]", "^Unknown setting 'methods.ewc.strenght': did you mean 'strength'"),
        ("methods.ewc.strength=[1, -2]", "methods.ewc-strength--2.strength' is wrong"),
        ("methods.ewc.strength=[1, 1]", "has the value 1 twice"),
        ("methods.ewc.strength=logspac(1, 2, 3)", "did you mean 'logspace'"),
        ("methods.ewc.strength=uniform(0, 1)", r"how many values: add n, as in uniform\(0, 1, n=5\)"),
        ("training.lr=loguniform(0, 1, n=2)", "must be above 0"),
    ],
)
def test_a_wrong_sweep_is_one_sentence(override, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        loaded(override)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sweep", "sentence"),
    [
        ("{methods.ewx.strength: [1]}", "there is no 'ewx': did you mean 'ewc'"),
        ("{methods.ewc.strenght: [1]}", "unknown setting .*did you mean 'strength'"),
        ("{method.ewc.strength: [1]}", "there is no 'method': did you mean 'methods'"),
        ("{data.seed: [1, 2]}", "only settings of named entries"),
        ("{methods.ewc: [1, 2]}", "only settings of named entries"),
        ("{methods.ewc.strength: 3}", "a list of values, or a range"),
        ("{methods.ewc.strength: []}", "a list of values, or a range"),
        ("{methods.ewc.strength: [1, 2, 1]}", "has the value 1 twice"),
        ("{methods.ewc.strength: 'uniform(0, 1, 3, n=4)'}", "says twice how many values"),
        ("{methods.ewc.strength: 'linspace(0, 1, 1)'}", "can't have 1 values"),
        ("3", r"mine.yaml', line 2: 'sweep' must hold settings with their values"),
    ],
)
def test_a_wrong_sweep_of_a_file_is_one_sentence(tmp_path, sweep, sentence):
    with pytest.raises(UserError, match=sentence):
        loaded(suite=written(tmp_path, f"sweep: {sweep}"))


def test_a_point_does_not_take_the_name_of_another_entry(tmp_path):
    text = "methods: {ewc-strength-1: {kind: ewc, strength: 5}}\nsweep: {methods.ewc.strength: [1]}"
    with pytest.raises(UserError, match="another entry of that name"):
        loaded(suite=written(tmp_path, text))


@given(low=st.floats(1e-6, 1e3), factor=st.floats(1.01, 1e6), count=st.integers(2, 12), log=st.booleans())
def test_points_are_evenly_spaced_from_end_to_end(low, factor, count, log):
    high = low * factor
    values = parse_range(f"{'log' if log else 'lin'}space({low!r}, {high!r}, {count})").values()
    assert len(values) == count
    assert values[0] == low
    assert values[-1] == high
    steps = [b / a if log else b - a for a, b in itertools.pairwise(values)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-4, abs=1e-9 * high)


@given(kind=st.sampled_from(["uniform", "loguniform", "int", "logint"]), seed=st.integers(0, 9))
def test_draws_are_distinct_within_the_range_and_repeatable(kind, seed):
    text = f"{kind}(1, 1000, n=20, seed={seed})"
    values = parse_range(text).values()
    assert values == parse_range(text).values()
    assert len(set(values)) == 20
    assert all(parse_range(text).holds(value) and float(f"{value:g}") == value for value in values)
    assert values != parse_range(f"{kind}(1, 1000, n=20, seed={seed + 1})").values()


def test_logarithmic_draws_are_even_in_the_logarithm():
    """Kolmogorov-Smirnov against the law, n = 2000: D < 1.63 / sqrt(n) at 1 %."""
    values = sorted(parse_range("loguniform(1e-4, 1e4, n=2000, seed=3)").values())
    shares = [(math.log10(value) + 4) / 8 for value in values]
    distance = max(abs(share - index / 2000) for index, share in enumerate(shares))
    assert distance < 1.63 / math.sqrt(2000)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("linspace(0, 1, 3)", [0, 0.0, 0.5, 1], [0.25, 2, "0.5", None]),
        ("logspace(1, 100, 3)", [1, 10.0, 100], [5, True]),
        ("choice(1, 2.5, a, true)", [1, 1.0, 2.5, "a", True], [2, "b", False]),
        ("uniform(0, 1, n=2)", [0, 0.3, 1], [-0.1, 1.1, "a", True]),
        ("int(1, 5, n=2)", [1, 5, 3.0], [2.5, 0, 6, True]),
    ],
)
def test_a_range_holds_its_values_by_number_and_no_others(text, inside, outside):
    found = parse_range(text)
    assert [one for one in inside if not found.holds(one)] == []
    assert [one for one in outside if found.holds(one)] == []


@pytest.mark.parametrize(
    ("text", "share", "value"),
    [
        ("choice(a, b, c)", 0.0, "a"),
        ("choice(a, b, c)", 0.34, "b"),
        ("choice(a, b, c)", 1.0, "c"),
        ("uniform(2, 4)", 0.0, 2.0),
        ("uniform(2, 4)", 0.25, 2.5),
        ("uniform(2, 4)", 1.0, 4.0),
        ("int(1, 3)", 0.0, 1),
        ("int(1, 3)", 0.4, 2),
        ("int(1, 3)", 1.0, 3),
        ("loguniform(1, 100)", 0.5, 10.0),
    ],
)
def test_a_share_of_a_range_is_the_value_below_which_it_lies(text, share, value):
    found = parse_range(text).at(share)
    assert (found, type(found)) == (value, type(value))


def test_more_draws_than_there_are_values_are_refused():
    assert sorted(parse_range("int(1, 5, n=5)").values()) == [1, 2, 3, 4, 5]
    with pytest.raises(UserError, match="asks for 6 values, and there are only 5"):
        parse_range("int(1, 5, n=6)").values()


@pytest.mark.parametrize(
    "text", ["uniform(1000000, 1000000.4)", "uniform(1000000.2, 1000001)", "loguniform(3e7, 30000001)"]
)
def test_a_range_that_holds_one_number_of_six_digits_is_refused(text):
    with pytest.raises(UserError, match=r"^'\S+ \S+\)' holds one number alone: .* 6 digits") as caught:
        parse_range(text)
    assert "\n" not in str(caught.value)
