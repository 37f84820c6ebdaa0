"""How images are dealt out: built-in sets as ever, shifts from outside from what these leave."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gridcell.data.dealing import Dealing, sizes_of
from gridcell.data.digits import DIGITS
from gridcell.data.shifts import BUILT_IN, Shift, shifts_in_order
from gridcell.errors import UserError


def outside(name="mine", share=0.02, **fields):
    return Shift(
        name, "from outside", "fresh", lambda sources, seed, parameters: sources.pool, share=share, **fields
    )


def dealt(sizes, recipes=(), **fields):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    names = [f"class {number}" for number in range(len(sizes))]
    return Dealing.among(recipes, **fields).deal(labels, names), labels


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(300, 500), min_size=5, max_size=8),
    st.integers(0, 10**6),
    st.lists(st.sampled_from(["v2", "one", "two", "c"]), max_size=4, unique=True),
)
def test_shifts_from_outside_change_no_other_part_and_share_no_image(sizes, seed, names):
    known = {
        **shifts_in_order(),
        "one": outside("one", 0.02, subset=True),
        "two": outside("two", 0.03, subset=True),
    }
    # Half the classes are in few sets, so that these leave something.
    fields = {"seed": seed, "subset_share": 0.3}
    alone, _ = dealt(sizes, **fields)
    parts, _ = dealt(sizes, [known[name] for name in names], **fields)
    assert set(parts) == {*alone, *(name for name in names if name in ("one", "two"))}
    for name, images in alone.items():
        np.testing.assert_array_equal(parts[name], images)
    every = np.concatenate(list(parts.values()))
    assert len(every) == len(np.unique(every))


def test_one_more_shift_from_outside_at_the_end_changes_none_before():
    sizes = [200, 210, 190, 205]
    first, second = outside("first", 0.05, subset=True), outside("second", 0.05, subset=True)
    one, _ = dealt(sizes, [first])
    two, _ = dealt(sizes, [first, second])
    np.testing.assert_array_equal(one["first"], two["first"])
    assert not set(two["first"]) & set(two["second"])
    both = Dealing.among([first, second])
    assert both.to_record("first") == Dealing.among([first]).to_record("first")
    assert both.to_record("v2") == Dealing.among([]).to_record("v2")
    assert both.to_record("second")["added"] == [["first", 0.05, True, 1], ["second", 0.05, True, 1]]


@pytest.mark.parametrize("part", ["pretrain", "v2", "second"])
def test_a_record_says_all_that_decides(part):
    import json

    sizes = [200, 210, 190, 205]
    whole = Dealing.among(
        [outside("first", 0.05, subset=True), outside("second", 0.05, subset=True)], seed=3, val_share=0.2
    )
    again = Dealing.from_record(json.loads(json.dumps(whole.to_record(part))))
    labels, names = np.repeat(np.arange(4), sizes), "abcd"
    np.testing.assert_array_equal(again.deal(labels, names)[part], whole.deal(labels, names)[part])


def test_too_few_images_that_are_left_are_refused_with_the_number():
    names = [str(digit) for digit in range(10)]
    digits = dict(enumerate(DIGITS))
    with pytest.raises(UserError) as caught:
        Dealing.among([outside(share=0.1)]).counts(digits, names)
    said = str(caught.value)
    # 182 images of class 1: 64 are for pre-training, 27 for validation, and of the other 91 the sets leave 1.
    assert "a share of 0.1 of the fresh images of a class: of the 91 of class '1' these are 9" in said
    assert "the other sets leave 1." in said
    with pytest.raises(UserError, match="these are 0, but it needs at least 1"):
        Dealing.among([outside(share=0.001)]).counts(digits, names)
    with pytest.raises(UserError, match="only 1 of 10 classes have enough"):
        Dealing.among([outside(share=0.46, subset=True)]).counts(digits, names)


def test_a_shift_that_covers_a_part_takes_the_classes_that_have_most_left():
    names = [str(digit) for digit in range(10)]
    parts = Dealing.among([outside(share=0.1, subset=True)]).counts(dict(enumerate(DIGITS)), names)
    assert parts["mine"] == {0: 8, 5: 9, 7: 8, 8: 8}  # those that are not in set a


def test_the_built_in_shifts_are_those_of_the_package_and_of_the_paper():
    assert tuple(shifts_in_order()) == BUILT_IN


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "val"}, "A shift can't be called 'val'"),
        ({"share": 0}, "above 0 and at most 1, not 0"),
        ({"share": 1.5}, "above 0 and at most 1, not 1.5"),
        ({"source": "vla"}, 'must be "fresh" or "val", not \'vla\''),
    ],
)
def test_a_shift_that_can_not_be_is_refused(fields, sentence):
    given = {"name": "mine", "about": "x", "source": "fresh", "make": None, "share": 0.1} | fields
    with pytest.raises(UserError, match=sentence):
        Shift(**given)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(60, 90), min_size=3, max_size=5), st.integers(0, 10**6), st.data())
def test_images_of_equal_content_are_in_one_part_and_others_are_dealt_as_without_them(sizes, seed, data):
    """Copies lie anywhere and in any class: they change no part's other images."""
    names = [f"class {number}" for number in range(len(sizes))]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    dealing = Dealing.among([], seed=seed)
    alone = dealing.deal(labels, names)
    contents = [f"photo {position}" for position in range(len(labels))]
    for part, images in dealing.deal(labels, names, contents).items():
        np.testing.assert_array_equal(images, alone[part])
    copied = data.draw(st.lists(st.integers(0, len(labels) - 1), min_size=1, max_size=60))
    elsewhere = data.draw(
        st.lists(st.integers(0, len(sizes) - 1), min_size=len(copied), max_size=len(copied))
    )
    more = [*contents, *(contents[one] for one in copied)]
    parts = dealing.deal(np.concatenate([labels, np.array(elsewhere)]), names, more)
    assert list(parts) == list(alone)
    part_of: dict[str, str] = {}
    for part, images in parts.items():
        assert images.tolist() == sorted(set(images.tolist()))
        np.testing.assert_array_equal(images[images < len(labels)], alone[part])
        for image in images:
            assert part_of.setdefault(more[image], part) == part
        beyond = images[images >= len(labels)] - len(labels)
        assert {elsewhere[one] for one in beyond} <= set(labels[alone[part]].tolist())
    for one, label in zip(copied, elsewhere, strict=True):
        if label == labels[one] and contents[one] in part_of:
            image = len(labels) + copied.index(one)
            assert label != elsewhere[copied.index(one)] or image in parts[part_of[contents[one]]]


def test_copies_do_not_make_a_class_large_enough():
    labels, names = np.repeat([0, 1], [60, 60]), ("a", "b")
    contents = [f"photo {position % 70}" for position in range(120)]  # 50 of class b are copies of class a's
    with pytest.raises(UserError, match=r"Class 'b' has 10 images, but needs at least \d+ to be split; 50 "):
        Dealing.among([]).deal(labels, names, contents)
    with pytest.raises(UserError, match=r"Class 'b' has 0 images.*60 copies of other images do not count"):
        Dealing.among([]).deal(labels, names, [f"photo {position % 60}" for position in range(120)])
    assert sizes_of(labels, contents) == {0: 60, 1: 10}
