"""The first sentence of the report: what a method gains on its own set against what it loses elsewhere."""

from types import SimpleNamespace

import pytest

from imagenet_rib.report import tradeoff, wording
from imagenet_rib.report.by_set import same_everywhere
from imagenet_rib.report.summary import summarise
from rib_evaluations import random_evaluations

SHORT = " on the set fine-tuned on"
OWN = f"{SHORT} (training images included)"
BY = "(by gain + change elsewhere)"


@pytest.mark.parametrize(
    ("gain", "elsewhere", "said", "short"),
    [
        (27.04, -0.7, f"gains 27.0 points{OWN} and loses 0.7 elsewhere", "gains 27.0 and loses 0.7"),
        (5.0, 3.0, f"gains 5.0 points{OWN} and 3.0 elsewhere", "gains 5.0 and 3.0"),
        (-5.0, -3.0, f"loses 5.0 points{OWN} and 3.0 elsewhere", "loses 5.0 and 3.0"),
        (-5.0, 3.0, f"loses 5.0 points{OWN} and gains 3.0 elsewhere", "loses 5.0 and gains 3.0"),
        (1.0, -1.04, f"gains 1.0 point{OWN} and loses 1.0 elsewhere", "gains 1.0 and loses 1.0"),
        (
            0.0,
            -5.0,
            f"changes nothing{OWN} and loses 5.0 elsewhere",
            f"changes nothing{SHORT} and loses 5.0 elsewhere",
        ),
        (
            0.04,
            5.0,
            f"changes nothing{OWN} and gains 5.0 elsewhere",
            f"changes nothing{SHORT} and gains 5.0 elsewhere",
        ),
        (
            5.0,
            0.0,
            f"gains 5.0 points{OWN} and changes nothing elsewhere",
            f"gains 5.0 points{SHORT} and changes nothing elsewhere",
        ),
        (0.05, -0.05, f"gains 0.1 points{OWN} and loses 0.1 elsewhere", "gains 0.1 and loses 0.1"),
        (0.04, -0.04, f"changes nothing{OWN} or elsewhere", f"changes nothing{SHORT} or elsewhere"),
    ],
)
def test_gain_and_loss_have_their_verbs(gain, elsewhere, said, short):
    row = {"gain": {"mean": gain}, "mRI": {"mean": elsewhere}}
    assert wording.told(row) == said
    assert wording.told(row, short=True) == short


def test_the_details_name_both_ways_of_comparing_with_plain_fine_tuning():
    made, sets = next(
        (made, sets)
        for made, sets in (
            random_evaluations(["net"], ["ft", "ewc", "lw"], [0, 1, 2], draw=d) for d in range(9)
        )
        if tradeoff.find(summarise(made, sets)).rows[0]["method"] != "ft"
    )
    summary = summarise(made, sets)
    best = tradeoff.find(summary).rows[0]["method"]
    sure = tradeoff.answer(summary).sure
    assert any(line.startswith(f"{best}: ") and "(95 % over seeds; 1 model, " in line for line in sure)
    assert any(line.startswith("Gain and mRI together: ") and " against ft" in line for line in sure)
    assert any(line.startswith(f"Elsewhere {best} differs from ft by ") for line in sure)


def test_a_point_of_the_curve_is_told_where_it_keeps_as_much_as_the_leader_and_gains_more(monkeypatch):
    rows = [
        {"method": "ewc", "gain": {"mean": 20.0}, "mRI": {"mean": -5.0}},
        {"method": "lp", "gain": {"mean": 5.0}, "mRI": {"mean": -1.0}},
    ]
    found = SimpleNamespace(rows=rows, models=["net"])

    def told(gains, kept, alphas=("0", "0.5", "1")):
        monkeypatch.setattr(tradeoff, "_way", lambda summary, models: (alphas, gains, kept))
        return tradeoff._on_the_way({}, found)

    (line,) = told([0.0, 6.0, 30.0], [0.0, -1.0, -9.0])
    assert line.startswith("WiSE-FT with α = 0.5 (a point of its curve, not its row) gains +6.0 ")
    assert line.endswith(" of −1.0: lp, which leads the rows by mRI, has +5.0 and −1.0.")
    assert told([0.0, 5.0, 30.0], [0.0, 0.0, -9.0]) == []  # it gains no more
    assert told([0.0, 6.0, 30.0], [0.0, -1.1, -9.0]) == []  # it keeps less
    assert "α = 1 " in told([0.0, 6.0, 7.0], [0.0, -1.0, -1.0])[0]
    assert told([0.0, 6.0], [0.0, -1.0], ("0", "0.5")) == []  # the figure draws no curve


def test_one_seed_is_told_as_one():
    assert [tradeoff._seeds({"seeds": seeds}) for seeds in ([None], [0], [0, 1])] == [
        "one seed",
        "one seed",
        "2 seeds",
    ]


def row_of(method, gain, elsewhere, *, ci95=None, p=None):
    """A method's row: its gain, its mRI, and the difference of the latter from plain fine-tuning."""
    told = {"mean": elsewhere, "ci95": ci95, "interval": "seeds" if ci95 else None}
    return {
        "method": method,
        "gain": {"mean": gain, "ci95": ci95},
        "mRI": told,
        "minus_ft": told,
        "p_holm": p,
        "total_minus_ft": {"mean": None},
    }


@pytest.mark.parametrize(
    ("p", "least", "sure"),
    [
        (0.049, 0.01, "p = 0.049 after Holm's correction"),
        (0.05, 0.01, "p = 0.05 after Holm's correction: not significant"),
        (0.05, 0.05, "too few pairs for any test of it"),
        (None, 0.049, "not tested"),
        (None, None, "not tested"),
    ],
)
def test_what_a_test_can_say_is_said(p, least, sure):
    """A p-value of exactly 5 % does not reject, and where none can be below it there are too few pairs."""
    rows = [row_of("ewc", 3.0, -1.0, p=p)]
    found = SimpleNamespace(rows=rows, models=["m"], board={"smallest_p_holm": least})
    said = tradeoff._sure({"seeds": [0], "sets": ["val", "v2", "a"]}, found)
    assert said == [
        "One run of each, no intervals (1 model, 2 sets, one seed).",
        f"Elsewhere ewc differs from ft by −1.0 points ({sure}).",
    ]


def test_intervals_are_told_with_what_they_are_over_and_who_leads_by_mri_alone():
    rows = [row_of("ft", 3.0, -1.0, ci95=[-2.0, 0.0]), row_of("lp", 1.0, -0.5)]
    found = SimpleNamespace(rows=rows, models=["m", "n"], board={"smallest_p_holm": None})
    said = tradeoff._sure({"seeds": [0, 1], "sets": ["val", "v2", "a"]}, found)
    assert len(said) == 2
    assert said[0].endswith("elsewhere (95 % over seeds; 2 models, 2 sets, 2 seeds).")
    assert said[1] == (
        "By mRI alone, by which the leaderboard ranks, lp is first (−0.5): on the set fine-tuned on it has "
        "+1.0, ft +3.0."
    )


def test_all_that_are_first_by_mri_alone_are_named():
    rows = [row_of("ft", 3.0, -1.0), row_of("lp-1", 1.0, -0.5), row_of("lp-2", 1.0, -0.5)]
    found = SimpleNamespace(rows=rows, models=["m"], board={"smallest_p_holm": None})
    said = tradeoff._sure({"seeds": [0], "sets": ["val", "v2"]}, found)
    assert any(
        "ranks, lp-1 and lp-2 are first (−0.5): on the set fine-tuned on lp-1 has +1.0" in s for s in said
    )
    rows = [row_of("ft", 3.0, -0.5), row_of("lp", 1.0, -0.5)]  # it isn't another that is first
    found = SimpleNamespace(rows=rows, models=["m"], board={"smallest_p_holm": None})
    assert not any("By mRI alone" in one for one in tradeoff._sure({"seeds": [0], "sets": ["v"]}, found))


def test_where_plain_fine_tuning_leads_the_next_is_said_to_differ_or_not():
    rows = [row_of("ft", 3.0, -0.1), row_of("lp", 1.0, -0.5)]
    rows[1]["total_minus_ft"] = {"mean": -2.4, "ci95": [-4.9, 0.1], "interval": "images"}
    found = SimpleNamespace(rows=rows, models=["m"], board={"smallest_p_holm": None})
    assert tradeoff._sure({"seeds": [0], "sets": ["val", "v2"]}, found)[1:] == [
        "Gain and mRI together of lp, the next by their sum: −2.4 [−4.9, +0.1] over images against ft, which "
        "noise explains."
    ]


def place(gain, elsewhere, total, method):
    """A row of which every interval is one point to either side of its mean."""
    ends = {
        key: {"mean": mean, "ci95": [mean - 1, mean + 1], "interval": "images"}
        for key, mean in (("gain", gain), ("mRI", elsewhere), ("total_minus_ft", total))
        if mean is not None
    }
    return {"method": method, **ends}


@pytest.mark.parametrize(
    ("next_", "said"),
    [
        (
            place(3.0, 0.0, -2.0, "mine"),
            "ft has the largest gain + change elsewhere, clearly above all others: it gains 5.0 points",
        ),
        (place(4.5, 0.0, -0.5, "mine"), f"ft and mine are not told apart {BY}: ft gains 5.0 points"),
    ],
)
def test_plain_fine_tuning_is_best_only_where_the_next_is_shown_to_differ(next_, said):
    text = wording.best_trade([place(5.0, 0.0, None, "ft"), next_])
    assert text.startswith(said)
    assert "mine, gains" in text or "; mine gains" in text
    assert "no change is shown" not in text


@pytest.mark.parametrize(("gain", "elsewhere"), [(0.9, 0.9), (1.0, -1.0), (0.5, -1.0)])
def test_the_best_of_bad_methods_is_not_told_apart_from_the_model_before(gain, elsewhere):
    """Intervals are of one point to either side: those that hold 0 show no change."""
    rows = [place(gain, elsewhere, None, "ft"), place(-9.0, -5.0, -14.0, "ewc")]
    assert wording.best_trade(rows).startswith(
        f"ft is ahead {BY}, but not told apart from no fine-tuning (its intervals hold 0): it gains "
    )
    for shown in (place(1.1, elsewhere, None, "ft"), place(gain, -1.1, None, "ft")):
        assert wording.best_trade([shown, rows[1]]).startswith(
            "ft has the largest gain + change elsewhere, clearly above all others: it gains "
        )


def test_a_method_of_the_largest_sum_is_not_called_better_where_noise_explains_it():
    """It may stand last in the leaderboard, which is by mRI alone: the sentence says by what it leads."""
    rows = [place(33.1, -4.2, 0.5, "mine"), place(30.0, -1.6, None, "ft")]
    assert wording.best_trade(rows) == (
        f"No method is clearly better than plain fine-tuning (ft) {BY}, which gains 30.0 points"
        f"{OWN} and loses 1.6 elsewhere; mine, which has the largest sum, gains 33.1 and loses 4.2"
    )


def test_a_method_that_is_clearly_better_is_named_beside_one_of_a_larger_sum_that_is_not():
    """Of a wide interval a larger mean may not be told apart, where a smaller one is."""
    rows = [place(8.2, -0.1, 0.5, "soup"), place(8.6, -0.8, 1.2, "ewc"), place(8.0, -1.3, None, "ft")]
    assert wording.best_trade(rows) == (
        f"ewc is clearly better than plain fine-tuning (ft) {BY}: it gains 8.6 points{OWN} and loses 0.8 "
        "elsewhere, ft gains 8.0 and loses 1.3; soup, which has the largest sum, is not told apart from ft"
    )


def test_all_methods_that_are_not_told_apart_from_plain_fine_tuning_are_named():
    rows = [place(5.0, 0.0, None, "ft"), place(3.0, 0.0, -2.0, "lp")]
    rows += [place(2.0, 0.5, total, f"m{number}") for number, total in enumerate((-0.9, -3, -0.5, -0.1, 0.2))]
    assert wording.best_trade(rows).startswith(f"ft, m0, m2, m3 and 1 more are not told apart {BY}: ft gains")
    without = wording.best_trade([row for row in rows if row["method"] != "ft"])
    assert without.startswith("lp has the largest gain + change elsewhere: it gains 3.0 points")


def test_all_that_share_the_largest_sum_are_named():
    """As variants of a sweep whose setting nothing heeds: the first of them leads no one."""
    one, two, three = (place(8.0, -1.0, 3.0, name) for name in ("m-1", "m-2", "m-3"))
    ft, low = place(5.0, -1.0, None, "ft"), place(1.0, -2.0, -5.0, "lp")
    same = "have the same, largest gain + change elsewhere"
    each = f"each gains 8.0 points{OWN} and loses 1.0 elsewhere"
    assert (
        wording.best_trade([one, two, low])
        == f"m-1 and m-2 {same}: {each}; the next, lp, gains 1.0 and loses 2.0"
    )
    assert wording.best_trade([one, two, three]) == f"m-1, m-2 and m-3 {same}: {each}"
    assert wording.best_trade([one, two, ft]) == (
        f"m-1 and m-2 {same}, clearly above plain fine-tuning (ft): {each}; ft gains 5.0 and loses 1.0"
    )
    other = place(7.0, 0.0, 3.0, "m-4")  # the same sum of other parts, up to rounding
    other["gain"]["mean"] += 1e-13
    assert wording.best_trade([other, one, low]).startswith(
        f"m-4 and m-1 {same}: m-4 gains 7.0 points{OWN} and "
    )
    unsure = {"total_minus_ft": {"mean": 3.0, "ci95": [-1.0, 7.0], "interval": "images"}}
    text = wording.best_trade([{**one, **unsure}, two, ft])
    assert text.startswith(f"m-1 and m-2 {same}, m-2 clearly above plain fine-tuning (ft): {each}; ft gains")
    text = wording.best_trade([{**one, **unsure}, {**two, **unsure}, ft])
    assert text.endswith("; m-1 and m-2, which have the same, largest sum, each gains 8.0 and loses 1.0")
    clear = [place(7.9, -1.0, 2.9, "c-1"), place(7.9, -1.0, 2.9, "c-2")]
    text = wording.best_trade([{**one, **unsure}, {**two, **unsure}, *clear, ft])
    assert text.startswith(f"c-1 and c-2 are clearly better than plain fine-tuning (ft) {BY}: each gains 7.9")
    assert text.endswith("; m-1 and m-2, which have the same, largest sum, are not told apart from ft")
    weak = [place(0.5, 0.5, None, name) for name in ("m-1", "m-2")]
    assert wording.best_trade([*weak, low]).startswith(
        f"m-1 and m-2 are equally far ahead {BY}, but not told apart from no fine-tuning (their intervals "
    )


def test_a_method_that_equals_plain_fine_tuning_is_not_said_to_have_a_larger_sum():
    rows = [place(5.0, -1.0, 0.0, "m-1"), place(5.0, -1.0, None, "ft"), place(5.0, -1.0, 0.0, "m-2")]
    assert wording.best_trade(rows).startswith(
        f"ft, m-1 and m-2 are not told apart {BY}: ft gains 5.0 points"
    )


def test_methods_of_equal_numbers_everywhere_are_said_to_be():
    def of(*values):
        names = ("gain", "ri")
        return {
            place: {name: {"mean": value} for name, value in zip(names, pair, strict=True)}
            for place, pair in values
        }

    ft, mine = of(("v2", (1.0, 2.0)), ("a", (3.0, 4.0))), of(("v2", (1.0, 2.0)), ("a", (3.0, 4.1)))
    by_set = {"m": {"ft": ft, "x-1": mine, "x-2": mine, "y": of(("v2", (1.0, 2.0)))}}
    assert same_everywhere({"by_set": by_set}) == [
        "x-1 and x-2 have the same gain and RI in all 2 combinations of model and set: what sets them apart, "
        "such as a swept setting, made no difference."
    ]
    assert same_everywhere({"by_set": {**by_set, "n": {"x-1": ft, "x-2": mine}}}) == []
    assert same_everywhere({"by_set": {**by_set, "n": {"x-1": ft}}}) == []
    assert (
        same_everywhere({"by_set": {"m": {"x-1": of(("v2", (None, None))), "x-2": of(("v2", (None, None)))}}})
        == []
    )
    assert same_everywhere({}) == []


def test_where_all_intervals_hold_zero_no_change_is_shown():
    rows = [place(0.6, 0.6, None, "ft"), place(0.0, 0.0, -0.9, "mine")]
    assert wording.best_trade(rows) == (
        f"ft and mine are not told apart {BY}: ft gains 0.6 points{OWN} and 0.6 elsewhere; mine changes "
        f"nothing{SHORT} "
        "or elsewhere (all intervals hold 0: no change is shown)"
    )


@pytest.mark.parametrize(
    ("ci95", "text"),
    [
        ([-1.2, -0.0155], "[−1.2, −0.0]"),
        ([0.0155, 1.2], "[+0.0, +1.2]"),
        ([-1e-12, 1.2], "[0.0, +1.2]"),
        ([0.0, 0.0], "(no change)"),
        ([-100.0, -100.0], "(all alike)"),
        (None, ""),
    ],
)
def test_an_interval_shows_its_side_of_zero_and_one_without_width_is_none(ci95, text):
    assert wording.ends({"ci95": ci95, "interval": "images"}) == text
