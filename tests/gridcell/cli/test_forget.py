"""What ``forget`` removes: what was selected and what was made from it, and nothing else."""

import pytest
import toy_task

from gridcell.cli.forget import _to_forget
from gridcell.errors import UserError
from gridcell.grid import GridBuilder
from gridcell.store import Store


@pytest.fixture
def compared():
    """Two methods from one start, a mixture of both, and a distance that belongs to no method."""
    grid = GridBuilder("t")
    start = grid.add("start", {})
    grid.target(
        {"method": "pre"}, grid.add("test", {"of": "start"}, needs={"model": start}), whichever=("method",)
    )
    made = {name: grid.add("train", {"method": name}, needs={"model": start}) for name in ("ft", "ewc")}
    for name, cell in made.items():
        grid.target({"method": name}, grid.add("test", {"of": name}, needs={"model": cell}))
    mixed = grid.add("test", {"of": "soup"}, needs=made)
    grid.target({"method": "soup"}, mixed)
    grid.target({"set": "a"}, grid.add("distance", {}, needs={"model": start}))
    return grid.build()


def kinds(grid, cells):
    return sorted((grid.cells[one].kind, *grid.cells[one].config.values()) for one in cells)


def test_what_is_kept_beside_a_selection_was_not_asked_for(compared):
    """The pre-trained model and the distance are shown with every method; they are not of this one."""
    first, shared = _to_forget(compared, {"method": ["ewc"]}, [])
    assert kinds(compared, first) == [("test", "ewc")]
    assert kinds(compared, shared) == [("start",), ("train", "ewc")]


def test_a_kind_is_taken_whoever_else_needs_it_and_of_the_selection_alone(compared):
    assert kinds(compared, _to_forget(compared, {"method": ["ewc"]}, ["train"])[0]) == [("train", "ewc")]
    everywhere = _to_forget(compared, {}, ["train", "distance"])[0]
    assert kinds(compared, everywhere) == [("distance",), ("train", "ewc"), ("train", "ft")]


def test_a_selection_of_what_is_compared_alone_is_no_selection(compared):
    with pytest.raises(UserError, match="No result has method=ewc and set=a itself"):
        _to_forget(compared, {"method": ["ewc"], "set": ["a"]}, [])


def test_the_command_says_what_it_keeps_and_how_to_remove_that_too(gridcell):
    assert gridcell("run", "toy", "--storage", "runs", "--executor", "inline")[0] == 0
    cells, before = toy_task.plan(toy_task.Settings()).cells, Store("runs").results.done()
    forget = ("forget", "toy", "--storage", "runs", "--select", "row=1")
    code, shown, _ = gridcell(*forget)
    assert (code, Store("runs").results.done()) == (0, before)  # the total needs all of the row
    assert "0 results forgotten" in shown
    assert "Kept, as other results of the suite need them: 2 step. --kind KIND takes these, too." in shown
    assert gridcell(*forget, "--kind", "step", "--dry-run")[0] == 0
    assert Store("runs").results.done() == before
    code, shown, _ = gridcell(*forget, "--kind", "step")
    gone = {cells[one].title for one in before - Store("runs").results.done()}
    assert gone == {"r1c0", "r1c1", "total"}
    assert "3 results forgotten" in shown
    assert "Kept" not in shown
