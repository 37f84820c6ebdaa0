"""Who listens to a run never ends it, and is heard of once in full."""

import logging
from types import SimpleNamespace

import pytest

from gridcell.cell import Cell
from gridcell.execute.listener import Listeners, tell_joined
from gridcell.execute.outcome import Outcome
from gridcell.grid import Grid

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


class Recording:
    """Notes each call with its arguments."""

    def __init__(self):
        self.heard = []

    def __getattr__(self, name):
        return lambda *arguments: self.heard.append((name, *arguments))

    # From Python 3.12 on a protocol is looked for among what is defined, not asked of ``__getattr__``.
    def placed(self, *arguments):
        self.heard.append(("placed", *arguments))

    def joined(self, *arguments):
        self.heard.append(("joined", *arguments))


def test_every_listener_hears_each_event_as_it_was_told():
    one, two = Recording(), Recording()
    listeners = Listeners([one, two])
    outcome, grid = Outcome(CELLS[0].id, 1.0), Grid({})
    events = [
        ("begun", "a schedule"),
        ("started", CELLS[0]),
        ("placed", CELLS[0], "a host"),
        ("joined", CELLS[:2]),
        ("reported", CELLS[1], 3, {"loss": 0.5}),
        ("finished", CELLS[0], outcome, True),
        ("grown", grid),
        ("ended", False),
    ]
    for name, *arguments in events:
        getattr(listeners, name)(*arguments)
    assert one.heard == two.heard == events


def test_who_does_not_ask_for_places_is_not_told_them():
    heard = []
    Listeners([SimpleNamespace(started=heard.append)]).placed(CELLS[0], "a host")
    assert heard == []
