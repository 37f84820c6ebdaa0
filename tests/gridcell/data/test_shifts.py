"""The derived shifts: each has the marks of its kind and depends on seed and image alone."""

from dataclasses import replace

import numpy as np
import pytest

from gridcell.data.corruptions import corrupt, pair_names
from gridcell.data.images import LabelledImages, select
from gridcell.data.pixels import to_float
from gridcell.data.shifts import Sources, shift, shifts_in_order
from gridcell.data.shifts.a import fit_reference, reference_margins
from gridcell.data.shifts.objectnet import pose
from gridcell.data.shifts.renditions import STYLES
from gridcell.errors import UserError

RENDERED = ["r", "sketch", "objectnet", "cartoon", "drawing"]


@pytest.fixture
def sources(photos, small_photos):
    def labelled(images):
        labels = np.array([0, 0, 0, 1, 1, 1], dtype=np.int64)
        return LabelledImages("photos", images[:, :40], labels, (0, 1), ("flower", "house"))

    return Sources(pool=labelled(photos[:, ::4, ::4]), pretrain=labelled(photos[:, 1::4, ::4]))


@pytest.fixture(scope="module")
def few_digits(digits):
    first_four = np.concatenate([np.flatnonzero(digits.labels == label)[:4] for label in range(10)])
    pool = select(digits, first_four, name="pool")
    return Sources(pool=pool, pretrain=select(digits, range(200, 600), name="pretrain"))


def test_there_are_the_eight_in_order():
    assert list(shifts_in_order()) == ["v2", "a", "r", "sketch", "objectnet", "cartoon", "drawing", "c"]


def test_unknown_names_and_parameters_are_refused(sources):
    with pytest.raises(UserError, match="did you mean 'sketch'"):
        shift("sketsch")
    with pytest.raises(UserError, match=r"parameter of shift 'r' 'rendition'.*did you mean 'renditions'"):
        shift("r")(sources, seed=0, parameters={"rendition": 2})
    for name, parameters in [
        ("r", {"renditions": 0}),
        ("r", {"renditions": 7}),
        ("r", {"renditions": 1.5}),
        ("objectnet", {"views": 0}),
        ("a", {"hard_share": 0}),
        ("a", {"hard_share": 1.1}),
        ("c", {"per_corruption": 0}),
        ("c", {"per_corruption": 7}),
    ]:
        with pytest.raises(UserError, match=next(iter(parameters))):
            shift(name)(sources, seed=0, parameters=parameters)


@pytest.mark.parametrize("name", RENDERED)
def test_rendering_depends_on_seed_and_image_alone(name, sources):
    pool = sources.pool
    whole = shift(name)(sources, seed=1)
    again = shift(name)(sources, seed=1)
    other = shift(name)(sources, seed=2)
    np.testing.assert_array_equal(whole.images, again.images)
    assert (whole.images != other.images).any()
    copies = len(whole) // len(pool)
    turned = shift(name)(replace(sources, pool=select(pool, [4, 1])), seed=1)
    expected = np.concatenate([np.arange(4 * copies, 5 * copies), np.arange(copies, 2 * copies)])
    np.testing.assert_array_equal(turned.images, whole.images[expected])
    np.testing.assert_array_equal(whole.labels, np.repeat(pool.labels, copies))
    assert whole.name == name


@pytest.mark.parametrize("name", RENDERED)
@pytest.mark.parametrize("side", [16, 17, 32, 96])
def test_any_size_and_any_image_works(name, side):
    rng = np.random.default_rng(0)
    images = np.zeros((4, side, side + 3, 3), np.uint8)
    images[1] = 255
    images[2] = rng.integers(0, 256, images[2].shape)
    images[3, : side // 2] = 77
    pool = LabelledImages("odd", images, np.zeros(4, np.int64), (0,), ("x",))
    result = shift(name)(Sources(pool, pool), seed=0)
    assert result.images.shape[1:] == images.shape[1:]
    assert (result.images[-1] != images[3]).any()


def test_v2_is_unchanged(sources):
    np.testing.assert_array_equal(shift("v2")(sources, seed=0).images, sources.pool.images)


def test_sketch_is_mostly_light_with_dark_lines_at_the_edges(digits):
    pool = select(digits, range(30), name="pool")
    sketch = to_float(shift("sketch")(Sources(pool, pool), seed=0).images)
    assert np.ptp(sketch, axis=-1).max() == 0, "no colour"
    assert np.median(sketch) > 0.85
    original = to_float(pool.images)[..., 0]
    steep = np.hypot(*np.gradient(original, axis=(1, 2))) > 0.15
    assert sketch[..., 0][steep].mean() < 0.4
    assert sketch[..., 0][original == 0].mean() > 0.7


def test_drawing_is_darker_where_the_image_is(digits):
    pool = select(digits, range(30), name="pool")
    drawing = to_float(shift("drawing")(Sources(pool, pool), seed=0).images).mean(axis=-1)
    original = to_float(pool.images)[..., 0]
    assert drawing[original > 0.95].mean() - drawing[original < 0.05].mean() > 0.3


def test_cartoon_is_flatter_and_more_colourful(photos):
    pool = LabelledImages("p", photos[:3], np.zeros(3, np.int64), (0,), ("x",))
    cartoon = to_float(shift("cartoon")(Sources(pool, pool), seed=0).images)
    original = to_float(photos[:3])

    def still(images):
        return (np.abs(np.diff(images, axis=2)).max(axis=-1) < 1.5 / 255).mean()

    assert still(cartoon) > 1.5 * still(original)
    assert np.ptp(cartoon, axis=-1).mean() > np.ptp(original, axis=-1).mean()


def test_renditions_of_an_image_are_of_different_styles(few_digits):
    many = shift("r")(few_digits, seed=0, parameters={"renditions": len(STYLES)})
    first = many.images[: len(STYLES)].astype(float)
    apart = [np.abs(a - b).mean() for i, a in enumerate(first) for b in first[:i]]
    assert min(apart) > 5


@pytest.mark.parametrize("style", STYLES)
def test_every_style_keeps_the_shape(style, digits):
    """Strokes and ground differ in colour: a threshold on the best channel mix recovers most of the digit."""
    for number, image in enumerate(to_float(digits.images[:12])):
        drawn = STYLES[style](image, np.random.default_rng(number))
        ink = image[..., 0] > 0.5
        middle = np.abs(drawn[ink].mean(axis=0) - drawn[~ink].mean(axis=0)).max()
        assert middle > 0.05, number


def test_objectnet_shows_the_whole_object_before_a_new_ground(digits):
    image = to_float(digits.images[:1])[0]
    shown = np.stack([pose(image, np.random.default_rng(seed)) for seed in range(20)])
    corner = shown[:, 0, 0]
    assert np.std(corner, axis=0).min() > 0.03, "the ground changes"
    bright = (shown.min(axis=-1) > 0.6).mean(axis=(1, 2))
    share = (image[..., 0] > 0.6).mean()
    assert (bright > 0.3 * share).all()
    assert (bright < 1.0 * share).all(), "zoomed out"


def test_a_keeps_the_hardest_of_each_class(few_digits):
    plain = {"views": 1, "hard_share": 0.5}
    hard = shift("a")(few_digits, seed=0, parameters=plain)
    model = fit_reference(few_digits.pretrain)
    margins = reference_margins(model, few_digits.pool)
    for label in few_digits.pool.classes:
        members = np.flatnonzero(few_digits.pool.labels == label)
        count = max(1, round(len(members) / 2))
        hardest = members[np.argsort(margins[members])[:count]]
        expected = {few_digits.pool.images[k].tobytes() for k in hardest}
        assert {image.tobytes() for image in hard.images[hard.labels == label]} == expected


def test_margins_are_of_the_true_class(few_digits):
    model = fit_reference(few_digits.pretrain)
    margins = reference_margins(model, few_digits.pretrain)
    assert (margins > 0).mean() > 0.95
    wrong = replace(
        few_digits.pool, labels=(few_digits.pool.labels + 1) % 10, classes=few_digits.pool.classes
    )
    assert reference_margins(model, wrong).mean() < -0.5


def test_more_views_make_a_harder(few_digits):
    model = fit_reference(few_digits.pretrain)
    parameters = [{"views": views, "hard_share": 1.0} for views in (1, 2, 6)]
    found = [reference_margins(model, shift("a")(few_digits, seed=0, parameters=p)) for p in parameters]
    assert (found[0] >= found[1]).all()
    assert (found[1] >= found[2]).all()
    assert found[2].mean() < found[0].mean() - 0.2


def test_c_is_balanced_and_says_what_each_image_got(few_digits):
    made = shift("c")(few_digits, seed=3, parameters={"per_corruption": 4})
    assert made.groups == pair_names()
    assert np.bincount(made.group_of).tolist() == [4] * 75
    pool = few_digits.pool
    uses = np.zeros(len(pool), int)
    for number, (image, label) in enumerate(zip(made.images, made.labels, strict=True)):
        if number % 60:
            continue
        name, severity = made.groups[made.group_of[number]].split("/")
        spoilt = corrupt(pool.images, name, int(severity), 3)
        (found,) = np.flatnonzero((spoilt == image).all(axis=(1, 2, 3)))
        assert pool.labels[found] == label
        uses[found] += 1
    assert uses.max() <= 2
    for group in range(75):
        members = made.images[made.group_of == group]
        assert len({image.tobytes() for image in members}) == 4
        assert len(set(made.labels[made.group_of == group])) == 4


def test_c_covers_every_class_or_says_what_is_missing():
    images = np.random.default_rng(0).integers(0, 256, (80, 16, 16, 3), dtype=np.uint8)
    names = tuple(f"class {number}" for number in range(80))
    pool = LabelledImages("many", images, np.arange(80, dtype=np.int64), tuple(range(80)), names)
    with pytest.raises(UserError, match="it must be 2 or more"):
        shift("c")(Sources(pool, pool), seed=0, parameters={"per_corruption": 1})
    assert shift("c")(Sources(pool, pool), seed=0, parameters={"per_corruption": 2}).classes == pool.classes


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("a", {"hard_share": "abc"}, "hard_share of shift 'a' must be a number, not 'abc'"),
        ("a", {"views": None}, "views of shift 'a' must be a number, not None"),
        ("a", {"hard_share": float("nan")}, "must be a number, not nan"),
        ("a", {"views": True}, "must be a number, not True"),
        ("a", {"hard_share": 0}, "hard_share must be above 0"),
        ("objectnet", {"views": 1.5}, "whole number of at least 1"),
        ("r", {"renditions": 99}, "at most"),
        ("c", {"per_corruption": 0}, "per_corruption must be a whole number of at least 1"),
        ("c", {"per_corruption": float("inf")}, "must be a number, not inf"),
    ],
)
def test_values_are_checked_before_there_is_anything_to_make(name, parameters, message):
    with pytest.raises(UserError, match=message):
        shifts_in_order()[name].check(parameters)
    shifts_in_order()[name].check({})
