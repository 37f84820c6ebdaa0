"""A mark tells a store from another folder of the same name, and leaves nothing behind."""

from gridcell.store import mark
from gridcell.store.filesystem import Folder
from gridcell.store.mark import marked, of_its_own, sees_mark


def test_a_mark_is_seen_in_its_own_store_while_it_lasts(tmp_path):
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    with marked(Folder.open(str(here))) as name:
        assert sees_mark(str(here), name)
        assert not sees_mark(str(elsewhere), name, patience_s=0)
        with marked(Folder.open(str(here))) as other:
            assert other != name
    assert list(here.iterdir()) == []
    assert not elsewhere.exists()
    assert not sees_mark(str(here), name, patience_s=0)


def test_a_mark_that_shows_late_is_waited_for_but_not_for_ever(tmp_path, monkeypatch):
    """As on a network folder; the clock is the test's own."""
    now, shows_at = [0.0], 2.0
    read = Folder.read

    def late(self, name):
        if now[0] < shows_at:
            raise FileNotFoundError(name)
        return read(self, name)

    monkeypatch.setattr(Folder, "read", late)
    monkeypatch.setattr(mark.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(mark.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    with marked(Folder.open(str(tmp_path))) as name:
        assert not sees_mark(str(tmp_path), name, patience_s=1.0)
        assert 1.0 <= now[0] < shows_at
        assert sees_mark(str(tmp_path), name)
        assert now[0] == shows_at


def test_a_mark_that_cannot_be_removed_stops_nothing(tmp_path, monkeypatch):
    def refuse(self, name):
        raise OSError("gone")

    monkeypatch.setattr(Folder, "remove", refuse)
    with marked(Folder.open(str(tmp_path))) as name:
        pass
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_the_storage_is_named():
    assert "'/some/runs'" in of_its_own("/some/runs")
