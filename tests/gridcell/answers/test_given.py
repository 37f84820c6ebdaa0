"""Arguments from Python: what means a number, a list or a path is taken as one; the rest is a sentence."""

from pathlib import Path

import numpy as np
import pytest

import gridcell
from gridcell.answers.request import override_pairs, request, selection
from gridcell.errors import UserError


@pytest.mark.parametrize("seeds", [np.int64(2), np.array(2)])
def test_a_number_of_numpys_counts_seeds(seeds):
    asked = request("toy", "mini", seeds=seeds)
    assert asked.grid.cells == request("toy", "mini", seeds=2).grid.cells
    assert asked.arguments == request("toy", "mini", seeds=2).arguments


@pytest.mark.parametrize("seeds", ["3", [0, 1], True, 2.0, np.arange(2), {}])
def test_what_counts_no_seeds_is_refused(seeds):
    with pytest.raises(UserError, match=r"'seeds' must be a whole number, such as 3 .*settings=\{'seeds'"):
        gridcell.plan("toy", seeds=seeds)
    with pytest.raises(UserError, match="'seeds' must be a whole number"):
        gridcell.results("toy", seeds=seeds)


def test_one_path_is_one_plugin(tmp_path):
    for plugins in ("slow.py", Path("slow.py"), ["slow.py"], (Path("slow.py"),), np.array(["slow.py"])):
        with pytest.raises(UserError, match=r"no plug-in file 'slow\.py'"):
            gridcell.plan("toy", plugins=plugins)
    for plugins in (3, [3], b"slow.py", {"slow.py": 1}, [["slow.py"]]):
        with pytest.raises(UserError, match="'plugins' must be the path of a Python file, or a list"):
            gridcell.plan("toy", plugins=plugins)


def test_settings_of_numpys_are_those_of_python():
    given = {"a": np.int64(1), "b": np.float64(0.5), "c": np.bool_(True), "d": np.arange(2), "e": range(2)}
    given |= {"f": {"g": [np.float32(0.5)]}, "h": Path("data/x")}
    assert override_pairs(given) == [
        *("a=1", "b=0.5", "c=true", "d=[0, 1]", "e=[0, 1]", 'f={"g": [0.5]}', 'h="data/x"')
    ]
    for wrong in (np.array([np.nan]), {1, 2}, b"x", object()):
        with pytest.raises(UserError, match="The setting 'a' can't be"):
            override_pairs({"a": wrong})
    for wrong in (3, [3], b"a=1"):
        with pytest.raises(UserError, match="'settings' must be a dict, or text such as 'key=value'"):
            override_pairs(wrong)


@pytest.mark.parametrize("values", [np.arange(2), [np.int64(0), 1], range(2), (0, 1), np.array(["0", "1"])])
def test_a_selection_by_numpys_values_is_one_by_pythons(values):
    assert selection({"seed": values}) == {"seed": ["0", "1"]}
    assert request("toy", "mini", {"seed": values}, seeds=3).selected == {"seed": ["0", "1"]}


def test_one_value_of_numpys_is_selected():
    assert selection({"seed": np.int64(1), "method": np.str_("ft")}) == {"seed": ["1"], "method": ["ft"]}
    assert sorted(selection({"seed": {0, 1}})["seed"]) == ["0", "1"]


@pytest.mark.parametrize("values", [b"ft", [[0]], np.eye(2), {"a": 1}, object()])
def test_a_selection_by_something_else_is_refused(values):
    with pytest.raises(
        UserError, match="The selection of 'seed' must be text or a number, or a list of these"
    ):
        selection({"seed": values})


@pytest.mark.parametrize("values", [3, [3], b"a=b"])
def test_a_selection_that_names_no_label_is_refused(values):
    with pytest.raises(UserError, match="'select' must be a dict, or text such as 'key=value'"):
        selection(values)
