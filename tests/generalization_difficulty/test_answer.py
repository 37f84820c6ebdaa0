"""What the report claims of ranges that are apart, overlap, or are not known."""

import pytest

from generalization_difficulty.report.numbers import dimension
from generalization_difficulty.report.sentences import sentences
from generalization_difficulty.report.summary import SPREAD, Entry, summarise

FIXED = (
    "n",
    "features",
    "classes",
    "eps",
    "m_points",
    "held",
    "delta_points",
    "delta_pairs",
    "delta_extremes",
)


def given(name, log2_bits):
    return [Entry(name, "classification", None, {"log2_bits": log2_bits, "bits": 2.0**log2_bits}, 0.0)]


def measured(name, *log2_bits, m=(4.0,), error=0.25):
    ingredients = dict.fromkeys(FIXED, 100) | dict.fromkeys(SPREAD, 1.0) | {"m_error": error, "duplicates": 0}
    return [
        Entry(
            name,
            "measured",
            seed,
            {
                "log2_bits": bits,
                "bits": 2.0**bits,
                "ingredients": ingredients | {"m_estimate": m[seed % len(m)]},
            },
            0.0,
        )
        for seed, bits in enumerate(log2_bits)
    ]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            measured("a", 10, 12) + measured("b", 13, 15) + given("c", 20),
            ["Easiest is a with 1.02 × 10³ bits.", "Hardest is c with 1.05 × 10⁶ bits."],
        ),
        (
            measured("a", 10, 14) + measured("b", 13, 15) + given("c", 20),
            [
                "Which is easiest can't be told: the ranges over seeds of a, b are not apart.",
                "Hardest is c with 1.05 × 10⁶ bits.",
            ],
        ),
        (  # one seed shows no range
            measured("a", 10) + given("c", 20),
            [
                "Which of a, c is easiest can't be told: no range over seeds is known for a.",
                "Which of a, c is hardest can't be told: no range over seeds is known for a.",
            ],
        ),
        (  # nor do seeds that repeat one computation
            measured("a", 10, 10) + measured("b", 13, 13) + given("c", 20),
            [
                "Which of a, b, c is easiest can't be told: no range over seeds is known for a, b.",
                "Which of a, b, c is hardest can't be told: no range over seeds is known for a, b.",
            ],
        ),
    ],
)
def test_the_easiest_and_hardest_are_named_where_ranges_are_apart(entries, expected):
    assert sentences(summarise(entries, {}))[:2] == expected


@pytest.mark.parametrize(
    ("entries", "holds"),
    [
        (measured("a", 10, 12) + measured("b", 13, 15), True),
        (measured("a", 13, 15) + measured("b", 10, 12), False),
        (measured("a", 10, 13) + measured("b", 12, 15), None),
        (measured("a", 10) + given("b", 12), None),
        (measured("a", 10, 10) + given("b", 12), None),
        (measured("a", 10, 10 + 1e-12) + given("b", 12), None),  # points summed in another order
        (given("a", 12) + given("b", 12), False),
        (given("a", 12), None),
    ],
)
def test_an_order_is_told_where_ranges_are_apart(entries, holds):
    (order,) = summarise(entries, {"a < b": ["a", "b"]})["orders"]
    assert order["holds"] is holds


@pytest.mark.parametrize(
    ("seeds", "seen", "sentence"),
    [
        ((10, 10), {}, "a: every seed saw all points, so seeds say nothing about the spread."),
        ((10, 10), {"m_points": 0}, "a: every seed saw all points, so seeds say nothing about the spread."),
        ((10, 10), {"m_points": 50}, "a: all seeds give one value, which says nothing about the spread."),
        ((10, 10), {"delta_points": 50}, "a: all seeds give one value, which says nothing about the spread."),
        ((10,), {}, "a: one seed says nothing about the spread."),
    ],
)
def test_why_no_range_is_known_is_said(seeds, seen, sentence):
    entries = measured("a", *seeds)
    for entry in entries:
        entry.metrics["ingredients"].update(seen)
    assert sentence in sentences(summarise(entries, {}))
    assert not any("spread" in told for told in sentences(summarise(measured("a", 10, 12), {})))


def test_one_step_the_other_way_refutes_an_order_whatever_the_others():
    entries = measured("a", 10, 13) + measured("b", 12, 15) + given("c", 5)
    (order,) = summarise(entries, {"a < b < c": ["a", "b", "c"]})["orders"]
    assert order["holds"] is False


@pytest.mark.parametrize(
    ("m", "seeds", "text"),
    [
        ((4.0, 5.0), 2, "4.5 ± 0.71 over seeds"),
        ((4.0,), 2, "4 ± 0.25 (standard error)"),
        ((4.0,), 1, "4 ± 0.25 (standard error)"),
    ],
)
def test_a_dimension_without_spread_over_seeds_comes_with_its_standard_error(m, seeds, text):
    summary = summarise(measured("a", *[10.0] * seeds, m=m), {})
    assert dimension(summary["measured"]["a"]) == text
    assert f"a: intrinsic dimension {text}." in sentences(summary)
