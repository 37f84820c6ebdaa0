"""Comparisons of curiosities against SciPy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_rel

from farcuriosity.report import frames
from farcuriosity.report.answer import answer
from farcuriosity.report.figures import draw
from farcuriosity.report.page import agent_table, forgetting_table, headline
from farcuriosity.report.sentences import decimals_of, improvements, sentences, spread
from farcuriosity.report.summary import Agent, Study, curve_over_seeds, mean_over_steps, summarise
from gridcell.report import Table

ROOMS = {"none": [3, 4, 3, 5, 4], "rnd": [7, 6, 9, 8, 7], "far": [8, 6, 9, 7, 8]}


def agents(rooms=ROOMS):
    return [
        Agent("maze", "gridcell/Rooms-v0", name, seed, {"steps": 10, "rooms": value, "score": None}, {})
        for name, values in rooms.items()
        for seed, value in enumerate(values)
    ]


def studies(values):
    return [
        Study("six", name, seed, {"forgetting": value, "error_forgetting": 0.5}, Path("visits.npz"))
        for name, by_seed in values.items()
        for seed, value in by_seed.items()
    ]


def test_differences_are_paired_by_seed():
    found = summarise(agents())["differences"]
    assert [(row["curiosity"], row["against"]) for row in found] == [
        ("rnd", "none"),
        ("far", "none"),
        ("far", "rnd"),
    ]
    for row in found:
        assert (row["environment"], row["metric"], row["seeds"]) == ("maze", "rooms", 5)
        test = ttest_rel(ROOMS[row["curiosity"]], ROOMS[row["against"]])
        assert row["ci95"] == pytest.approx(list(test.confidence_interval()))
        assert row["mean"] == pytest.approx(np.mean(ROOMS[row["curiosity"]]) - np.mean(ROOMS[row["against"]]))


def learners():
    """Both end at 1; one is half-way there after 20 of 100 steps, the other after 60, give or take."""
    return [
        Agent(
            "door", "id", name, seed, {"steps": 100, "score": 1.0}, {"return": [(at + seed, 0), (at + 9, 1)]}
        )
        for name, at in (("none", 60), ("rnd", 20))
        for seed in range(5)
    ]


def test_who_learns_sooner_is_told_though_all_end_alike():
    found = summarise(learners())
    (row,) = (row for row in found["differences"] if row["metric"] == "score_over_training")
    assert row["mean"] == pytest.approx(0.4)  # the same straight rise, 40 of 100 steps earlier
    assert row["ci95"] == pytest.approx([0.4, 0.4])
    late = replace(learners()[0], curves={"return": [(50, 0), (60, 1)]})
    found = summarise([late, *learners()[1:]])
    text = "Some learn sooner (mean score over training, seed by seed): rnd sooner than 'none' by 0.3"
    assert any(text in sentence for sentence in sentences(found))


def test_the_mean_over_training_is_the_area_below_the_curve():
    rng = np.random.default_rng(0)
    at = np.sort(rng.choice(np.arange(1, 1000), 30, replace=False))
    values = rng.normal(size=30)
    fine = np.arange(0, 1200 * 64 + 1) / 64
    curve = list(zip(at.tolist(), values.tolist(), strict=True))
    expected = np.interp((fine[1:] + fine[:-1]) / 2, at, values).mean()
    assert mean_over_steps(curve, 1200) == pytest.approx(expected, abs=1e-9)
    assert mean_over_steps([], 1200) is None


def test_a_column_has_as_many_decimals_in_all_rows_of_an_environment():
    """Scores below 1 were written as 1.0 where seeds differ much, beside 0.960 where they do not."""
    scores = {"none": [0.943, 0.961], "rnd": [0.9575, 0.9614]}
    found = summarise(
        [
            Agent("door", "id", name, seed, {"steps": 10, "score": value}, {})
            for name, values in scores.items()
            for seed, value in enumerate(values)
        ]
    )
    table = agent_table(found)
    shown = [next(cell.text for cell in row if "to" in str(getattr(cell, "text", ""))) for row in table.rows]
    assert shown == ["0.952 (0.943 to 0.961)", "0.959 (0.958 to 0.961)"]


def test_only_common_seeds_are_compared_and_one_gives_no_interval():
    found = summarise(
        [], studies({"rnd": {0: 0.3, 1: 0.5, 2: 0.9}, "far": {1: 0.2, 2: 0.7}, "icm": {0: 1.0}})
    )
    rnd, far, icm = found["forgetting"]
    expected = ttest_1samp([0.3, 0.5, 0.9], 0).confidence_interval()
    assert rnd["forgetting"]["ci95"] == pytest.approx([expected.low, expected.high])
    assert (rnd["seeds"], far["seeds"], icm["forgetting"]["ci95"]) == (3, 2, None)
    (row,) = (row for row in found["differences"] if row["metric"] == "forgetting")
    assert (row["curiosity"], row["against"], row["seeds"]) == ("far", "rnd", 2)
    assert row["mean"] == pytest.approx(-0.25)


def test_the_answer_claims_no_more_than_the_differences_allow():
    (sentence,) = sentences(summarise(agents()))
    assert sentence.startswith("maze: far has the most rooms: far 7.6 (6.0 to 9.0), rnd 7.4")
    assert sentence.endswith("far less rnd 0.2 [−0.8, 1.2]: no clear difference.")
    (sentence,) = sentences(summarise(agents({"none": ROOMS["none"], "rnd": ROOMS["rnd"]})))
    assert sentence.endswith("rnd less 'none' 3.6 [1.7, 5.5].")
    (sentence,) = sentences(summarise(agents({"none": [3], "rnd": [4]})))
    assert sentence.endswith("One seed: this may be chance.")


def test_means_that_differ_are_written_so_that_they_do():
    """Of FrozenLake's scores, 0 to 1, one decimal made "none 0.0, rnd 0.0" of a lead."""

    def told(none):
        return sentences(
            summarise(
                [
                    Agent("lake", "id", name, 0, {"steps": 10, "rooms": rooms}, {})
                    for name, rooms in (("none", none), ("rnd", 0))
                ]
            )
        )

    (sentence,) = told(0.03)
    assert sentence.startswith("lake: 'none' has the most rooms: 'none' 0.03, rnd 0.00.")
    assert told(0) == []


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([0.62, 0.64], "0.63 (0.62 to 0.64)"),
        ([0.6, 0.6], "0.6"),
        ([0.2, 0.6], "0.4 (0.2 to 0.6)"),
        ([0.001, 0.003], "0.002 (0.001 to 0.003)"),
    ],
)
def test_seeds_that_differ_are_written_so_that_they_do(values, written):
    row = {"values": {"score": {"mean": float(np.mean(values)), "values": values}}}
    assert spread(row, "score") == written


def test_a_short_curve_has_only_points_that_were_measured():
    seeds = [
        Agent("maze", "id", "rnd", seed, {}, {"rooms": [(512, seed), (1024, seed + 2)]}) for seed in (0, 1)
    ]
    x, mean, half = curve_over_seeds(seeds, "rooms")
    assert x.tolist() == [512, 1024]
    assert mean.tolist() == [0.5, 2.5]
    assert half == pytest.approx([12.706 * 0.5] * 2, rel=1e-4)


def test_a_page_of_few_seeds_shows_no_bootstrap_interval():
    few = agents({name: values[:4] for name, values in ROOMS.items()})
    assert all(row["values"]["rooms"]["ci95"] is None for row in summarise(few)["table"])
    assert all(row["values"]["rooms"]["ci95"] is not None for row in summarise(agents())["table"])
    pong = [Agent("pong", "ALE/Pong-v5", "rnd", seed, {"steps": 10, "score": seed}, {}) for seed in range(5)]
    for group, told in ((pong[:2], "Fewer than 5 seeds give no interval"), (pong, "they cover 89 %")):
        (picture,) = draw(group, summarise(group))
        assert told in picture.caption


def test_no_winner_is_named_among_equals():
    tied = {"none": [3, 3, 4], "rnd": [7, 9, 8], "far": [9, 7, 8]}
    (sentence,) = sentences(summarise(agents(tied)))
    assert sentence == (
        "maze: rnd and far share the most rooms: rnd 8.0 (7.0 to 9.0), far 8.0 (7.0 to 9.0), "
        "'none' 3.3 (3.0 to 4.0)."
    )
    assert sentences(summarise(agents({"none": [3, 4], "rnd": [4, 3]}))) == []


def test_few_seeds_that_agree_are_told_as_what_they_are():
    (sentence,) = sentences(summarise(agents({"none": [3, 4], "rnd": [4, 5]})))
    assert sentence.endswith("rnd less 'none' 1.0 in each seed: 2 seeds may agree by chance.")
    (sentence,) = sentences(summarise(agents({"none": [3] * 5, "rnd": [4] * 5})))
    assert sentence.endswith("5 seeds may agree by chance.")  # one fair coin in 16 falls alike five times
    (sentence,) = sentences(summarise(agents({"none": [3] * 6, "rnd": [4] * 6})))
    assert sentence.endswith("rnd less 'none' 1.0 in each seed.")


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        ([0, 1], "They have no seed in common: the difference may be one of seeds."),
        ([0, 6], "They have one seed in common: this may be chance."),
    ],
)
def test_curiosities_of_different_seeds_are_not_told_one_seed(seeds, told):
    lone = [Agent("maze", "id", "none", seed, {"steps": 10, "rooms": 1}, {}) for seed in (5, 6)]
    other = [Agent("maze", "id", "rnd", seed, {"steps": 10, "rooms": 2}, {}) for seed in seeds]
    (sentence,) = sentences(summarise(lone + other))
    assert sentence.endswith(told)


def test_a_lead_that_common_seeds_turn_round_is_told_as_that():
    none = [Agent("maze", "id", "none", seed, {"steps": 10, "rooms": 2 + seed % 2}, {}) for seed in range(4)]
    rnd = [Agent("maze", "id", "rnd", seed, {"steps": 10, "rooms": 1 + seed % 2}, {}) for seed in range(4)]
    rnd.append(Agent("maze", "id", "rnd", 4, {"steps": 10, "rooms": 90}, {}))
    (sentence,) = sentences(summarise(none + rnd))
    assert sentence.startswith("maze: rnd has the most rooms")
    assert sentence.endswith("rnd less 'none' −1.0 in each seed: the other way round.")


def test_seeds_that_agree_on_no_difference_show_none():
    some = [Agent("maze", "id", "none", seed, {"steps": 10, "rooms": 1}, {}) for seed in (0, 1)]
    other = [Agent("maze", "id", "rnd", s, {"steps": 10, "rooms": 1 + (s > 1)}, {}) for s in (0, 1, 2)]
    (sentence,) = sentences(summarise(some + other))
    assert sentence.endswith("rnd less 'none' 0.0 in each seed: no clear difference.")


def test_aggregates_say_who_lacks_a_game_and_how_often_one_beats_another():
    def agent(game, name, seed, score):
        return Agent(game, f"ALE/{game}-v5", name, seed, {"steps": 10, "score": score}, {})

    games = ("Pong", "Breakout")
    complete = [
        agent(game, name, seed, seed + (name == "far"))
        for game in games
        for name in ("rnd", "far")
        for seed in (0, 1)
    ]
    found = summarise([*complete, agent("Pong", "icm", 0, 3.0)])
    assert found["aggregates"]["missing"] == {"icm": ["Breakout, seed 0"]}
    (pair,) = found["aggregates"]["improvement"]
    assert (pair["curiosity"], pair["against"], pair["probability"]) == ("far", "rnd", 0.875)
    said = sentences(found)
    assert "Aggregates over games leave out icm, which has no score in Breakout, seed 0." in said
    chance = "probability 0.88, over 2 games, 2 seeds each: too few seeds for an interval."
    assert f"A run of far beats one of rnd with {chance}" in said


def test_the_probability_of_improvement_says_its_interval_and_its_seeds():
    made = [
        Agent("Pong", "ALE/Pong-v5", name, seed, {"steps": 10, "score": float(score)}, {})
        for name, scores in (("rnd", [1, 2, 3, 4, 5]), ("far", [2, 3, 4, 5, 6, 7]))
        for seed, score in enumerate(scores)
    ]
    (pair,) = summarise(made)["aggregates"]["improvement"]
    low, high = pair["ci95"]
    assert 0.3 < low < pair["probability"] < high <= 1
    said = improvements(summarise(made))
    assert said == [
        f"A run of far beats one of rnd with probability 0.73 [{low:.2f}, {high:.2f}], over 1 game, "
        "6 and 5 seeds."
    ]


def test_errors_on_coming_back_are_told_of_studies_that_have_them():
    values = {name: {0: 1.0, 1: 2.0} for name in ("rnd", "far")}
    known = [
        Study(
            study.world,
            study.curiosity,
            study.seed,
            {**study.metrics, "return_error": study.seed + 1.0},
            study.visits,
        )
        for study in studies(values)
    ]
    (first, _) = summarise([], known)["forgetting"]
    assert first["return_error"]["mean"] == 1.5
    assert "return_error" not in summarise([], studies(values))["forgetting"][0]
    assert any(row["metric"] == "return_error" for row in summarise([], known)["differences"])


@pytest.mark.parametrize(
    ("far", "said"),
    [
        ([0.10, 0.11, 0.09, 0.10], "far forgets least"),
        ([0.10, 0.40, 0.09, 0.30], "no curiosity is shown to forget least"),
        ([0.10], "far errs least, from too few seeds to tell it from chance"),
        ([0.25], "rnd and far err alike"),
        ([0.25, 0.26, 0.24, 0.25], "rnd and far err alike"),
        # Worse on each common seed; its mean is lower by seeds that rnd has not.
        ([0.35, 0.37, 0.34, 0.36, 0.0, 0.0, 0.0, 0.0], "no curiosity is shown to forget least"),
    ],
)
def test_who_forgets_least_is_said_only_beyond_chance(far, said):
    metrics = {"forgetting": 0.1, "error_forgetting": 0.1}
    studies = [
        Study("six", name, seed, {**metrics, "return_error": value}, Path("visits.npz"))
        for name, values in (("rnd", [0.25, 0.26, 0.24, 0.25]), ("far", far))
        for seed, value in enumerate(values)
    ]
    assert said in answer(summarise([], studies)).text


def test_who_has_learned_least_is_not_told_to_forget_least_without_a_word():
    def told(left, names=("small", "rnd", "far")):
        metrics = {"forgetting": 0.1, "error_forgetting": 0.1}
        studies = [
            Study("six", name, seed, {**metrics, "return_error": value, **own}, Path("visits.npz"))
            for name, value, own in zip(names, (0.0, 0.1, 0.2), left, strict=False)
            for seed in range(3)
        ]
        return answer(summarise([], studies)).text

    def errors(*values):
        return [{"left_error": value} for value in values]

    but = " But small errs most at leaving, 0.7 "
    assert told(errors(0.7, 0.3, 0.1234)).endswith(f"{but}(0.123 to 0.3): it has least to forget.")
    assert told(errors(0.7, 0.3), ("small", "rnd")).endswith(f"{but}(0.3): it has least to forget.")
    for learned in (errors(0.3, 0.3, 0.1), errors(0.1, 0.3, 0.2), [{}, {}, {}], [*errors(0.7, 0.3), {}]):
        assert "errs most" not in told(learned)


def test_the_first_sentence_of_several_environments_counts_clear_leads_alone():
    def two(maze, cave):
        found = [*agents(maze), *(replace(one, environment="cave") for one in agents(cave))]
        return answer(summarise(found)).text

    clear = {"none": [3, 4, 3, 5, 4], "rnd": [7, 6, 9, 8, 7]}
    noise = {"none": [3, 9, 3, 9, 4], "rnd": [9, 3, 9, 3, 5]}
    alike = {"none": [3, 4], "rnd": [3, 4]}
    assert two(clear, noise) == "rnd clearly leads in 1 of 2 environments."
    nobody = "No curiosity clearly leads in any of 2 environments; by the means, rnd leads in"
    assert two(noise, noise) == f"{nobody} 2."
    assert two(noise, alike) == f"{nobody} 1."


def test_what_rests_on_stale_agents_and_studies_is_marked_and_nothing_else_changes():
    seen = studies({"rnd": {0: 0.3, 1: 0.5, 2: 0.9}, "far": {0: 0.1, 1: 0.2, 2: 0.7}})
    seen = [replace(one, metrics={**one.metrics, "return_error": one.metrics["forgetting"]}) for one in seen]

    def told(stale):
        made = [replace(one, stale=one.curiosity == stale) for one in agents()]
        summary = summarise(made, [replace(one, stale=one.curiosity == stale) for one in seen])
        shown = [answer(summary).text, *answer(summary).sure, *sentences(summary)]
        return shown + [table.as_text() for table in headline(summary) if isinstance(table, Table)]

    plain, marks = told(None), told("rnd")
    assert "†" not in str(plain)
    assert str(marks).replace("†", "") == str(plain)
    assert "far†" not in str(marks)
    assert "none†" not in str(marks)
    assert all("rnd†" in text for text in marks if isinstance(text, str) and "rnd" in text)
    assert [row[1] for table in marks[-4:] for row in table if "rnd†" in row] == ["rnd†", "rnd†"]
    assert [row[-1][-1] for row in marks[-3]] == ["†", "]", "†"]  # rnd less none, far less none, far less rnd


def test_forgetting_is_written_in_the_digits_that_tell_something():
    summary = summarise([], studies({"rnd": {0: 0.012345, 1: 0.023456}, "far": {0: 0.2, 1: 0.3}}))
    (_, rnd, *_), (_, far, *_) = forgetting_table(summary).as_text()
    assert (rnd, far) == ("rnd", "far")
    assert forgetting_table(summary).as_text()[1][3] == "0.250 [−0.385, 0.885]"
    assert decimals_of([0.00001234]) == 5


def test_the_tables_of_results_hold_the_reports_numbers(monkeypatch):
    summary = summarise(agents(), studies({"rnd": {0: 0.3, 1: 0.5}}))
    monkeypatch.setattr(frames, "summary_of", lambda results: summary)
    rooms = {row["curiosity"]: row["rooms"] for row in frames.agents(None)}
    assert rooms == {name: pytest.approx(np.mean(values)) for name, values in ROOMS.items()}
    (row,) = frames.forgetting(None)
    expected = ttest_1samp([0.3, 0.5], 0).confidence_interval()
    assert (row["forgetting"], row["forgetting.low"]) == pytest.approx((0.4, expected.low))
