"""Statistics, trigger, replacement and recall, against slow and obvious references."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from fragmentation_recall.keys import FractureKeys
from fragmentation_recall.memory import LeastRecentlyUsed
from fragmentation_recall.surprisal import RunningMoments, is_surprising

SLOTS = 4
value = st.floats(-1e3, 1e3, width=32)
batches = st.lists(st.lists(st.tuples(st.integers(0, SLOTS - 1), value), min_size=1, max_size=6), max_size=20)


def _filled(streams: list[list[tuple[int, float]]]) -> tuple[RunningMoments, list[list[float]]]:
    moments, seen = RunningMoments(SLOTS), [[] for _ in range(SLOTS)]
    for batch in streams:
        slots, values = zip(*batch, strict=True)
        moments.add(slots, values)
        for slot, number in batch:
            seen[slot].append(number)
    return moments, seen


@given(batches)
def test_moments_are_those_of_all_values_of_a_slot(streams):
    moments, seen = _filled(streams)
    for slot, values in enumerate(seen):
        assert moments.count(slot) == len(values)
        if values:
            assert moments.mean(slot) == pytest.approx(np.mean(values), abs=1e-9, rel=1e-9)
            assert moments.std(slot) == pytest.approx(np.std(values), abs=1e-6, rel=1e-9)


def test_a_small_spread_around_a_large_mean_survives():
    values = 1e9 + np.arange(100) % 7
    moments = RunningMoments(1)
    for number in values:
        moments.add([0], [number])
    assert moments.std(0) == pytest.approx(np.std(np.arange(100) % 7), rel=1e-6)


@given(batches, st.lists(value, min_size=SLOTS, max_size=SLOTS), st.floats(0.1, 5), st.integers(1, 6))
def test_the_trigger_is_its_definition(streams, newest, rho, least):
    moments, seen = _filled(streams)
    for criterion in ("z", "ratio"):
        told = is_surprising(newest, moments, range(SLOTS), criterion=criterion, rho=rho, least=least)
        for slot, values in enumerate(seen):
            if len(values) < least or len(set(values)) == 1:
                assert not told[slot]
                continue
            mean, std = np.mean(values), np.std(values)
            margin = newest[slot] - mean - rho * std if criterion == "z" else newest[slot] - rho * mean
            if abs(margin) > 1e-6 and std > 1e-6:
                assert told[slot] == (margin > 0)


@given(st.lists(st.integers(0, 9), max_size=40))
def test_a_full_memory_replaces_what_was_used_longest_ago(uses):
    """An ordered list is the reference: whoever is used moves to its end."""
    memory, order = LeastRecentlyUsed(3), []
    for use in uses:
        if use < 3 and use in memory:
            memory.use([use])
            order.remove(use)
            order.append(use)
            continue
        slot, replaced = memory.claim()
        assert replaced == (len(order) == 3)
        assert slot == (order.pop(0) if replaced else len(order))
        order.append(slot)
    assert len(memory) == len(order)


def test_a_fragment_that_someone_is_in_stays():
    memory = LeastRecentlyUsed(2)
    memory.claim()
    memory.claim()
    assert memory.claim(keep=[0]).slot == 1
    with pytest.raises(ValueError, match="raise the capacity"):
        memory.claim(keep=[0, 1])
    assert memory.replacements == 1


def test_nearest_key_is_that_of_brute_force():
    generator = torch.Generator().manual_seed(0)
    stored, states = torch.randn(5, 8, generator=generator), torch.randn(20, 8, generator=generator)
    keys = FractureKeys(capacity=7, dimension=8)
    for slot, key in enumerate(stored):
        keys.put(slot, key)
    keys.drop(2)
    similarity, slot = keys.nearest(states)
    cosine = torch.nn.functional.cosine_similarity(states[:, None], stored[None], dim=-1)
    cosine[:, 2] = -2
    torch.testing.assert_close(similarity, cosine.max(1).values)
    assert slot.equal(cosine.argmax(1))


def test_nothing_is_like_an_empty_memory_and_a_zero_state_is_like_nothing():
    keys = FractureKeys(capacity=2, dimension=3)
    assert keys.nearest(torch.ones(1, 3)).similarity.item() == -torch.inf
    keys.put(1, torch.ones(3))
    assert keys.nearest(torch.zeros(1, 3)).similarity.item() == 0


def test_state_goes_through_a_checkpoint():
    moments, memory, keys = RunningMoments(3), LeastRecentlyUsed(3), FractureKeys(3, 2)
    moments.add([0, 0, 2], [1.0, 2.0, 5.0])
    memory.claim()
    memory.claim()
    keys.put(1, torch.tensor([1.0, 1.0]))
    copies = RunningMoments(3), LeastRecentlyUsed(3), FractureKeys(3, 2)
    for copy, original in zip(copies, (moments, memory, keys), strict=True):
        copy.load_state_dict(original.state_dict())
    assert copies[0].mean(range(3)).tolist() == [1.5, 0.0, 5.0]
    assert copies[1].claim().slot == memory.claim().slot == 2
    assert copies[2].nearest(torch.tensor([[1.0, 1.0]])).slot.item() == 1
    for wrong in (RunningMoments(2), LeastRecentlyUsed(2), FractureKeys(2, 2)):
        original = {RunningMoments: moments, LeastRecentlyUsed: memory, FractureKeys: keys}[type(wrong)]
        with pytest.raises(ValueError, match="fit"):
            wrong.load_state_dict(original.state_dict())
