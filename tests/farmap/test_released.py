"""The authors' maps: read from their pickle as they are, and nothing in it is executed."""

import pickle
import pickletools
import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage

from farmap import task
from farmap.world.layout import LEAST_ROOMS, components, draw_released_plan
from farmap.world.maps import size_of
from farmap.world.released import read_released, released_world
from gridcell.errors import UserError
from gridcell.suite import load_suite


def pictured(free):
    """An image of (3, height, width) with walls in colours of their own."""
    numbers = np.where(free, 0, 1 + np.arange(free.size).reshape(free.shape))
    return np.stack([numbers % 256, numbers // 256, np.zeros_like(numbers)]).astype(np.uint8)


def plans(count=4):
    rng = np.random.default_rng(0)
    parts = []
    while len(parts) < count:
        free, side = draw_released_plan(rng)
        parts += components(free, LEAST_ROOMS * side**2)
    return parts[:count]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, ">i4"], ids=str)
def test_maps_come_back_as_they_were(tmp_path, protocol, dtype):
    free = plans()
    path = tmp_path / "maps.pkl"
    path.write_bytes(pickle.dumps([pictured(one).astype(dtype) for one in free], protocol))
    read = read_released(path)
    assert list(read.worlds) == [0, 1, 2, 3]
    assert not read.left_out
    assert not read.dropped
    for number, one in enumerate(free):
        expected = one.repeat(3, axis=0).repeat(3, axis=1)
        np.testing.assert_array_equal(read.worlds[number].colours == 0, expected)
        np.testing.assert_array_equal(released_world(path, number).colours, read.worlds[number].colours)


class Evil:
    """Leaves a file behind when it is unpickled in the ordinary way."""

    def __init__(self, call, *arguments):
        self.reduced = call, arguments

    def __reduce__(self):
        return self.reduced


def attacks(mark):
    shell = Evil(subprocess.getoutput, f"touch {mark}")
    return {
        "a call of its own": shell,
        "within an array of objects": np.array([shell, None], object),
        "an array of objects": np.array([{}, None], object),
        "eval": Evil(eval, f"open({str(mark)!r}, 'w')"),
        "getattr": Evil(getattr, np.ndarray, "tofile"),
        "numpy.load": Evil(np.load, str(mark)),
        "a structured array": np.zeros(3, [("a", "i4")]),
        "a subclass": np.ma.masked_array([1, 2]),
        "ndarray itself": Evil(np.ndarray, (10**6,)),
        "another codec": Evil(__import__("_codecs").encode, "abc", "rot13"),
    }


@pytest.mark.parametrize("name", attacks("x"))
@pytest.mark.parametrize("protocol", [2, 5])
def test_nothing_in_the_file_is_executed(tmp_path, name, protocol):
    mark = tmp_path / "mark"
    path = tmp_path / "maps.pkl"
    path.write_bytes(pickle.dumps([pictured(plans(1)[0]), attacks(mark)[name]], protocol))
    with pytest.raises(UserError) as caught:
        read_released(path)
    assert not mark.exists()
    assert "\n" not in str(caught.value)


def test_what_stands_in_for_numpy_can_not_be_changed(tmp_path):
    path = tmp_path / "maps.pkl"
    path.write_bytes(b"cnumpy._core.multiarray\n_reconstruct\n(dS'x'\nI1\nsb.")
    with pytest.raises(UserError, match="to change a function"):
        read_released(path)


def test_no_damaged_file_raises_anything_but_a_sentence(tmp_path):
    whole = pickle.dumps([pictured(plans(1)[0])])
    assert any(code.name == "BUILD" for code, _, _ in pickletools.genops(whole))
    path = tmp_path / "maps.pkl"
    rng = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(whole[: rng.integers(1, 400)])
        broken[rng.integers(len(broken))] = rng.integers(256)
        path.write_bytes(bytes(broken))
        with pytest.raises(UserError):
            read_released(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"a": 1}, "holds a dict, not a list"),
        ([], "holds a list, not a list of maps"),
        ([np.zeros((3, 4))], r"the first is left out, its shape is \(3, 4\)"),
        ([np.ones((3, 4, 4))], "no free"),
        ([7], "it is a int"),
    ],
)
def test_what_holds_no_maps_is_refused(tmp_path, content, sentence):
    path = tmp_path / "maps.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match=sentence):
        read_released(path)


def test_what_is_left_out_or_dropped_is_said(tmp_path):
    apart = np.zeros((9, 9), bool)
    apart[1:4, 1:8] = apart[6, 6:8] = True
    path = tmp_path / "maps.pkl"
    path.write_bytes(pickle.dumps([pictured(apart), np.zeros((2, 3, 3))]))
    read = read_released(path)
    assert read.dropped == {0: 2}
    assert "dropped in 1 of them; 1 left out (the first, 1: its shape is (2, 3, 3)" in read.summary()
    done = subprocess.run(
        [sys.executable, "-m", "farmap.world.released", str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == read.summary() + "\n"


def test_the_suite_takes_the_users_copy(tmp_path):
    path = tmp_path / "maps.pkl"
    path.write_bytes(pickle.dumps([*map(pictured, plans()), np.zeros((2, 3, 3))]))
    grid = load_suite(task, "released-maps", [f"released.path={path}", "seeds=[0]"]).grid()
    assert {target.labels["map"] for target in grid.targets} == {f"released-{i}" for i in range(4)}
    worlds = read_released(path).worlds
    for target in grid.targets:
        assert target.labels["size"] == size_of(worlds[int(target.labels["map"].split("-")[1])])
    assert [skipped.labels for skipped in grid.skipped] == [{"map": "released-4"}]
    with pytest.raises(UserError, match="no map 9: its last is 3"):
        load_suite(task, "released-maps", [f"released.path={path}", "released.first=9"]).grid()
    with pytest.raises(UserError, match=r"set released\.path to your copy"):
        load_suite(task, "released-maps", ["released.path=nowhere.pkl"]).grid()


def test_released_plans_have_the_sizes_of_the_released_maps():
    """Published figures of 300 maps; visible cells count four neighbours, as the authors' code does."""
    cross = ndimage.generate_binary_structure(2, 1)
    rng, visible, open_sides = np.random.default_rng(1), [], []
    while len(visible) < 800:
        free, side = draw_released_plan(rng)
        for part in components(free, LEAST_ROOMS * side**2):
            visible.append(ndimage.binary_dilation(part.repeat(3, 0).repeat(3, 1), cross).sum())
            sides = np.abs(np.diff(part.astype(int), axis=0)).sum() + np.abs(np.diff(part.astype(int))).sum()
            open_sides.append(sides / part.sum())
    published = {403: 0.05, 876: 0.25, 1_725: 0.5, 3_532: 0.75, 10_647: 0.95, 6_000: 1 - 44 / 300}
    for cells, share in published.items():
        error = np.sqrt(share * (1 - share) * (1 / 300 + 1 / len(visible)))
        assert abs(np.mean(np.array(visible) <= cells) - share) < 3 * error
    assert np.median(open_sides) == pytest.approx(0.93, abs=0.06)
