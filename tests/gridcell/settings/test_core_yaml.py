"""YAML 1.2's core schema: the specification's examples and table of plain scalars, and hostile files."""

import json
import math

import pytest
from hypothesis import example, given, strategies as st

from gridcell.errors import UserError
from gridcell.settings.core_yaml import Place, read_yaml, write_yaml


def value(text):
    return read_yaml(text, "it").values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Example 10.3 of the specification.
        ("null", None),
        ("Null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("True", True),
        ("false", False),
        ("FALSE", False),
        ("0", 0),
        ("0o7", 7),
        ("0x3A", 58),
        ("-19", -19),
        ("0.", 0.0),
        ("-0.0", -0.0),
        (".5", 0.5),
        ("+12e03", 12000.0),
        ("-2E+05", -200000.0),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("+.INF", math.inf),
        # What YAML 1.1 reads otherwise.
        ("010", 10),
        ("08", 8),
        ("1e3", 1000.0),
        ("1e-5", 1e-5),
        ("1_000", "1_000"),
        ("0b101", "0b101"),
        ("1:30", "1:30"),
        ("190:20:30.15", "190:20:30.15"),
        ("2020-12-24", "2020-12-24"),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("y", "y"),
        ("0o8", "0o8"),
        ("=", "="),
        ("'010'", "010"),
        ('"true"', "true"),
        ("!!str 3", "3"),
        ("!!float 3", 3.0),
    ],
)
def test_a_plain_scalar_is_what_the_core_schema_says(text, expected):
    read = value(f"key: {text}")["key"]
    assert read == expected
    assert type(read) is type(expected)


def test_not_a_number_is_a_number():
    assert math.isnan(value("key: .nan")["key"])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab c:#-1e."),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_whatever_json_can_write_is_read_as_json_reads_it(written):
    text = json.dumps(written).replace("Infinity", ".inf")
    assert value(text) == json.loads(json.dumps(written))


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text()
        | st.sampled_from(
            ["1e3", "010", "0o7", "0x1F", "yes", "~", ".inf", "1:30", "2020-12-24", "<<", "=", ""]
        ),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
@example({"\x85": ["\u2028", "a\u2029b", " \x85 "]})
def test_what_is_written_is_read_as_it_was(values):
    assert value(write_yaml(values)) == values


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("!!python/object/apply:os.system [true]", "the tag '!!python/object/apply:os.system' is none of"),
        ("key: !!python/name:os.system", "the tag '!!python/name:os.system' is none of YAML's core schema"),
        ("key: !own 3", "the tag '!own' is none of"),
        ("!!set {a, b}", "the tag '!!set' is none of"),
        ("key: !!timestamp 2020-12-24", "is none of YAML's core schema"),
        ("key: !!int three", "'three' is no int"),
        ("key: &all [*all]", "an anchor holds itself"),
        ("key: &all {<<: *all}", "an anchor holds itself"),
        ("key: {<<: &all {<<: *all}}", "an anchor holds itself"),
        ("key: &all {<<: {<<: *all}}", "an anchor holds itself"),
        ("a: 1\nb: 2\na: 3", "the key 'a' stands twice.*line 3"),
        ("{? [a] : b}", "unhashable key"),
        ("<<: 3", "'<<' merges mappings alone"),
        ("a: <<", "'<<' has no place here"),
        ("a: [<<]", "'<<' has no place here"),
        ("[" * 5000, "nested too deeply"),
        ("a: [", "while parsing"),
        ("a: *nothing", "undefined alias"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        (b"a: caf\xe9", "'utf-8' codec can't decode"),
        ("a: " + "9" * 5000, "Exceeds the limit"),
    ],
)
def test_what_is_no_settings_is_refused_with_a_sentence(text, sentence):
    with pytest.raises(UserError, match=f"it is not valid YAML: .*{sentence}"):
        read_yaml(text, "it")


def test_a_few_lines_that_stand_for_billions_of_values_are_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(UserError, match="stands for more than 1,000,000 values"):
        read_yaml("\n".join(lines), "it")


def test_as_many_values_as_are_allowed_are_read(monkeypatch):
    monkeypatch.setattr("gridcell.settings.core_yaml.MOST_VALUES", 4)
    assert value("[1, 2, 3]") == [1, 2, 3]
    with pytest.raises(UserError, match="more than 4 values"):
        value("[1, 2, 3, 4]")


def test_one_anchor_may_be_merged_into_several_mappings_and_into_what_is_merged():
    text = "x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nz: [{<<: *x}, {<<: *y}, {<<: [*y, *x], c: 3}]"
    assert value(text)["z"] == [{"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}]


def test_every_key_and_item_knows_its_line():
    document = read_yaml("a: 1\n\nb:\n  c: [2,\n    3]\n", "file")
    lines = {path: place.line for path, place in document.places.items()}
    assert lines == {("a",): 1, ("b",): 3, ("b", "c"): 4, ("b", "c", 0): 4, ("b", "c", 1): 5}
    assert str(document.places["b", "c"]) == "file, line 4"
    assert str(Place("--set a=1")) == "--set a=1"


def test_what_is_merged_keeps_its_own_line_and_gives_way_to_the_keys_beside_it():
    document = read_yaml("x: &x\n  a: 1\n  b: 2\ny: &y {b: 3, c: 4}\nz: {<<: [*x, *y], a: 9}\n", "file")
    assert document.values["z"] == {"a": 9, "b": 2, "c": 4}
    assert document.places["z", "b"].line == 3
    assert document.places["z", "c"].line == 4
