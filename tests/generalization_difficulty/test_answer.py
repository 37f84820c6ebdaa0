"""What the report claims of ranges that are apart, overlap, or are not known."""

from dataclasses import replace

import pytest

from generalization_difficulty.report import frames
from generalization_difficulty.report.answer import answer
from generalization_difficulty.report.numbers import dimension
from generalization_difficulty.report.page import terminal_table
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
            ["Easiest is a with 2.56 × 10³ bits.", "Hardest is c with 1.05 × 10⁶ bits."],
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


def with_range(name, log2_bits, low, high, **ingredients):
    """Return a measurement whose ingredients allow bits between two ends."""
    entries = measured(name, log2_bits)
    found = {"log2_bits_low": low, "log2_bits_high": high, "contributions": [], "resolution": "exact"}
    found |= {"centre": "origin", "mean_norm": 1.0, "spread": 1.0, "copies": 0, "delta_pair": [3, 8]}
    entries[0].metrics["ingredients"].update(found | ingredients)
    return entries


@pytest.mark.parametrize(
    ("entries", "holds"),
    [
        (with_range("a", 10, 9, 11) + with_range("b", 13, 12, 14), True),  # one seed is enough
        (with_range("a", 10, 9, 13) + with_range("b", 13, 12, 14), None),
        (with_range("a", 10, 9, None) + with_range("b", 13, 12, 14), None),  # a lower bound alone
        (with_range("a", 10, None, 11) + with_range("b", 13, 12, 14), True),
        (with_range("a", 15, 14.5, None) + with_range("b", 13, 12, 14), False),
    ],
)
def test_an_order_is_told_from_what_ingredients_allow(entries, holds):
    (order,) = summarise(entries, {"a < b": ["a", "b"]})["orders"]
    assert order["holds"] is holds


@pytest.mark.parametrize(("estimate", "said"), [(7.94, True), (None, False)])
def test_the_bias_of_an_estimated_dimension_is_said_to_be_in_no_range(estimate, said):
    """Of 800 points of ten dimensions 7.94 was estimated, and no range of the bits held the truth."""
    entries = with_range("a", 10, 9, 11)
    entries[0].metrics["ingredients"]["m_estimate"] = estimate
    told = sentences(summarise(entries, {}))
    assert any("No range holds the bias of an estimated dimension" in one for one in told) == said


@pytest.mark.parametrize(
    ("ingredients", "sentence"),
    [
        ({}, "a: its ingredients are exact or given, so the bits have no range."),
        ({}, "a: delta 1 is the least distance between classes of all points (points 3 and 8)."),
        (
            {"contributions": [{"source": "choice of k", "low": 7.5, "high": 8, "log2_bits": [9.0, 10.5]}]},
            "a: 5.1 × 10² to 2.0 × 10³ bits; each source alone: choice of k 5.1 × 10² to 1.4 × 10³ bits "
            "(m 7.5 to 8).",
        ),
        (
            {"resolution": "evt", "delta_low": 0.5, "delta_high": 1.25},
            "a: delta 1 [0.5, 1.25] is extrapolated from 100 random pairs (95 % interval; near copies among "
            "the other pairs, which no extrapolation sees, would make it smaller).",
        ),
        (
            {"resolution": "sample", "delta_points": 50},
            "a: delta 1 is that of 50 of 100 points; of all points it is smaller or equal, so the bits are a "
            "lower bound.",
        ),
        (
            {"mean_norm": 50.0, "spread": 2.0},
            "a: the points lie 25 times farther from the origin than they spread, and R, so the bits, grows "
            "with that: set estimation.centre to mean where the origin means nothing.",
        ),
        (  # (5 / 3)^8 = 59.5
            {"radius": 5.0, "mean_norm": 4.0, "spread": 2.0, "m": 8},
            "a: R is measured from the origin, as published, and the points' mean lies 4 from it, where "
            "they spread 2. From their mean R is smaller and the bits are fewer by more than a factor of 10, "
            "which the range leaves out: set estimation.centre to mean where the origin means nothing.",
        ),
        (
            {"m_tied": 0.74},
            "a: the nearest neighbours of 74% of the points are all equally far, as on a lattice of whole "
            "numbers: m is likely too large.",
        ),
        ({"copies": 1200}, "a: 1,200 points equal others; equal points are one neighbour."),
    ],
)
def test_what_is_uncertain_is_said(ingredients, sentence):
    assert sentence in sentences(summarise(with_range("a", 10, 9, 11, **ingredients), {}))


def test_of_several_seeds_details_are_those_of_the_median_and_say_so():
    """The table's delta and bits are of that seed, and the first seed's ranges need not hold them."""
    entries = []
    for seed, (bits, delta, ends) in enumerate(
        [(28.0, 0.02, [27.5, 28.0]), (28.6, 0.01, [28.2, 28.6]), (29.0, 0.03, [28.8, 29.0])]
    ):
        source = {"source": "error of m", "low": 1.8, "high": 1.9, "log2_bits": ends}
        known = {
            "contributions": [source],
            "m": 2,
            "m_estimate": 1.85,
            "delta": delta,
            "delta_pair": [1, seed],
        }
        (entry,) = with_range("a", bits, 27.0, 30.0, **known)
        entries.append(replace(entry, seed=seed))
    summary = summarise([entries[0], entries[2], entries[1]], {})
    assert summary["measured"]["a"]["of_seed"] == 1
    assert "of measured tasks the median over seeds" in terminal_table(summary).title
    assert "median" not in terminal_table(summarise(entries[:1], {})).title
    told = sentences(summary)
    assert (
        "a: delta 0.01 (seed 1, that of median bits) is the least distance between classes of all points."
        in told
    )
    assert any(
        "each source alone (seed 1, that of median bits): error of m 3.1 × 10⁸ to 4.1 × 10⁸ bits" in one
        for one in told
    )
    assert any(
        "includes the reported bits (seed 1, that of median bits), which are at m 2" in one for one in told
    )


@pytest.mark.parametrize(("low", "high", "said"), [(4.568, 4.773, True), (4.568, 5.1, False)])
def test_bits_of_a_source_that_reach_to_the_rounded_dimension_are_said_to(low, high, said):
    """At m 4.773 the bits are 2^28.75; the source's range ends at 29.6, which is at the rounded m, 5."""
    source = {"source": "error of m", "low": low, "high": high, "log2_bits": [28.0, 29.6]}
    known = {"contributions": [source], "m": 5, "m_estimate": 4.67}
    sentence = (
        "a: the range of each source of m includes the reported bits, which are at m 5: the estimate 4.67, "
        "rounded."
    )
    told = sentences(summarise(with_range("a", 29.6, 27.8, 29.6, **known), {}))
    assert (sentence in told) == said
    delta = {"contributions": [{"source": "delta", "low": 1.0, "high": 2.0, "log2_bits": [28.0, 29.6]}]}
    told = sentences(summarise(with_range("a", 29.6, 27.8, 29.6, **known | delta), {}))
    assert not any("rounded" in one for one in told)


@pytest.mark.parametrize(
    ("entries", "first"),
    [
        (
            measured("a", 10, 12) + measured("b", 13, 15) + given("c", 20),
            "c is the hardest: it takes 1.0 × 10⁶ bits, 410 times as many as a, the easiest (2.6 × 10³).",
        ),
        (
            measured("a", 10, 12) + measured("b", 13, 21) + given("c", 20),
            "b or c is the hardest: b takes 1.1 × 10⁶ bits, 411 times as many as a, the easiest (2.6 × 10³).",
        ),
        (
            measured("a", 10, 14) + measured("b", 13, 15) + given("c", 20),
            "c is the hardest: it takes 1.0 × 10⁶ bits, 120 times as many as a, "
            "one of the 2 easiest (8.7 × 10³).",
        ),
        (
            measured("a", 10) + measured("b", 11) + measured("c", 12) + given("d", 13),
            "Which of 4 tasks is the hardest can't be told: by its median d takes 8.2 × 10³ bits, "
            "8 times as many as a, one of the 4 easiest (1.0 × 10³).",
        ),
    ],
)
def test_the_first_sentence_claims_no_more_than_the_ranges_allow(entries, first):
    assert answer(summarise(entries, {}), {}).text == first


def test_what_rests_on_stale_measurements_is_marked_and_nothing_else_changes():
    exact = [replace(one, metrics={**one.metrics, "ingredients": {}}) for one in given("c", 20)]
    entries = [*measured("a", 10, 12), *measured("b", 13, 15), *exact]

    def told(stale):
        summary = summarise([replace(one, stale=one.name == stale) for one in entries], {"o": ["a", "c"]})
        found = answer(summary, {"c": 2.0**20})
        return [found.text, *found.sure, *sentences(summary), str(terminal_table(summary).as_text())]

    for stale in ("a", "c"):
        plain, marks = told(None), told(stale)
        assert "†" not in str(plain)
        assert [text.replace("†", "") for text in marks] == plain
        assert f"{stale}†" in marks[0]
        assert f"['{stale}†', " in marks[-1]
        assert not any(f"{other}†" in str(marks) for other in {"a", "b", "c"} - {stale})


def test_the_table_of_results_holds_the_reports_bits(monkeypatch):
    summary = summarise([*measured("a", 10, 12, 14), *given("c", 20)], {})
    monkeypatch.setattr(frames, "summary_of", lambda results: summary)
    a, c = frames.tasks(None)
    assert (a["task"], a["log2_bits"], a["bits"], a["seeds"], a["stale"]) == ("a", 12, 2.0**12, 3, False)
    assert [a["log2_bits.low"], a["log2_bits.high"]] == summary["ranges"]["a"]
    assert (c["task"], c["kind"], c["bits"], c["seeds"]) == ("c", "classification", 2.0**20, None)
