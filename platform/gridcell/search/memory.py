"""What a search remembers, in the store: which points were asked for. Their results are ordinary cells'."""

import re

from gridcell.cell import canonical_json
from gridcell.search.trial import Trial
from gridcell.store import Store
from gridcell.store.notes import parse_notes

_FIELDS = {"number": int, "params": dict}
_NAME = re.compile(r"(\d+)(?:-(\d+))?\.json")  # of a trial, and of a promotion to a rung


class Memory:
    """The trials that were asked for, and their promotions, one file each, below ``searches/<id>/``.

    Of two drivers that ask at once one writes first, and the other takes what it wrote.
    """

    def __init__(self, store: Store, search_id: str) -> None:
        self._folder = store.folder
        self._path = f"searches/{search_id}"
        self._known: dict[int, Trial] = {}
        self.promotions: set[tuple[int, int]] = set()

    def read(self) -> dict[int, Trial]:
        """Return number -> trial, in the order of the numbers; a damaged file is left out with a warning.

        Promotions, as (number of the trial, rung), are in ``promotions`` then.
        """
        unread = []
        for name in self._folder.names(self._path):
            named = _NAME.fullmatch(name)
            if named is None:  # e.g. what a file manager left
                continue
            number, rung = named.groups()
            if rung is not None:
                self.promotions.add((int(number), int(rung)))
            elif int(number) not in self._known:
                unread.append(f"{self._path}/{name}")
        for note in parse_notes(self._folder.read_many(unread), _FIELDS).values():
            trial = Trial.from_record(note)
            self._known[trial.number] = trial
        return dict(sorted(self._known.items()))

    def claim(self, trial: Trial) -> Trial:
        """Remember a trial before any of its cells runs; return what another driver remembers instead.

        A damaged file that bears its number is replaced.
        """
        name = f"{self._path}/{trial.number:06d}.json"
        data = canonical_json(trial.to_record()).encode()
        if not self._folder.create(name, data):
            others = parse_notes({name: self._folder.read(name)}, _FIELDS)
            if others:
                trial = Trial.from_record(others[name])
            else:
                self._folder.write(name, data, durable=True)
        self._known[trial.number] = trial
        return trial

    def promote(self, number: int, rung: int) -> None:
        """Remember that a trial goes on to a rung; another driver may remember it already."""
        about = canonical_json({"number": number, "rung": rung}).encode()
        self._folder.create(f"{self._path}/{number:06d}-{rung}.json", about)
        self.promotions.add((number, rung))
