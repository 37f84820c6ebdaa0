"""Models that know no better than chance are named; nothing is said of the others."""

from math import comb

import pytest

from imagenet_rib.report.chance import at_chance, fell_to_chance, not_learned, worse_on_own_set


def told(accuracy, images=20, classes=10):
    sets = [{"name": "v2", "images": images, "classes": classes}]
    return at_chance({"sets": sets, "pre": {"vit": {"v2": accuracy}}})


@pytest.mark.parametrize(("images", "classes"), [(10, 10), (20, 10), (200, 10), (50, 200), (30, 2)])
def test_the_bound_is_that_of_the_binomial_distribution(images, classes):
    chance = 1 / classes
    for right in range(images + 1):
        tail = sum(
            comb(images, k) * chance**k * (1 - chance) ** (images - k) for k in range(right, images + 1)
        )
        assert bool(told(100 * right / images, images, classes)) == (tail > 0.05), right


def test_what_is_not_known_is_left_out():
    assert told(None) == []
    assert told(10.0, images=0, classes=0) == []
    assert told(100.0, classes=1) == []


def test_models_and_their_sets_are_named_and_many_are_counted():
    sets = [{"name": name, "images": 20, "classes": 10} for name in ("v2", "r")]
    pre = {f"m{number}": {"v2": 10.0, "r": 10.0 if number else 90.0} for number in range(6)}
    (sentence,) = at_chance({"sets": sets, "pre": pre})
    assert sentence == (
        "Before fine-tuning m0 (v2), m1 (v2, r), m2 (v2, r), m3 (v2, r), 2 more are no better than chance: "
        "changes there tell little."
    )


def test_what_fine_tuning_brought_down_to_chance_is_counted_by_method():
    """Of ten classes and 100 images 15 right are chance (16 have a tail of 0.04); r was at chance before."""
    sets = [{"name": name, "images": 100, "classes": 10} for name in ("v2", "r", "val")]
    pre = {"vit": {"v2": 90.0, "r": 12.0, "val": 95.0}, "net": {"v2": 90.0, "r": 80.0, "val": 95.0}}
    after = {
        "ft": {"v2": {"v2": 99.0, "r": 10.0, "val": 10.0}, "r": {"v2": 15.0, "r": 99.0, "val": 16.0}},
        "ewc": {"v2": {"v2": 99.0, "r": 10.0, "val": 10.0}, "r": {"v2": 50.0, "r": 99.0, "val": None}},
        "lp": {"v2": {"v2": 99.0, "r": 10.0, "val": 90.0}, "r": {"v2": 50.0, "r": 99.0, "val": 90.0}},
    }
    good = {"ft": {"v2": {"v2": 99.0, "r": 70.0, "val": 90.0}}}
    summary = {"sets": sets, "pre": pre, "accuracy": {"vit": after, "net": good}}
    assert fell_to_chance(summary) == [
        "Fine-tuning left vit no better than chance on sets that it knew before: "
        "by ft in 2 of 4 cases, by ewc in 1 of 3 cases "
        "(a case is a set fine-tuned on and a set tested on)."
    ]


def test_a_set_that_was_not_learned_and_one_that_got_worse_are_named_the_worst_fall_first():
    """Of ten classes and 100 images 15 right are chance, 16 are not."""
    sets = [{"name": name, "images": 100, "classes": 10} for name in ("v2", "r")]
    pre = {"vit": {"v2": 93.0, "r": None}, "net": {"v2": 50.0, "r": 40.0}}
    vit = {
        "ft": {"v2": {"v2": 85.0, "r": 10.0}, "r": {"v2": 1.0, "r": 15.0}},
        "ewc": {"v2": {"v2": 16.0, "r": 10.0}, "r": {"v2": None, "r": None}},
        "lp": {"v2": {"v2": 93.0}, "r": {"r": 90.0}},
    }
    net = {"ft": {"v2": {"v2": 49.0}, "r": {"r": 30.0}}}
    summary = {"sets": sets, "pre": pre, "accuracy": {"vit": vit, "net": net}}
    assert not_learned(summary) == [
        "Not learned, no better than chance on the very set fine-tuned on: vit by ft on r (15.0 %)."
    ]
    assert worse_on_own_set(summary) == [
        "Worse than before on the very set fine-tuned on: vit by ewc on v2 (93.0 to 16.0 %); "
        "net by ft on 2 of 2 sets (most on r, 40.0 to 30.0 %); vit by ft on v2 (93.0 to 85.0 %)."
    ]
    assert worse_on_own_set({"pre": {"vit": pre["vit"]}, "accuracy": {"vit": {"lp": vit["lp"]}}}) == []
