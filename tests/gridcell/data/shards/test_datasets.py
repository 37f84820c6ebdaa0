"""Reading: exactly once in evaluation, deterministic in training, in loader processes too."""

import io
import pickle
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, strategies as st
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

from gridcell.data.shards.datasets import EvaluationOrder, StoredBatches, TrainingOrder
from gridcell.data.shards.order import share_of, shuffled
from gridcell.data.shards.samples import FolderSamples, Sample, ShardSamples
from gridcell.data.shards.write import import_set
from gridcell.errors import CorruptData
from published_sets import SETS

# One more loader than this machine may have cores is meant.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

COUNTS = st.lists(st.integers(0, 12), min_size=1, max_size=8).filter(sum)
RANKS_AND_LOADERS = [(ranks, loaders) for ranks in (1, 2, 3, 4) for loaders in (0, 1, 2, 3)]


@given(st.integers(0, 99), st.integers(1, 9))
def test_the_shares_of_ranks_are_disjoint_whole_and_alike(total, ranks):
    shares = [share_of(total, rank, ranks) for rank in range(ranks)]
    assert [number for share in shares for number in share] == list(range(total))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(COUNTS, st.integers(0, 99), st.integers(1, 9), st.integers(0, 3))
def test_each_epoch_has_every_sample_once(counts, seed, window, epoch):
    order = shuffled(counts, seed=seed, epoch=epoch, window=window)
    assert sorted(order.tolist()) == list(range(sum(counts)))
    assert np.array_equal(order, shuffled(counts, seed=seed, epoch=epoch, window=window))


def test_training_mixes_few_shards_at_a_time():
    order = shuffled([10] * 12, seed=0, epoch=0, window=3)
    for start in range(0, 120, 30):
        assert len(set(order[start : start + 30] // 10)) == 3
        assert len(set(order[start : start + 10] // 10)) > 1


@dataclass
class Numbers:
    """Samples that are their own numbers, for order alone."""

    image: bytes
    counts: tuple[int, ...] = (5, 2, 9, 0, 4, 7, 1, 3)
    name, class_names, classes, groups, alternatives, content = "numbers", (), (), (), {}, ""

    def read(self, shard, number):
        return Sample(self.image, [0, *accumulate(self.counts)][shard] + number, -1)


@pytest.fixture(scope="module")
def numbers(imported):
    return Numbers(ShardSamples(imported[0]).read(0, 0).image)


def blank(image):
    return torch.zeros(1, 1, 3, dtype=torch.uint8)


def training(samples, *, loaders=0, wanted=None, seed=0, batch_size=4, **parts):
    order = TrainingOrder(samples.counts, wanted, batch_size=batch_size, seed=seed, **parts)
    return StoredBatches(samples, blank, order, loaders=loaders)


def trained(samples, *, epoch=0, **settings):
    """Return the numbers in each batch of an epoch."""
    batches = training(samples, **settings)
    batches.sampler.set_epoch(epoch)
    return listed(batches)


def evaluated(samples, numbers, *, loaders=0):
    """Return the numbers in each batch of those wanted."""
    return listed(StoredBatches(samples, blank, EvaluationOrder(numbers, 4), loaders=loaders))


def listed(batches):
    found = [labels.tolist() for _, labels, *_ in batches]
    assert len(found) == len(batches)
    return found


def flat(batches):
    return [number for batch in batches for number in batch]


@pytest.mark.parametrize("loaders", [0, 2])
def test_an_epoch_begins_at_any_batch_once(numbers, loaders):
    batches = training(numbers, loaders=loaders)
    whole = listed(batches)
    batches.start_at(2)
    assert [labels.tolist() for _, labels in batches] == whole[2:]
    assert listed(batches) == whole


@pytest.mark.parametrize("loaders", [0, 1])
def test_reading_draws_no_random_numbers_of_the_training_s(numbers, loaders):
    before = torch.get_rng_state()
    trained(numbers, loaders=loaders)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("ranks", "loaders"), RANKS_AND_LOADERS)
def test_evaluation_sees_every_sample_exactly_once_in_order(numbers, ranks, loaders):
    total = sum(numbers.counts)
    shares = [np.array(share_of(total, rank, ranks)) for rank in range(ranks)]
    parts = [evaluated(numbers, share, loaders=loaders) for share in shares]
    assert flat(flat(parts)) == list(range(total))


def test_more_ranks_and_loaders_than_samples(numbers):
    two = Numbers(numbers.image, (1, 0, 1))
    parts = [evaluated(two, np.array(share_of(2, rank, 3), dtype=int), loaders=2) for rank in range(3)]
    assert sorted(flat(flat(parts))) == [0, 1]


@pytest.mark.parametrize(("ranks", "loaders"), [(1, 0), (2, 3), (3, 1)])
def test_real_shards_of_different_sizes_are_read_once(uneven, ranks, loaders):
    where, published = uneven
    samples = ShardSamples(where)
    assert len(set(samples.counts)) > 1
    seen = Counter()
    for rank in range(ranks):
        share = np.array(share_of(sum(samples.counts), rank, ranks))
        batches = StoredBatches(samples, tiny, EvaluationOrder(share, 4), loaders=loaders)
        for images, labels in batches:
            seen.update(zip((image.numpy().tobytes() for image in images), labels.tolist(), strict=True))
    expected = Counter()
    for position in [(shard, n) for shard, count in enumerate(samples.counts) for n in range(count)]:
        sample = samples.read(*position)
        expected[tiny_of(sample.image), sample.label] += 1
    assert seen == expected
    assert seen.total() == len(published.truth)


def tiny(image):
    return torch.from_numpy(np.array(image.resize((4, 4))))


def tiny_of(content):
    return tiny(Image.open(io.BytesIO(content)).convert("RGB")).numpy().tobytes()


def test_training_order_follows_seed_and_epoch_not_loaders(numbers):
    assert trained(numbers) == trained(numbers) == trained(numbers, loaders=3)
    runs = [trained(numbers, seed=seed, epoch=epoch) for seed in range(2) for epoch in range(3)]
    assert len(set(map(str, runs))) == 6
    assert all(sorted(flat(run)) == list(range(31)) for run in runs)


def test_loaders_that_live_on_see_the_new_epoch(numbers):
    batches = training(numbers, loaders=2)
    for epoch in (0, 1, 2):
        batches.sampler.set_epoch(epoch)
        assert [labels.tolist() for _, labels in batches] == trained(numbers, epoch=epoch)


def test_the_epoch_may_be_set_after_the_iterator_is_made(numbers):
    """As Lightning does when it goes on from a checkpoint."""
    batches = training(numbers, loaders=1)
    iterator = iter(batches)
    batches.sampler.set_epoch(3)
    assert [labels.tolist() for _, labels in iterator] == trained(numbers, epoch=3)


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_ranks_train_on_all_samples_in_equally_many_batches(numbers, ranks):
    parts = [trained(numbers, batch_size=6, rank=rank, world_size=ranks) for rank in range(ranks)]
    assert len({len(part) for part in parts}) == 1
    assert set(flat(flat(parts))) == set(range(31))


def test_what_else_is_said_of_a_batch_stays_with_it(numbers):
    """As the weight of a part of a batch that several processes share."""

    class Weighted(EvaluationOrder):
        def __iter__(self):
            return ((chosen, float(chosen.sum())) for (chosen,) in super().__iter__())

    batches = StoredBatches(numbers, blank, Weighted(np.arange(31), 4), loaders=2)
    for _ in range(2):
        assert [weight for *_, weight in batches] == [
            sum(labels) for labels in evaluated(numbers, np.arange(31))
        ]


def test_a_part_of_the_set_is_read_alone(numbers):
    wanted = np.array([0, 3, 7, 8, 22, 30])
    assert evaluated(numbers, wanted) == [[0, 3, 7, 8], [22, 30]]
    assert sorted(flat(trained(numbers, wanted=wanted))) == wanted.tolist()


def test_one_corruption_is_in_shards_of_its_own(imported):
    samples = ShardSamples(imported[0])
    index = samples.index()
    starts = np.cumsum([0, *samples.counts])
    for start, stop in pairwise(starts):
        inside = {samples.groups[group].partition("/")[0] for group in index.groups[start:stop]}
        assert len(inside) == 1


@pytest.mark.parametrize("name", sorted(SETS))
def test_a_folder_reads_as_it_would_after_an_import(tmp_path, name):
    """The same order and the same bytes, but for ObjectNet's border the same pixels."""
    published = SETS[name](tmp_path)
    import_set(name, [published.root], str(tmp_path / "shards"))
    shards, folder = ShardSamples(str(tmp_path / "shards")), FolderSamples(name, published.root)
    assert shards.counts == folder.counts
    for shard, count in enumerate(shards.counts):
        assert [shards.read(shard, n) for n in range(count)] == [folder.read(shard, n) for n in range(count)]
    for one, other in zip(vars(shards.index()).values(), vars(folder.index()).values(), strict=True):
        assert np.array_equal(one, other)
    for field in ("class_names", "classes", "groups", "alternatives"):
        assert getattr(shards, field) == getattr(folder, field)


def test_timms_evaluation_transform_gives_the_models_input(imported):
    config = resolve_model_data_config(timm.create_model("resnet18", pretrained=False))
    samples = ShardSamples(imported[0])
    prepare = create_transform(**config)
    batches = StoredBatches(samples, prepare, EvaluationOrder(np.arange(20), 8), loaders=1)
    images, labels = next(iter(batches))
    assert images.shape == (8, 3, 224, 224)
    assert labels.dtype == torch.int64
    assert set(labels.tolist()) <= set(samples.classes)


@pytest.mark.parametrize("loaders", [0, 2])
def test_a_corrupt_image_is_named_once_and_plainly(tmp_path, loaders):
    published = SETS["v2"](tmp_path)
    victim = sorted(published.root.rglob("*.jpeg"))[5]
    victim.write_bytes(victim.read_bytes()[:100])
    samples = FolderSamples("v2", published.root)
    with pytest.raises(CorruptData) as caught:
        list(StoredBatches(samples, tiny, EvaluationOrder(np.arange(27), 4), loaders=loaders))
    assert str(caught.value).startswith(f"Image {victim} of set 'v2' can't be read: ")
    assert "\n" not in str(caught.value)


def test_samples_travel_to_other_processes_by_pickle(imported):
    samples = ShardSamples(imported[0])
    first = samples.read(0, 0)
    assert pickle.loads(pickle.dumps(samples)).read(0, 0) == first


def test_few_open_shards_are_enough(imported):
    samples, thrifty = ShardSamples(imported[0]), ShardSamples(imported[0], most_open=1)
    for number in range(samples.counts[0]):
        for shard in range(len(samples.counts)):
            if number < samples.counts[shard]:
                assert samples.read(shard, number) == thrifty.read(shard, number)
