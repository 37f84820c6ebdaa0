"""What goes wrong around a search: files in its folder, points that cannot be planned, fewer trials."""

import pytest

from climb_search import climb, climbed
from gridcell.errors import UserError
from gridcell.search.check import check
from gridcell.search.lineage import ancestry
from gridcell.search.report import write
from gridcell.search.sentences import said
from hill_search import asked, hill, searched
from noise_search import bred, came_to, noise

X = {"walkers.one.x": "uniform(0, 1)"}


def notes(store):
    """Return the files that a store's searches remember, by name."""
    return {path.name: path for path in sorted((store.folder.local("searches")).rglob("*.json"))}


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b'{"number": "one"}'])
@pytest.mark.parametrize("place", [0, 2, 5])
def test_a_damaged_note_is_asked_for_again(store, tmp_path, place, left):
    whole = searched(store, 6, X, search="random")
    notes(store)[f"{place:06d}.json"].write_bytes(left)
    again = searched(store, 6, X, search="random")
    assert asked(again) == asked(whole)
    assert [one.trial.number for one in again.tried] == list(range(6))


def test_a_damaged_note_of_a_population_is_asked_for_again(store):
    whole = bred(store, 4)
    for name in ("000001.json", "000007.json", "000015.json"):
        notes(store)[name].write_bytes(b"{")
    assert came_to(bred(store, 4)) == came_to(whole)


def test_a_population_whose_budget_is_spent_can_be_shown_beside_a_damaged_note(store, tmp_path):
    whole = bred(store, 4)
    line = ancestry(whole, whole.best)
    notes(store)[f"{line[1].trial.number:06d}.json"].write_bytes(b"{")
    found = bred(store, 4, budget=1e-9)
    assert [one.trial for one in ancestry(found, found.best)] == [one.trial for one in line[2:]]
    assert write(found, None, tmp_path / "out", title="t").page.exists()


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "000001.json.swp", "notes.txt", "1-2-3.json"])
def test_what_others_leave_in_its_folder_is_no_trial(store, name):
    whole = searched(store, 3, X, search="random")
    (notes(store)["000000.json"].parent / name).write_text("{}")
    assert asked(searched(store, 4, X, search="random"))[:3] == asked(whole)


@pytest.mark.parametrize("search", ["random", "tpe", "grid"])
def test_a_point_that_can_not_be_planned_is_a_trial_that_failed(store, search):
    params = {"walkers.one.k": "int(0, 4)"}
    found = searched(store, 20, params, ["walkers.one.shape=split"], search=search)
    refused = [one for one in found.tried if one.trial.params["walkers.one.k"] == 3]
    assert refused
    assert {(one.ended.state, one.ended.failure) for one in refused} == {("failed", "refused")}
    assert len(found.tried) == (5 if search == "grid" else 20)
    assert {one.ended.state for one in found.tried if one not in refused} == {"done"}
    assert any(
        "can't be planned, such as" in line and "k must not be 3" in line for line in said(found, None)
    )
    assert asked(searched(store, 20, params, ["walkers.one.shape=split"], search=search)) == asked(found)


def test_each_value_of_a_choice_is_looked_at_before_anything_runs(store):
    with pytest.raises(UserError, match="it must be at least 0"):
        check(hill(store, params={"walkers.one.k": "choice(0, -1, 2, 3)"}))


def test_of_fewer_trials_than_before_those_that_are_not_begun_are_left_out(store):
    first = hill(store, 12, X, search="random")
    list(first.asked())  # and then it was stopped
    found = searched(store, 5, X, search="random")
    assert asked(found) == asked(first)[:5]
    assert (len(found.tried), found.later) == (5, 7)
    assert any(line.startswith("7 trials that an earlier command asked for") for line in said(found, None))
    assert len(store.results.done()) == 7  # the base, the default, and five
    assert asked(searched(store, 12, X, search="random")) == asked(first)
    kept = searched(store, 2, X, search="random")  # what is done is shown
    assert (len(kept.tried), kept.later) == (12, 0)


@pytest.mark.parametrize("search", ["random", "qmc", "grid"])
def test_a_budget_ends_a_search_that_looks_at_no_result(store, search):
    params = {"walkers.one.x": "linspace(0, 1, 40)"}
    found = searched(store, 40, params, search=search, budget=1e-9)
    assert found.over_budget
    assert 0 < len(found.tried) <= 8  # as many as run at once, and those that they made room for
    assert len(searched(store, 40, params, search=search).tried) == 40


def test_what_was_asked_for_without_a_budget_is_not_begun_beyond_one(store):
    list(hill(store, 30, X, search="random").asked())
    found = searched(store, 30, X, search="random", budget=1e-9)
    assert len(found.tried) <= 8
    assert found.later == 30 - len(found.tried)
    assert all(one.is_over for one in found.tried)


def test_a_budget_that_is_spent_lets_a_scheduler_go_on_later(store):
    whole = climbed(store, 9, scheduler="asha", budget=1e-9)
    assert whole.over_budget
    assert len(climbed(store, 9, scheduler="asha").tried) == 9


@pytest.mark.parametrize(
    "swept",
    ["sweep={walkers.one.x: [0.1, 0.2]}", "walkers.two.x=[0.1, 0.2]", "walkers={one: {x: [0.1, 0.2]}}"],
)
def test_what_is_swept_can_not_be_searched(store, swept):
    key = "walkers.two.x" if "two" in swept else "walkers.one.x"
    with pytest.raises(UserError, match=f"'{key}' is searched, and the suite sweeps {key}: leave one out"):
        check(hill(store, params={key: "uniform(0, 1)"}, overrides=[swept]))


def test_a_setting_that_is_no_entry_can_be_searched(store):
    climb(store)  # the plug-in
    with pytest.raises(UserError, match="grain can't change between stages"):
        noise(store, params={"grain": "int(1, 3)"})
    found = noise(store, params={"grain": "int(1, 3)"}, scheduler="none")
    assert found.objective.select == {}
