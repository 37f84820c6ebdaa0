"""Successive halving: who goes on, against its rules, whatever the order in which trials end."""

from fractions import Fraction

import pytest
from hypothesis import given, settings, strategies as st

from gridcell.errors import UserError
from gridcell.search.promotion import Standing, bracket_of, check_scheduler, promotion, reached


class Trials:
    """A simulation: each trial has a quality that it shows at every rung, unless it diverges there."""

    def __init__(self, qualities, rungs, eta, scheduler="asha", slots=1, diverges=frozenset()):
        self.qualities, self.rungs, self.eta, self.slots = qualities, rungs, eta, slots
        self.scheduler, self.diverges = scheduler, diverges
        self.began, self.sent, self.scores, self.jobs = [], {}, {}, []

    def standings(self):
        return [
            Standing(one, self.bracket(one), self.sent[one], self.scores.get(one, {})) for one in self.began
        ]

    def bracket(self, number):
        return bracket_of(self.scheduler, number, eta=self.eta, rungs=self.rungs)

    def run(self, choose):
        """Run to the end; ``choose`` picks which of the running jobs ends next."""
        running = []
        while True:
            while len(running) < self.slots:
                more = len(self.began) < len(self.qualities)
                closing = not more and not running
                found = promotion(self.standings(), eta=self.eta, rungs=self.rungs, closing=closing)
                if found is None and not more:
                    break
                if found is None:
                    number = len(self.began)
                    self.began.append(number)
                    found = number, self.bracket(number)
                elif not closing:
                    self.check(*found)
                self.sent[found[0]] = found[1]
                self.jobs.append(found)
                running.append(found)
            if not running:
                return self
            number, rung = running.pop(choose(len(running)))
            score = None if (number, rung) in self.diverges else self.qualities[number]
            self.scores.setdefault(number, {})[rung] = score

    def check(self, number, rung):
        """Make sure that a promotion is one of the best 1/eta of its rung and bracket, once."""
        assert (number, rung) not in self.jobs
        there = {
            one: scores[rung - 1]
            for one, scores in self.scores.items()
            if rung - 1 in scores and self.bracket(one) == self.bracket(number)
        }
        better = [one for one, score in there.items() if score is not None and score > there[number]]
        assert len(better) < Fraction(len(there), self.eta)


trials = st.builds(
    Trials,
    qualities=st.lists(st.integers(0, 30).map(float), min_size=1, max_size=40),
    rungs=st.integers(2, 4),
    eta=st.integers(2, 4),
    scheduler=st.sampled_from(["asha", "hyperband"]),
    slots=st.integers(1, 6),
    diverges=st.frozensets(st.tuples(st.integers(0, 20), st.integers(0, 3)), max_size=20),
)


@given(trials, st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_only_the_best_of_a_rung_go_on_and_one_comes_to_the_end(found, order):
    found.run(lambda count: order.randrange(count))
    assert len(set(found.jobs)) == len(found.jobs)
    assert found.began == list(range(len(found.qualities)))
    top = found.rungs - 1
    whole = [one for one, scores in found.scores.items() if scores.get(top) is not None]
    ended = [one for one, scores in found.scores.items() if None in scores.values()]
    assert whole or len(ended) == len(found.qualities)  # all diverged
    for number, rung in found.jobs:  # none leaves a rung out
        assert rung == found.bracket(number) or (number, rung - 1) in found.jobs


@pytest.mark.parametrize("eta", [2, 3, 4])
def test_where_trials_come_from_worst_to_best_or_at_once_halving_is_the_plain_one(eta):
    """All of a rung are there before any is promoted: as many slots as trials."""
    rungs, count = 3, eta**2
    qualities = [float((7 * number) % count) for number in range(count)]
    found = Trials(qualities, rungs, eta, slots=count).run(lambda count: 0)
    jobs = [sum(rung == one for _, rung in found.jobs) for one in range(rungs)]
    assert jobs == reached(count, "asha", eta=eta, rungs=rungs)[0]
    (best,) = [number for number, rung in found.jobs if rung == rungs - 1]
    assert qualities[best] == max(qualities)


def test_brackets_have_hyperbands_sizes():
    """Li et al. 2018, table 1, for eta = 3 and R = 81 gives 81, 34, 15, 8 and 5 trials."""
    dealt = [bracket_of("hyperband", number, eta=3, rungs=5) for number in range(143)]
    assert [dealt.count(first) for first in range(5)] == [81, 34, 15, 8, 5]
    few = [bracket_of("hyperband", number, eta=3, rungs=5) for number in range(29)]
    assert len(set(few)) == 5  # a short search has them all
    assert {bracket_of("asha", number, eta=3, rungs=5) for number in range(50)} == {0}


def test_a_scheduler_of_another_name_is_refused():
    with pytest.raises(UserError, match="did you mean 'asha'"):
        check_scheduler("ahsa")
