"""The mistakes of ``make mutants``: each is one small change, still Python, drawn alike for one seed."""

import ast

import pytest
from tests.mutants.__main__ import batches, chosen, equivalent
from tests.mutants.coverage_map import CoverageMap, lines_of, read_map
from tests.mutants.mutations import mutations
from tests.mutants.targets import LEFT_OUT, ROOMS, TESTS

SOURCE = '''"""A file."""

def f(a, b=3):
    """Say é."""
    print(a, b)
    if a < 2 and b == "é" and (a, b) != (b, a):
        return g(a, b, True)
    return 0.5
'''


def test_each_kind_of_mistake_is_made_where_it_can_be():
    found = [str(mutation) for mutation in mutations(SOURCE)]
    assert found == [
        "f: constant: 3 -> 4",
        "f: dropped call: print(a, b) -> pass",
        "f: swapped arguments: a, b -> b, a",
        "f: boundary: < -> <=",
        "f: comparison: < -> >",
        "f: constant: 2 -> 3",
        "f: comparison: == -> !=",
        "f: comparison: != -> ==",
        "f: swapped arguments: a, b -> b, a",
        "f: constant: True -> False",
        "f: constant: 0.5 -> 1.0",
    ]


def test_a_mistake_changes_the_code_in_one_place_and_leaves_it_python():
    clean = ast.dump(ast.parse(SOURCE))
    for mutation in mutations(SOURCE):
        changed = mutation.apply(SOURCE)
        assert ast.dump(ast.parse(changed)) != clean
        assert SOURCE.startswith(changed[: mutation.start])
        assert SOURCE.endswith(changed[mutation.start + len(mutation.new) :])


def test_a_sample_is_drawn_alike_and_of_all_kinds():
    sample = chosen(50, 3)
    assert sample == chosen(50, 3) != chosen(50, 4)
    assert len(sample) == len(set(sample)) == 50
    kinds = [mutation.kind for _, mutation in sample]
    assert {kinds.count(kind) for kind in set(kinds)} == {10}


LINES = """import a
LIMIT = 3

def f(x=4):
    if (
        x > LIMIT
    ):
        return g(
            x,
            2,
        )
    try:
        return 1
    except ValueError:
        return 2

class C:
    size: int = 3
"""


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        (2, set()),  # a constant of the file: nobody knows who uses it
        (4, set(range(5, 16))),  # a default value: whoever runs the function
        (6, {5, 6, 7}),  # a condition: not what follows from it
        (10, {8, 9, 10, 11}),  # a statement, whole
        (13, {13}),
        (15, {15}),
        (18, set()),
    ],
)
def test_a_mistake_shows_where_its_statement_is_run(line, lines):
    assert lines_of(LINES, line) == lines


@pytest.fixture
def known() -> CoverageMap:
    """Two files of tests: the second test of the first fails without any mistake."""
    known = CoverageMap({"t.py": {"t.py::a": 1.0, "t.py::b": 2.0}, "u.py": {"u.py::c": 3.0}}, {"t.py::b"})
    known.lines["f.py"] = {3: {"t.py::a", "t.py::b", "u.py::c"}, 4: {"t.py::b"}, 5: {"t.py::a"}}
    known.made_of = {"t.py": {"t.py": "", "f.py": ""}, "u.py": {"u.py": "", "f.py": ""}}
    return known


def test_a_mistake_is_tried_with_tests_that_run_its_lines_and_pass(known, tmp_path):
    known.write(tmp_path / "map.json")
    for one in (known, read_map(tmp_path / "map.json")):
        assert one.running("f.py", {3, 4}) == {"t.py::a", "u.py::c"}
        assert one.running("f.py", {4}) == one.running("g.py", {3}) == set()
        assert one.running("f.py", set()) == {"t.py::a", "u.py::c"}  # outside functions: who runs any of it
    assert not read_map(tmp_path / "none.json").seconds


def test_the_near_tests_are_tried_first_then_those_elsewhere_then_the_rest(known):
    known.seconds["t.py"]["t.py::d"] = 1.0
    assert batches({"t.py::a", "u.py::c"}, ["t.py"], known) == [
        {"t.py": {"t.py::a"}},
        {"u.py": {"u.py::c"}},
        {"t.py": {"t.py::d"}},
    ]
    assert batches({"t.py::a"}, ["u.py"], known) == [{}, {"t.py": {"t.py::a"}}, {"u.py": {"u.py::c"}}]


def test_only_tests_that_changed_or_run_what_changed_are_looked_at_again(known, tmp_path):
    known.forget_changed(tmp_path)  # nothing is there, as it was when the map was made
    assert known.seconds.keys() == {"t.py", "u.py"}
    (tmp_path / "u.py").write_text("changed = True")
    known.forget_changed(tmp_path)
    assert known.seconds.keys() == known.made_of.keys() == {"t.py"}
    assert known.running("f.py", {3}) == {"t.py::a"}
    (tmp_path / "f.py").write_text("changed = True")
    known.forget_changed(tmp_path)
    assert known == CoverageMap(lines={"f.py": {3: set(), 4: set(), 5: set()}})


def test_every_file_of_the_rooms_is_changed_or_left_out_with_a_reason():
    from tests.mutants.__main__ import ROOT

    files = {str(path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).glob("*.py")}
    others = {file for file in files if not file.endswith("__init__.py")} - TESTS.keys()
    assert others ^ LEFT_OUT.keys() == set()


@pytest.mark.parametrize("file", TESTS)
def test_every_file_that_is_changed_and_its_tests_are_there(file):
    from tests.mutants.__main__ import ROOT

    assert (ROOT / file).is_file()
    assert all((ROOT / test).is_file() for test in TESTS[file])


def test_what_changes_nothing_says_why():
    assert all(reason.strip() for reason in equivalent().values())
