"""In-memory batches: nothing lost, nothing twice, and an order that only the seed and the epoch decide."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from gridcell.data.batches import Batches, epoch_order


@given(st.integers(0, 200), st.integers(0, 2**40), st.integers(0, 50))
def test_an_epochs_order_is_a_permutation_and_repeatable(size, seed, epoch):
    order = epoch_order(size, seed=seed, epoch=epoch)
    assert sorted(order.tolist()) == list(range(size))
    assert torch.equal(order, epoch_order(size, seed=seed, epoch=epoch))


def test_neighbouring_seeds_and_epochs_have_different_orders():
    orders = {tuple(epoch_order(50, seed=s, epoch=e).tolist()) for s in range(6) for e in range(6)}
    assert len(orders) == 36


@given(size=st.integers(1, 70), batch_size=st.integers(1, 20), shuffle=st.booleans())
def test_every_sample_comes_once_with_its_own_label(size, batch_size, shuffle):
    images = torch.arange(size, dtype=torch.uint8)[:, None].repeat(1, 3)
    batches = Batches(images, torch.arange(size), batch_size=batch_size, shuffle=shuffle)
    seen = list(batches)
    assert len(seen) == len(batches) == -(-size // batch_size)
    assert [len(labels) for _, labels in seen[:-1]] == [batch_size] * (len(seen) - 1)
    labels = torch.cat([labels for _, labels in seen])
    assert sorted(labels.tolist()) == list(range(size))
    assert torch.equal(torch.cat([images for images, _ in seen])[:, 0].long(), labels)
    if not shuffle:
        assert labels.tolist() == list(range(size))


def test_the_epoch_set_after_the_iterator_was_made_still_counts():
    batches = Batches(torch.arange(40), batch_size=8, seed=3)
    iterator = iter(batches)
    batches.sampler.set_epoch(5)
    assert torch.equal(torch.cat([b for (b,) in iterator]), epoch_order(40, seed=3, epoch=5))


def test_numpy_arrays_are_shared_even_when_read_only(recwarn):
    array = np.arange(12, dtype=np.uint8).reshape(6, 2)
    array.setflags(write=False)
    (batch,) = next(iter(Batches(array, batch_size=6, shuffle=False)))
    assert batch.data_ptr() == array.ctypes.data
    assert not recwarn.list


@given(
    size=st.integers(1, 60),
    world_size=st.integers(1, 4),
    accumulate=st.integers(1, 3),
    each=st.integers(1, 5),
)
def test_parts_make_up_the_batches_of_one_process_and_weigh_as_much(size, world_size, accumulate, each):
    parts = world_size * accumulate
    values = torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = [batch for (batch,) in Batches(values, batch_size=each * parts, seed=3)]
    ranks = [
        Batches(
            values,
            batch_size=each * parts,
            seed=3,
            rank=rank,
            world_size=world_size,
            accumulate=accumulate,
        )
        for rank in range(world_size)
    ]
    steps = list(zip(*ranks, strict=True))  # the ranks take part in every step
    assert {len(one) for one in ranks} == {len(steps)}
    for number, expected in enumerate(whole):
        seen = [part for step in steps[number * accumulate : (number + 1) * accumulate] for part in step]
        if parts == 1:
            assert torch.equal(seen[0][0], expected)
            continue
        assert all(len(samples) for samples, _ in seen)
        assert torch.equal(torch.cat([samples for samples, weight in seen if weight]), expected)
        mean = sum(weight * samples.mean() for samples, weight in seen) / parts
        assert mean.item() == pytest.approx(expected.mean().item())


def test_unequal_arrays_and_empty_batches_are_refused():
    with pytest.raises(ValueError, match=r"lengths \[3, 4\]"):
        Batches(torch.zeros(3), torch.zeros(4), batch_size=1)
    with pytest.raises(ValueError, match="at least 1"):
        Batches(torch.zeros(3), batch_size=0)
    with pytest.raises(ValueError, match="multiple of 6"):
        Batches(torch.zeros(9), batch_size=9, world_size=3, accumulate=2)


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_tuple_of_arrays_comes_as_a_tuple(shuffle):
    numbers = torch.arange(11)
    batches = Batches(numbers, (numbers + 1, numbers[:, None]), batch_size=4, shuffle=shuffle)
    for one, (two, three) in batches:
        assert torch.equal(one + 1, two)
        assert torch.equal(one[:, None], three)
    with pytest.raises(ValueError, match="one length"):
        Batches(numbers, (numbers, numbers[:3]), batch_size=4)
