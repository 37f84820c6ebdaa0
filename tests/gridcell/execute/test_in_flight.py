"""What is handed out, counted by request of resources, against a list of it all."""

from collections import Counter

from hypothesis import given, strategies as st

from gridcell.cell import Resources
from gridcell.execute.in_flight import InFlight

SHAPES = [Resources(cpus=1), Resources(cpus=2), Resources(cpus=1, gpus=1.0)]
STEPS = st.lists(st.tuples(st.sampled_from(["add", "begin", "end"]), st.integers(0, 30), st.booleans()))


@given(STEPS, st.sets(st.sampled_from(SHAPES)), st.integers(0, 5))
def test_its_counts_are_those_of_a_list(steps, lacking, last):
    flight, every = InFlight(), {}
    for now, (what, number, starts) in enumerate(steps):
        trial = str(number)
        if what == "add" and trial not in every:
            every[trial] = [SHAPES[number % 3], float(now), starts, True]
            flight.add(trial, SHAPES[number % 3], float(now), starts_worker=starts)
        elif what == "begin" and trial in every:
            every[trial][2:] = [False, False]
            flight.began(trial)
        elif what == "end" and trial in every:
            del every[trial]
            flight.ended(trial)
    here = [each for each in every.values() if each[0] not in lacking]
    assert len(flight) == len(every)
    assert flight.counts == Counter(each[0] for each in every.values())
    assert flight.beside(lacking) == Counter(each[0] for each in here)
    assert flight.waiting(lacking) == Counter(each[0] for each in here if each[3])
    assert flight.starting(lacking) == sum(each[2] for each in here)
    assert flight.waits_since(lacking) == min((each[1] for each in here if each[3]), default=None)
    assert flight.without_last(last, lacking) == Counter(each[0] for each in here[: max(0, len(here) - last)])
