"""Packed answers are the arrays they were made of, in an eighth of the memory."""

import io

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from imagenet_rib.cells import packed_bits
from imagenet_rib.cells.packed_bits import PackedAnswers
from imagenet_rib.report.counting import StoredAnswers, count

SOME = st.dictionaries(st.sampled_from(["v2", "r", "c/fog", "val"]), arrays(bool, st.integers(0, 30)))


def same(packed, plain):
    return packed.keys() == plain.keys() and all(
        packed[name].dtype == bool and np.array_equal(packed[name], right) for name, right in plain.items()
    )


@given(SOME, SOME)
def test_they_are_what_they_were_made_of(some, others):
    assert same(PackedAnswers(some), some)
    both = {**some, **others}
    assert same(PackedAnswers(some, others), both)
    assert same(PackedAnswers(PackedAnswers(some), PackedAnswers(others)), both)


@given(SOME)
def test_they_come_back_from_a_file(tmp_path_factory, some):
    path = tmp_path_factory.mktemp("answers") / "correct.npz"
    PackedAnswers(some).write(path)
    assert same(PackedAnswers.read(path), some)


RUNS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 20)), min_size=1, max_size=6, unique_by=lambda one: one[0]
)


@given(RUNS, st.booleans(), st.integers(0, 2**32 - 1))
def test_right_answers_are_counted_by_group_without_unpacking(runs, together, seed):
    """Groups of any length, in order or mixed, some numbers without images."""
    draws = np.random.default_rng(seed)
    groups = np.concatenate([np.full(length, group) for group, length in sorted(runs)])
    if not together:
        draws.shuffle(groups)
    right = draws.random(len(groups)) < 0.5
    packed = PackedAnswers({"c": right})
    counts = count(packed, {"c": groups})["c"]
    numbers = range(groups.max() + 1)
    assert counts.sizes.tolist() == [int((groups == group).sum()) for group in numbers]
    assert counts.right.tolist() == [int(right[groups == group].sum()) for group in numbers]
    whole = count({"c": right}, {})["c"]
    assert (whole.right.tolist(), whole.sizes.tolist()) == ([right.sum()], [len(right)])
    assert packed.size("c") == len(right)


@given(SOME)
def test_some_sets_alone(some):
    assert same(PackedAnswers(some).only(["r", "val"]), {k: v for k, v in some.items() if k in ("r", "val")})


def test_stored_answers_are_read_when_they_are_asked_for():
    reads = []

    def read():
        reads.append(1)
        return PackedAnswers({"r": np.array([True, False])})

    stored = StoredAnswers({"r": read})
    assert list(stored) == ["r"]
    assert "r" in stored
    assert "v2" not in stored
    assert not reads
    assert stored["r"].tolist() == [True, False]
    assert reads == [1]


def test_they_are_kept_in_an_eighth_of_the_memory():
    right = np.ones(80_000, dtype=bool)
    held = PackedAnswers({"c": right})
    assert sum(packed.nbytes for packed, _ in held._packed.values()) == right.nbytes // 8


def test_answers_are_read_as_numpy_reads_them_and_objects_are_not():
    def written(array):
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        return file.getvalue()

    for array in (np.arange(7, dtype=np.uint8), np.asfortranarray(np.eye(3)), np.array(5), np.zeros((0, 2))):
        found = packed_bits._array(written(array))
        assert found.dtype == array.dtype
        assert np.array_equal(found, array)
    with pytest.raises(ValueError, match="allow_pickle"):
        packed_bits._array(written(np.array([{}], dtype=object)))
