"""A cell's identity: stable, free of accidents, and different where results may differ."""

import json
import pickle
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from gridcell.cell import Cell, Resources, canonical_json
from gridcell.errors import UserError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
CONFIG = {"lr": 0.001, "method": "ewc", "nested": {"b": [1, 2.5], "a": None}, "ünïcode": True}


def reversed_order(value):
    if isinstance(value, dict):
        return {key: reversed_order(value[key]) for key in reversed(value)}
    return [reversed_order(item) for item in value] if isinstance(value, list) else value


@given(JSON)
def test_canonical_text_reads_back_and_ignores_the_order_of_keys(value):
    assert json.loads(canonical_json(value)) == value
    assert canonical_json(reversed_order(value)) == canonical_json(value)


@pytest.mark.parametrize(
    "value",
    [
        Path("/data"),
        date(2024, 1, 1),
        {1: "a"},
        float("nan"),
        float("inf"),
        {"a": [-float("inf")]},
        {"a": {1, 2}},
    ],
)
def test_what_is_not_json_has_no_identity(value):
    with pytest.raises(TypeError):
        canonical_json(value)


def test_id_is_a_known_constant():
    # Written down once: if this changes, every store in the world is stale.
    assert Cell("t", "k", {"a": 1.5}, seed=3, needs={"x": "0" * 20}).id == "1add24377ced28556932"


def test_id_is_the_same_in_another_process_with_another_hash_seed():
    code = f"from gridcell.cell import Cell; print(Cell('t', 'k', {CONFIG!r}, seed=1).id)"
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == Cell("t", "k", reversed_order(CONFIG), seed=1).id


@pytest.mark.parametrize(
    "change",
    [
        {"task": "u"},
        {"kind": "l"},
        {"config": {**CONFIG, "lr": 0.002}},
        {"seed": 2},
        {"seed": None},
        {"needs": {"start": "b" * 20}},
        {"needs": {"other": "a" * 20}},
        {"version": 2},
    ],
)
def test_what_determines_the_result_changes_the_id(change):
    fields = {"task": "t", "kind": "k", "config": CONFIG, "seed": 1, "needs": {"start": "a" * 20}}
    assert Cell(**{**fields, **change}).id != Cell(**fields).id


def test_title_and_resources_do_not_change_the_id():
    plain = Cell("t", "k", CONFIG)
    dressed = Cell("t", "k", CONFIG, title="a title", resources=Resources(4, 0.5))
    assert plain.id == dressed.id
    assert plain == dressed
    assert len({plain, dressed}) == 1


def test_a_cell_survives_records_and_pickles():
    cell = Cell("t", "k", CONFIG, seed=4, needs={"a": "b"}, version=3, title="x", resources=Resources(2, 0.5))
    for copy in (
        Cell.from_record(json.loads(json.dumps(cell.to_record()))),
        pickle.loads(pickle.dumps(cell)),
    ):
        assert copy.to_record() == cell.to_record()
        assert copy.id == cell.id


def test_an_incomplete_record_is_refused():
    with pytest.raises(UserError, match="incomplete"):
        Cell.from_record({"task": "t"})
