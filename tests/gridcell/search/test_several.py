"""Several objectives: the Pareto front, and a search that looks for it."""

import json

import pytest
from hypothesis import given, strategies as st

from gridcell.search.report import trials_table, write
from gridcell.search.sentences import said
from gridcell.search.several import _is_dominated, front_of
from gridcell.search.trial import Ended
from gridcell.settings.core_yaml import read_yaml
from gridcell.store import Store
from hill_search import PLUGIN, asked, hill, searched

EAST = [("east", "max")]
X = {"walkers.one.x": "uniform(0, 1)"}
SEARCHES = ["tpe", "random", "qmc"]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=12))
def test_what_is_not_dominated_is_what_no_other_weakly_beats(points):
    """Against the definition by sets: nothing else lies in the corner above a point of the front."""
    front = {point for point in points if not _is_dominated(point, points)}
    for point in points:
        corner = {other for other in points if all(o >= p for o, p in zip(other, point, strict=True))}
        assert (corner == {point}) == (point in front)
    assert front
    for point in set(points) - front:  # each of the others is beaten by one of the front
        assert _is_dominated(point, sorted(front))


@pytest.mark.parametrize("search", SEARCHES)
def test_a_longer_search_of_several_objectives_goes_on_as_it_would_have(store, tmp_path, search):
    first = searched(store, 6, X, search=search, others=EAST)
    longer = searched(store, 11, X, search=search, others=EAST)
    assert asked(longer)[:6] == asked(first)
    other = Store(str(tmp_path / "other")).prepare()
    assert asked(longer) == asked(searched(other, 11, X, search=search, others=EAST))


def test_the_front_of_the_hill_is_its_eastern_slope(store):
    """The top is at x = 0.3: west of it a trial loses in both, east of it height pays for east."""
    found = searched(store, 40, X, search="tpe", others=EAST, at_once=1)
    front = front_of(found)
    places = [one.trial.params["walkers.one.x"] for one in found.tried]
    east = sorted(x for x in places if x >= 0.3)
    west = [x for x in places if x < 0.3 and all(abs(x - 0.3) < abs(other - 0.3) for other in east)]
    assert sorted(one.trial.params["walkers.one.x"] for one in front) == sorted(west + east)
    late = [x for x in places[20:] if x >= 0.3]
    assert len(late) > 0.8 * 20  # random draws come there in 70 % of trials
    assert found.best is None


def test_values_are_told_and_one_that_lacks_one_has_failed(store):
    params = {"walkers.one.shape": "choice(round, fog, cliff)"}
    found = searched(store, 3, params, search="grid", others=EAST)
    ended = {one.trial.params["walkers.one.shape"]: one.ended for one in found.tried}
    assert ended["round"].values == (pytest.approx(-0.36 - 0.81 - 0.1), 0.9)
    assert (ended["fog"].failure, ended["fog"].values) == ("no height", ())
    assert ended["cliff"].state == "diverged"
    assert Ended("done", 1.0, others=(2.0,)).values == (1.0, 2.0)


def test_one_objective_has_the_id_that_it_had_and_others_have_their_own(store):
    ids = [hill(store, 3, X, others=others).id for others in ([], EAST, [("east", "min")])]
    assert len(set(ids)) == 3


def test_the_report_has_a_suite_for_each_of_the_front(store, tmp_path):
    found = searched(store, 8, X, search="qmc", others=EAST)
    write(found, None, tmp_path / "out", title="two")
    front = front_of(found)
    for one in front:
        text = (tmp_path / "out" / f"front-{one.trial.number}.yaml").read_text()
        assert read_yaml(text, "front").values["walkers"]["one"]["x"] == one.trial.params["walkers.one.x"]
    assert not (tmp_path / "out" / "best.yaml").exists()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["front"] == [one.trial.number for one in front]
    assert summary["best"] is None
    assert (tmp_path / "out" / "front-0-1.png").exists()
    table = trials_table(found)
    assert [column.title for column in table.columns][3] == "east"
    assert [row[0].value for row in table.rows[: len(front)]] == [str(one.trial.number) for one in front]
    assert any("Pareto front of height and east" in sentence for sentence in said(found, None))


ARGUMENTS = ["--plugin", PLUGIN, "--executor", "inline", "--param", "walkers.one.x=uniform(0, 1)"]
BOTH = ["--metric", "height", "--metric", "east"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([*BOTH, "--mode", "max"], "2 metrics (height, east) and 1 modes"),
        (["--metric", "height", "--metric", "height"], "stands twice"),
        ([*BOTH, "--search", "cmaes"], "looks for the best by one metric"),
        ([*BOTH, "--mode", "max", "--mode", "up"], "tune.mode"),
        (["--metric", "height", "--mode", "up"], "tune.mode"),
    ],
)
def test_a_mistake_is_one_sentence(gridcell, arguments, sentence):
    code, _, err = gridcell("tune", "hill", *ARGUMENTS, *arguments)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1


def test_the_command_looks_for_the_front(gridcell):
    arguments = [*ARGUMENTS, *BOTH, "--mode", "max", "--mode", "min", "--trials", "4", "--search", "random"]
    code, out, err = gridcell("tune", "hill", *arguments, "--select", "walker=one", "--quiet", "--out", "out")
    assert (code, err) == (0, "")
    assert "Pareto front of height and east" in out
    assert "best.yaml" not in out
