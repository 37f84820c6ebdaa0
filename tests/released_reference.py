"""The released wrapper's decisions, one environment and one step after the other, in plain Python.

Written from the rules alone, not from this project's code: one list of errors a fragment, every figure
computed anew from it.
"""

import math
import statistics


class Released:
    """As slow and as obvious as can be.

    ``margin`` is the smallest distance of a compared number from its threshold so far: where it is no more
    than rounding, another order of summation may rightly decide otherwise.
    """

    def __init__(self, environments, capacity, rho, least=25, recall=0.99, high=0.75, low=0.5, interval=None):
        self.capacity, self.rho, self.least, self.recall = capacity, rho, least, recall
        self.high, self.low, self.bound, self.interval = high, low, high, interval
        self.current = [0] * environments
        self.previous = [None] * environments
        self.keys, self.errors, self.last_use = {}, {}, {}
        self.clock = 0
        self.replaced = self.recalls = self.made = 0
        self.margin = math.inf

    def begin(self, key):
        self.keys[0], self.errors[0] = key, []
        self._use(0)

    def segment(self, errors, keys, burning_in):
        """Return (step, environment, from, to, made) of each switch, in order."""
        switches = []
        held = list(self.current)
        for environment, source in enumerate(held):
            if burning_in[environment]:
                continue
            self._use(source)
            for step, row in enumerate(errors):
                switch = self._one(row[environment], keys[step][environment], environment, source)
                if switch is not None:
                    switches.append((step, environment, source, *switch))
                    break  # what follows enters no statistics
        fragments = len(self.keys)
        self.bound = max(self.low, self.bound - (fragments - 1) / self.capacity * (self.high - self.low))
        return switches

    def _one(self, error, key, environment, source):
        if error == self.previous[environment]:
            return None
        self.previous[environment] = error
        likeness, nearest = max((cosine(key, other), -slot) for slot, other in self.keys.items())
        nearest = -nearest
        ranked = sorted((cosine(key, other) for other in self.keys.values()), reverse=True)
        if len(ranked) > 1 and ranked[0] - ranked[1] < 1e-6 and ranked[0] > self.recall - 1e-6:
            self.margin = 0.0  # which of the two is recalled is rounding's choice
        if self._at_least(likeness, self.recall) and nearest != source:
            self.current[environment] = nearest
            self.recalls += 1
            self._use(nearest)
            return nearest, False
        seen = self.errors[source][-self.interval :] if self.interval else self.errors[source]
        if len(seen) < self.least:
            self.errors[source].append(error)
            return None
        if not self._at_least(statistics.stdev(seen) if len(seen) > 1 else 0.0, 1e-6):
            return None
        if not self._at_least(error, self.rho * (sum(seen) / len(seen))):
            self.errors[source].append(error)
            return None
        if sum(key) == 0 or self._at_least(likeness, self.bound):
            return None
        slot = len(self.keys)
        if slot == self.capacity:
            slot = min(self.keys, key=lambda each: (self.last_use[each], each))
            self.replaced += 1
        self.keys[slot], self.errors[slot] = key, []
        self.current[environment] = slot
        self.made += 1
        self._use(slot)
        return slot, True

    def _use(self, slot):
        self.last_use[slot] = self.clock
        self.clock += 1

    def _at_least(self, value, bound):
        self.margin = min(self.margin, abs(value - bound))
        return value >= bound


def cosine(one, other):
    """Cosine similarity; that of a zero vector is zero."""
    lengths = math.sqrt(sum(x * x for x in one)) * math.sqrt(sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / lengths if lengths else 0.0
