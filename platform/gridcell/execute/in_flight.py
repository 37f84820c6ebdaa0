"""What is running on a cluster and what waits for a worker there, counted by what it asks for."""

from collections import Counter, defaultdict
from collections.abc import Container
from itertools import islice

from gridcell.cell import Resources


class InFlight:
    """Trials that were handed out and have not ended.

    With s different requests of resources each call takes O(s), however many trials there are.
    """

    def __init__(self) -> None:
        self._trials: dict[str, Resources] = {}  # in the order in which they were handed out
        self._waiting: defaultdict[Resources, dict[str, float]] = defaultdict(dict)  # since when
        self._starting: defaultdict[Resources, set[str]] = defaultdict(set)
        self.counts: Counter[Resources] = Counter()

    def __len__(self) -> int:
        return len(self._trials)

    def add(self, trial: str, resources: Resources, now: float, *, starts_worker: bool) -> None:
        """Count a trial that was handed out, and whether no worker was free for it."""
        self._trials[trial] = resources
        self.counts[resources] += 1
        self._waiting[resources][trial] = now
        if starts_worker:
            self._starting[resources].add(trial)

    def began(self, trial: str) -> None:
        """Note that a worker has begun a trial."""
        resources = self._trials[trial]
        self._waiting[resources].pop(trial, None)
        self._starting[resources].discard(trial)

    def ended(self, trial: str) -> None:
        """Count a trial no more."""
        self.began(trial)
        resources = self._trials.pop(trial)
        self.counts[resources] -= 1
        if not self.counts[resources]:
            for counted in (self.counts, self._waiting, self._starting):
                counted.pop(resources, None)

    def beside(self, lacking: Container[Resources]) -> Counter[Resources]:
        """Return how many ask for what, without some requests."""
        return Counter({asked: count for asked, count in self.counts.items() if asked not in lacking})

    def waiting(self, lacking: Container[Resources]) -> Counter[Resources]:
        """Return how many wait for a worker, by what they ask for, without some requests."""
        return Counter(
            {asked: len(trials) for asked, trials in self._waiting.items() if trials and asked not in lacking}
        )

    def starting(self, lacking: Container[Resources]) -> int:
        """Return for how many a worker is being started, without some requests."""
        return sum(len(trials) for asked, trials in self._starting.items() if asked not in lacking)

    def waits_since(self, lacking: Container[Resources]) -> float | None:
        """Return the start of the longest wait, without some requests; None if nothing waits."""
        firsts = (
            next(iter(trials.values()))
            for asked, trials in self._waiting.items()
            if trials and asked not in lacking
        )
        return min(firsts, default=None)

    def without_last(self, count: int, lacking: Container[Resources]) -> Counter[Resources]:
        """Return ``beside`` without the ``count`` trials that were handed out last."""
        left = self.beside(lacking)
        newest = (asked for asked in reversed(self._trials.values()) if asked not in lacking)
        left.subtract(islice(newest, count))
        return +left
