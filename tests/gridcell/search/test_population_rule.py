"""The rule of population-based training alone: who goes on from whom, and how settings move."""

import pytest
from hypothesis import given, strategies as st

from gridcell.search.population import FACTORS, RESAMPLED, Member, Population, explored, successors
from gridcell.search.space import Space
from gridcell.search.trial import Trial
from gridcell.settings.ranges import parse_range

LOW, HIGH = 0.01, 1.0
SPACE = Space.parse(
    ["lr=loguniform(0.01, 1)", "depth=int(1, 9)", "kind=choice(a, b, c)", "x=linspace(0, 1, 5)"]
)


@given(st.lists(st.one_of(st.none(), st.floats(-5, 5)), min_size=2, max_size=12), st.integers(0, 99))
def test_a_next_generation_is_of_the_first_ones_and_of_those_that_stay(scores, seed):
    members = [
        Member(Trial(number, SPACE.at([number / 12] * 4)), score) for number, score in enumerate(scores)
    ]
    found = successors(members, SPACE, seed=seed)
    known = [score for score in scores if score is not None]
    if not known:
        assert found == []
        return
    count = max(1, len(scores) // 5)
    assert [one.number for one in found] == [len(scores) + number for number in range(len(scores))]
    first = sorted(known, reverse=True)[:count]
    for member, one in zip(members, found, strict=True):
        assert SPACE.holds(one.params)
        assert one.earlier == (members[one.parent].trial.params,)
        if one.parent == member.trial.number and one.params == member.trial.params:
            continue
        assert scores[one.parent] in first
    stay = sum(one.parent == place for place, one in enumerate(found))
    assert stay <= len(known)
    if len(known) == len(scores) and len(set(scores)) == len(scores):
        copied = [place for place, one in enumerate(found) if one.parent != place]
        assert len(copied) == count
        assert max(scores[place] for place in copied) < min(first)
    assert successors(members, SPACE, seed=seed) == found


@given(st.floats(0, 1), st.floats(RESAMPLED, 1), st.floats(0, 1))
def test_a_value_moves_by_a_fifth_or_one_place_within_its_range(at, chance, share):
    for key, one in SPACE.ranges.items():
        value = one.at(at)
        moved = explored(one, value, chance, share)
        assert one.holds(moved)
        if key == "lr":
            assert moved in (LOW, HIGH) or moved / value == pytest.approx(FACTORS[share >= 0.5], rel=1e-5)
        elif key == "depth":
            assert moved != value or value in (1, 9)
        else:
            places = [list(one.listed).index(each) for each in (value, moved)]
            assert abs(places[0] - places[1]) <= 1


def test_resampling_draws_from_the_whole_range():
    one = parse_range("loguniform(0.01, 1)")
    assert [explored(one, 0.5, RESAMPLED / 2, share) for share in (0.0, 0.5, 1.0)] == [0.01, 0.1, 1.0]


def test_numbers_go_population_by_population_and_back():
    population = Population(3, 4)
    numbers = [population.number(p, g, m) for p in range(2) for g in range(4) for m in range(3)]
    assert numbers == list(range(24))
    assert [population.generation_of(number) for number in numbers[::3]] == [0, 1, 2, 3, 0, 1, 2, 3]
