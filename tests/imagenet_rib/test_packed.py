"""Packed answers are the arrays they were made of, in an eighth of the memory."""

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from imagenet_rib.cells.packed_bits import PackedAnswers

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


def test_they_are_kept_in_an_eighth_of_the_memory():
    right = np.ones(80_000, dtype=bool)
    held = PackedAnswers({"c": right})
    assert sum(packed.nbytes for packed, _ in held._packed.values()) == right.nbytes // 8
