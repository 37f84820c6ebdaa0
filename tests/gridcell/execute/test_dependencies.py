"""How much depends on a cell, in grids that grow: against the longest path by recursion."""

from functools import cache

from hypothesis import given, settings, strategies as st

from gridcell.cell import Cell
from gridcell.execute.dependencies import Dependencies


@st.composite
def grown(draw):
    """Cells in an order in which each follows its needs, and where the grid grows."""
    count = draw(st.integers(1, 12))
    cells = []
    for number in range(count):
        needs = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        cells.append(
            Cell("t", "k", {"n": number}, needs={str(place): cells[place].id for place in sorted(needs)})
        )
    cuts = sorted(draw(st.sets(st.integers(1, count), max_size=3)))
    return cells, cuts


@settings(deadline=None, max_examples=60)
@given(grown())
def test_a_cells_height_is_the_longest_path_from_it_however_the_grid_grew(made):
    cells, cuts = made
    dependencies, added = Dependencies(), []
    for end in (*cuts, len(cells)):
        added += dependencies.add({cell.id: cell for cell in cells[:end]})

    @cache
    def height(cell_id):
        return 1 + max((height(one.id) for one in cells if cell_id in one.needs.values()), default=0)

    assert added == [cell.id for cell in cells]
    assert dependencies.height == {cell.id: height(cell.id) for cell in cells}
    for cell in cells:
        above = {one.id for one in cells if cell.id in one.needs.values()}
        assert sorted(dependencies.above(cell.id)) == sorted(above)
