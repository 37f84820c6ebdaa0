"""Grids: cells once, needs before their users, circles refused, selection with what it needs."""

import pytest
from hypothesis import given, strategies as st

from gridcell.cell import Cell
from gridcell.errors import UserError
from gridcell.grid import GridBuilder, Target, checked_grid, order_by_needs


def diamond():
    grid = GridBuilder("t")
    top = grid.add("k", {"n": 0})
    left = grid.add("k", {"n": 1}, needs={"a": top})
    right = grid.add("k", {"n": 2}, needs={"a": top})
    bottom = grid.add("k", {"n": 3}, needs={"l": left, "r": right})
    grid.target({"side": "left", "size": 1}, left)
    grid.target({"side": "right", "size": 1}, right)
    grid.target({"side": "both", "size": 2}, bottom)
    grid.target({"size": 0}, top)
    grid.skip({"side": "none"}, "there is no such side")
    return grid.build(), (top, left, right, bottom)


def test_the_same_cell_is_held_once():
    grid = GridBuilder("t")
    one = grid.add("k", {"a": 1, "b": 2}, title="first")
    two = grid.add("k", {"b": 2, "a": 1}, title="second")
    assert one is two
    assert len(grid.build()) == 1


@given(st.sets(st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda edge: edge[0] < edge[1])))
def test_needs_come_first(edges):
    needs = {str(node): [str(a) for a, b in edges if b == node] for node in range(13)}
    order = order_by_needs(needs)
    assert sorted(order) == sorted(needs)
    assert all(order.index(str(a)) < order.index(str(b)) for a, b in edges)


def test_a_circle_is_refused_and_named():
    with pytest.raises(UserError, match=r"circle: .*ft -> soup -> ft|circle: .*soup -> ft -> soup"):
        order_by_needs({"ft": ["soup"], "soup": ["ft"]}, "methods")


class ForgedCell(Cell):
    """Ids are hashes of their needs, so only a forged id can close a circle of cells."""

    id = property(lambda self: self.title)


def test_a_circle_of_cells_is_refused():
    cells = {
        "a": ForgedCell("t", "k", {}, needs={"x": "b"}, title="a"),
        "b": ForgedCell("t", "k", {}, needs={"x": "a"}, title="b"),
    }
    with pytest.raises(UserError, match="circle"):
        checked_grid(cells)


def test_a_missing_need_is_refused():
    cell = Cell("t", "k", {}, needs={"start": "f" * 20}, title="lonely")
    with pytest.raises(UserError, match=r"lonely needs cell f+ as 'start'"):
        checked_grid({cell.id: cell})
    with pytest.raises(UserError, match="target"):
        checked_grid({}, [Target({"a": 1}, "e" * 20)])


def test_selection_keeps_what_is_needed_and_nothing_else():
    grid, (top, left, right, bottom) = diamond()
    assert set(grid.select({"side": ["left"]}).cells) == {top.id, left.id}
    assert set(grid.select({"side": ["both"]}).cells) == {top.id, left.id, right.id, bottom.id}
    assert set(grid.select({"size": ["1"], "side": ["left", "right"]}).cells) == {top.id, left.id, right.id}


def test_selection_keeps_targets_that_lack_the_label():
    grid, (top, left, _, _) = diamond()
    kept = grid.select({"side": ["left"]})
    assert {target.cell for target in kept.targets} == {top.id, left.id}
    assert kept.skipped == ()


def test_selection_keeps_what_others_are_compared_with():
    grid = GridBuilder("t")
    before = grid.add("test", {"weights": "before"})
    grid.target({"model": "m", "method": "pre"}, before, whichever=("method",))
    grid.target({"model": "n", "method": "pre"}, grid.add("test", {"weights": "n"}), whichever=("method",))
    after = grid.add("test", {"weights": "after"})
    grid.target({"model": "m", "method": "ft"}, after)
    grid.target({"model": "m", "method": "lp"}, grid.add("test", {"weights": "lp"}))
    kept = grid.build().select({"model": ["m"], "method": ["ft"]})
    assert set(kept.cells) == {before.id, after.id}


def test_selecting_what_is_not_there_together_says_so():
    grid, _ = diamond()
    with pytest.raises(UserError, match="No cell has side=left and size=2: each is in the suite"):
        grid.select({"side": ["left"], "size": ["2"]})


def test_selecting_what_is_not_there_names_the_nearest():
    grid, _ = diamond()
    with pytest.raises(UserError, match="did you mean 'side'"):
        grid.select({"sidr": ["left"]})
    with pytest.raises(UserError, match="did you mean 'right'"):
        grid.select({"side": ["rigth"]})
