"""Names and parameters as MLflow takes them."""

from hypothesis import given, strategies as st

from gridcell import GridBuilder
from gridcell.mlflow.names import accepted_names, labels_of, params_of


@given(st.lists(st.text(max_size=300), max_size=6))
def test_mlflow_takes_every_accepted_name_and_none_twice(names):
    from mlflow.utils.validation import _validate_metric, _validate_param

    accepted = accepted_names(names)
    assert accepted.keys() == set(names)
    assert len(set(accepted.values())) == len(accepted)
    for name in accepted.values():
        _validate_metric(name, 1.0, 0, 0)
        _validate_param(name, "1")


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
