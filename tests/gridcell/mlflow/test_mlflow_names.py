"""Names and parameters as MLflow takes them."""

import math

from hypothesis import given, strategies as st

from gridcell import GridBuilder
from gridcell.mlflow.names import NAMED_TAG, Naming, labels_of, numbers_of, params_of


@given(st.lists(st.lists(st.text(max_size=300), max_size=4), max_size=4))
def test_mlflow_takes_every_name_and_no_two_names_are_one_in_any_cell(cells):
    from mlflow.utils.validation import _validate_experiment_tag, _validate_metric, _validate_param

    changed, shown = dict[str, str](), dict[str, str]()
    naming = Naming(changed.__setitem__)
    for names in cells:
        found = naming.of(names)
        assert found.keys() == set(names)
        assert all(shown.get(name, new) == new for name, new in found.items())
        shown |= found
    assert len(set(shown.values())) == len(shown)
    assert changed == {name: new for name, new in shown.items() if name != new} == naming.renamed
    for name in shown.values():
        _validate_metric(name, 1.0, 0, 0)
        _validate_param(name, "1")
        _validate_experiment_tag(f"{NAMED_TAG}{name}", "1")
    later = Naming()  # of another process, which is told what MLflow knows
    later.recall(changed, shown.values())
    assert later.of(shown) == shown


def test_labels_of_targets_are_parameters_and_settings_of_their_name_are_kept():
    builder = GridBuilder("toy")
    cell = builder.add("step", {"method": "merge", "sets": ["v2", "r"], "merge": None}, seed=3, title="one")
    builder.target({"method": "ft", "model": "vit"}, cell)
    builder.target({"method": "wise-ft", "model": "vit", "alpha": 1}, cell)
    grid = builder.build()
    assert params_of(cell, labels_of(grid)[cell.id]) == {
        "kind": "step",
        "seed": "3",
        "method": "ft, wise-ft",
        "model": "vit",
        "alpha": "1",
        "config/method": "merge",
        "sets": "v2, r",
    }


def test_a_whole_number_beyond_floats_is_infinite_for_mlflow():
    assert numbers_of({"x": {"a": 10**400, "b": -(10**400)}}, 2.0) == {
        "x/a": math.inf,
        "x/b": -math.inf,
        "seconds": 2.0,
    }
