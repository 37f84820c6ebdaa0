"""Results under ids of an earlier rule are counted, with all that was made from them."""

from types import SimpleNamespace

from gridcell.cli.earlier_rules import of_earlier_rules
from gridcell.grid import GridBuilder


def planned(version, lr=0.1, weights=1):
    """Data, a training on them with its test, and weights that need none."""
    grid = GridBuilder("toy")
    data = grid.add("data", {}, version=version, title="data")
    trained = grid.add("train", {"lr": lr}, needs={"data": data}, title="train")
    grid.target({"what": "test"}, grid.add("test", {}, needs={"weights": trained}, title="test"))
    grid.target({"what": "weights"}, grid.add("weights", {}, version=weights, title="weights"))
    return grid.build()


def said(store, grid, suite="mini"):
    task = SimpleNamespace(name="toy")
    return of_earlier_rules(SimpleNamespace(grid=grid, suite=SimpleNamespace(task=task, name=suite)), store)


def stored(store, grid, tmp_path, *titles):
    store.plans.save("toy", "mini", grid)
    for cell in grid.cells.values():
        if cell.title in titles:
            store.results.commit(cell, {}, tmp_path / "none", {})


def test_what_was_made_from_results_of_an_earlier_rule_counts(store, tmp_path):
    stored(store, planned(1), tmp_path, "data", "train", "test", "weights")
    (sentence,) = said(store, planned(2))
    assert sentence.startswith(
        "3 results of an earlier rule are in this store and not used (the kind 'data' changed"
    )
    assert said(store, planned(1)) == []
    assert said(store, planned(2), suite="another") == []


def test_only_what_is_there_counts_and_other_settings_do_not(store, tmp_path):
    stored(store, planned(1), tmp_path, "data")
    assert said(store, planned(2))[0].startswith("1 result ")
    stored(store, planned(2, lr=0.5), tmp_path, "train", "test")
    assert said(store, planned(2))[0].startswith("1 result "), (
        "the same rule with another setting is none of before"
    )


def test_several_kinds_that_changed_are_named(store, tmp_path):
    stored(store, planned(1), tmp_path, "data", "weights")
    assert "(the kinds 'data', 'weights' changed" in said(store, planned(2, weights=2))[0]


def test_another_source_whose_version_is_lower_is_no_earlier_rule(store, tmp_path):
    """Kinds have versions of their own for what they read: photographs 5, digits 3."""

    def of(source, version, **more):
        grid = GridBuilder("toy")
        data = grid.add("data", {"source": source} | more, version=version, title="data")
        grid.target({"what": "data"}, data)
        return grid.build()

    stored(store, of("digits", 3), tmp_path, "data")
    assert said(store, of("photographs", 5)) == []
    assert said(store, of("digits", 4, set="v2"))[0].startswith("1 result "), "the rule added a setting"


def test_a_version_that_is_still_in_use_is_no_earlier_rule(store, tmp_path):
    """Of one kind, cells that see a part have another version than those that see the whole."""
    stored(store, planned(1), tmp_path, "data")
    grid = GridBuilder("toy")
    for part in ({}, {"part": 0.5}):
        cell = grid.add("data", {"size": 8} | part, version=2 if part else 1, title=f"data {part}")
        grid.target({"what": str(part)}, cell)
    assert said(store, grid.build()) == []
