"""FARCuriosity's decisions, one environment and one step after the other, in plain Python."""

import math


class Reference:
    """As slow and as obvious as can be; similarities are given, not computed.

    ``margin`` is the smallest distance of a compared number from its threshold so far: where it is no more
    than rounding, another order of summation may rightly decide otherwise.
    """

    def __init__(self, environments, capacity, criterion, rho, least, recall, novelty, novelty_full, decay):
        self.capacity, self.criterion, self.rho, self.least = capacity, criterion, rho, least
        self.recall, self.novelty, self.novelty_full, self.decay = recall, novelty, novelty_full, decay
        self.current = [0] * environments
        self.previous = [None] * environments
        self.keys, self.errors, self.last_use = {}, {}, {}
        self.clock, self.way = 0, 0.0
        self.replaced = self.recalls = self.made = 0
        self.margin = math.inf

    def begin(self, key):
        self.keys[0], self.errors[0] = key, []
        self._use([0])

    def segment(self, errors, keys, counted):
        """Return the scored mask, as lists, and the switches (step, environment, source, target, made)."""
        held = list(self.current)
        left = [not counts for counts in counted]
        scored = [list(counted) for _ in errors]
        switches = []
        self._use(set(held))
        for step, row in enumerate(errors):
            if all(left):
                break
            known_errors = {slot: list(values) for slot, values in self.errors.items()}
            threshold = self._novelty_now()
            acting = [environment for environment in range(len(row)) if not left[environment]]
            joins = []
            for environment in acting:
                error, key, source = row[environment], keys[step][environment], held[environment]
                likeness, slot = self._nearest(key)
                if self._at_least(likeness, self.recall) and slot != source:
                    self.current[environment], left[environment] = slot, True
                    self.recalls += 1
                    self._use([slot])
                    switches.append((step, environment, source, slot, False))
                    for later in range(step, len(errors)):
                        scored[later][environment] = False
                elif (
                    self._surprising(error, known_errors[source])
                    and any(key)
                    and not self._at_least(likeness, threshold)
                ):
                    slot = self._slot_for_a_new_one(set(held) | set(self.current))
                    self.keys[slot], self.errors[slot] = key, []
                    self.current[environment], left[environment] = slot, True
                    self.made += 1
                    self._use([slot])
                    switches.append((step, environment, source, slot, True))
                else:
                    joins.append(environment)
            for environment in joins:
                if row[environment] != self.previous[environment]:
                    self.errors[held[environment]].append(row[environment])
            for environment in acting:
                self.previous[environment] = row[environment]
        self.way = min(1.0, self.way + (len(self.keys) - 1) / self.capacity)  # once a segment
        return scored, switches

    def _use(self, slots):
        for slot in slots:
            self.last_use[slot] = self.clock
        self.clock += 1

    def _slot_for_a_new_one(self, kept):
        if len(self.keys) < self.capacity:
            return len(self.keys)
        self.replaced += 1
        return min(
            (slot for slot in self.keys if slot not in kept), key=lambda slot: (self.last_use[slot], slot)
        )

    def _nearest(self, key):
        best = (-2.0, -1)
        for slot in sorted(self.keys):
            likeness = cosine(key, self.keys[slot])
            if best[1] >= 0 and abs(likeness - best[0]) < 1e-6 and likeness > self.recall - 1e-6:
                self.margin = 0.0  # which of the two is recalled is rounding's choice
            if likeness > best[0]:
                best = (likeness, slot)
        return best

    def _surprising(self, error, seen):
        if len(seen) < self.least or len(set(seen)) == 1:
            return False
        mean = sum(seen) / len(seen)
        if self.criterion == "ratio":
            return self._at_least(error, self.rho * mean)
        spread = math.sqrt(sum((value - mean) ** 2 for value in seen) / len(seen))
        return self._at_least(error - mean, self.rho * spread)

    def _novelty_now(self):
        filled = (len(self.keys) - 1) / (self.capacity - 1)
        way = filled if self.decay == "filled" else self.way
        return self.novelty + way * (self.novelty_full - self.novelty)

    def _at_least(self, value, bound):
        self.margin = min(self.margin, abs(value - bound))
        return value >= bound


def cosine(one, other):
    """Cosine similarity; that of a zero vector is zero."""
    lengths = math.sqrt(sum(x * x for x in one)) * math.sqrt(sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / lengths if lengths else 0.0
