"""Reading: exactly once in evaluation, fixed and deterministic in training, in loader processes too."""

import pickle
from collections import Counter

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.data import create_transform, resolve_model_data_config

from gridcell.data.shards.datasets import EvaluationSet, TrainingSet, loader
from gridcell.data.shards.order import in_order, share_of, shuffled
from gridcell.data.shards.samples import Sample, ShardSamples
from published_sets import Truth

COUNTS = st.lists(st.integers(0, 12), min_size=1, max_size=8).filter(sum)


def everything(counts):
    return [(shard, number) for shard, count in enumerate(counts) for number in range(count)]


@given(COUNTS, st.integers(1, 9))
def test_every_sample_is_evaluated_once_by_any_number_of_ranks(counts, ranks):
    shares = [share_of(sum(counts), rank, ranks) for rank in range(ranks)]
    positions = [position for share in shares for position in in_order(counts, share)]
    assert positions == everything(counts)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(COUNTS, st.integers(0, 99), st.integers(1, 9), st.integers(1, 3))
def test_each_pass_of_training_has_every_sample_once(counts, seed, window, passes):
    total = sum(counts)
    order = list(shuffled(counts, range(total * passes), seed=seed, window=window))
    for number in range(passes):
        assert sorted(order[number * total : (number + 1) * total]) == everything(counts)


@given(COUNTS, st.integers(0, 99), st.integers(1, 9), st.data())
def test_any_run_of_the_training_sequence_is_the_same_run(counts, seed, window, data):
    whole = list(shuffled(counts, range(3 * sum(counts)), seed=seed, window=window))
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    assert list(shuffled(counts, range(start, stop), seed=seed, window=window)) == whole[start:stop]


def test_training_mixes_few_shards_at_a_time():
    counts = [10] * 12
    order = list(shuffled(counts, range(120), seed=0, window=3))
    for start in range(0, 120, 30):
        assert len({shard for shard, _ in order[start : start + 30]}) == 3
        assert len({shard for shard, _ in order[start : start + 10]}) > 1


def read_once(samples, ranks, workers, batch_size):
    """Evaluate with every rank in turn; return what was seen, as pixels, label and group."""
    found = []
    for rank in range(ranks):
        dataset = EvaluationSet(samples, batch_size=batch_size, rank=rank, world_size=ranks)
        batches = list(loader(dataset, workers=workers, collate_fn=list))
        assert len(batches) == -(-len(dataset) // batch_size)
        found += [
            Truth(image.tobytes(), label, samples.groups[group] if group >= 0 else None)
            for batch in batches
            for image, label, group in batch
        ]
    return found


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_exactly_once_without_workers(uneven, ranks):
    where, published = uneven
    samples = ShardSamples(where)
    assert len(set(samples.counts)) > 1
    assert Counter(read_once(samples, ranks, 0, 4)) == Counter(published.truth.values())


@pytest.mark.parametrize(("ranks", "workers"), [(1, 1), (1, 3), (2, 2), (4, 1), (3, 3)])
def test_exactly_once_in_loader_processes(uneven, ranks, workers):
    where, published = uneven
    assert Counter(read_once(ShardSamples(where), ranks, workers, 4)) == Counter(published.truth.values())


def test_more_ranks_and_workers_than_samples(uneven):
    class Two:
        counts, groups, name = (1, 0, 1), (), "two"

        def read(self, shard, number):
            return ShardSamples(uneven[0]).read(0, shard)

    assert len(read_once(Two(), 3, 2, 4)) == 2


class Numbers:
    """Samples that are their own names, for order alone: (shard, number) as label and group."""

    name, class_names, classes, groups, alternatives = "numbers", (), (), (), {}
    counts = (5, 2, 9, 4, 7, 1, 3)

    def __init__(self, image):
        self.image = image

    def read(self, shard, number):
        return Sample(self.image, shard, number)


@pytest.fixture(scope="module")
def numbers(imported):
    return Numbers(ShardSamples(imported[0]).read(0, 0).image)


def blank(image):
    return 0


def epoch_of(dataset, workers, epoch=0):
    dataset.set_epoch(epoch)
    return list(loader(dataset, workers=workers, collate_fn=list))


def test_training_order_follows_seed_epoch_and_rank_not_workers(numbers):
    def run(workers=0, epoch=0, **settings):
        return epoch_of(TrainingSet(numbers, blank, batch_size=4, window=3, **settings), workers, epoch)

    assert run() == run()
    assert run() == run(workers=2) == run(workers=3)
    assert len({str(run(epoch=epoch, seed=seed)) for epoch in range(3) for seed in range(2)}) == 6
    assert run(rank=1, world_size=2) == run(rank=1, world_size=2, workers=2)


def test_workers_that_live_on_see_the_new_epoch(numbers):
    dataset = TrainingSet(numbers, blank, batch_size=4)
    batches = loader(dataset, workers=2, collate_fn=list)
    for epoch in (0, 1, 2):
        dataset.set_epoch(epoch)
        fresh = TrainingSet(numbers, blank, batch_size=4)
        assert list(batches) == epoch_of(fresh, 0, epoch)


@settings(max_examples=20)
@given(ranks=st.integers(1, 6), length=st.integers(1, 70), epoch=st.integers(0, 3))
def test_every_rank_has_an_epoch_of_the_same_length(numbers, ranks, length, epoch):
    sets = [
        TrainingSet(numbers, blank, epoch_length=length, rank=rank, world_size=ranks, seed=5)
        for rank in range(ranks)
    ]
    each = -(-length // ranks)
    taken = []
    for one in sets:
        part = [(shard, number) for ((_, shard, number),) in epoch_of(one, 0, epoch)]
        assert len(part) == len(one) == each
        taken += part
    start = epoch * ranks * each
    wanted = range(start, start + ranks * each)
    assert taken == list(shuffled(Numbers.counts, wanted, seed=5, window=sets[0].window))


def test_one_epoch_of_all_ranks_is_every_sample_once(numbers):
    ranks = [TrainingSet(numbers, blank, rank=rank, world_size=31) for rank in range(31)]  # 31 samples
    seen = Counter((shard, number) for one in ranks for _, shard, number in one)
    assert seen == Counter(everything(Numbers.counts))


def test_timms_evaluation_transform_gives_batches(imported):
    config = resolve_model_data_config(timm.create_model("resnet18", pretrained=False))
    samples = ShardSamples(imported[0])
    dataset = EvaluationSet(samples, create_transform(**config), batch_size=8)
    images, labels, groups = next(iter(loader(dataset, workers=1)))
    assert images.shape == (8, 3, 224, 224)
    assert labels.dtype == groups.dtype == torch.int64
    assert set(labels.tolist()) <= set(samples.classes)


def test_samples_travel_to_other_processes_by_pickle(imported):
    samples = ShardSamples(imported[0])
    first = samples.read(0, 0)
    assert pickle.loads(pickle.dumps(samples)).read(0, 0) == first


def test_few_open_shards_are_enough(imported):
    samples, thrifty = ShardSamples(imported[0]), ShardSamples(imported[0], most_open=1)
    for position in shuffled(samples.counts, range(100), seed=0, window=8):
        assert samples.read(*position) == thrifty.read(*position)


@pytest.mark.parametrize("numbers_given", [{"batch_size": 0}, {"rank": 2, "world_size": 2}, {"rank": -1}])
def test_numbers_out_of_range(numbers, numbers_given):
    for kind in (EvaluationSet, TrainingSet):
        with pytest.raises(ValueError, match="make no sense"):
            kind(numbers, **numbers_given)
    with pytest.raises(ValueError, match="At least one"):
        TrainingSet(numbers, epoch_length=0)
