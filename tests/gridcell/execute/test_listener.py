"""Who listens to a run never ends it, and is heard of once in full."""

import logging
from types import SimpleNamespace

import pytest

from gridcell.cell import Cell
from gridcell.execute.listener import Listeners, tell_joined

CELLS = [Cell("t", "k", {"n": number}) for number in range(3)]


class Broken:  # noqa: D101 - a listener of these tests
    def started(self, cell):
        raise ValueError("no")


def test_what_a_listener_raises_is_logged_and_its_traceback_once(caplog):
    heard = []
    listeners = Listeners([Broken(), SimpleNamespace(started=heard.append), Broken()])
    with caplog.at_level(logging.WARNING):
        for cell in CELLS:
            listeners.started(cell)
    assert heard == CELLS
    assert [bool(record.exc_info) for record in caplog.records] == [True, True, *[False] * 4]


@pytest.mark.parametrize(("count", "told"), [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_a_pass_of_two_cells_or_more_is_told(count, told):
    class Hearing(Listeners):
        def joined(self, cells):
            joined.append(list(cells))

    joined = []
    tell_joined(Hearing([]), CELLS[:count])
    assert joined == [CELLS[:count]] * told
