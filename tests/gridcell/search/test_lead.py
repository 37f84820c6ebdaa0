"""How far the best trial is ahead, and how much of that is noise."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from gridcell.search.judge import plan_judging
from gridcell.search.lead import beats_default, best_is_default, leads
from gridcell.search.sentences import _as_good, said
from hill_search import searched


def test_the_lead_of_the_best_trial_has_an_interval_over_seeds(store):
    search = searched(store, trials=4, overrides=("seeds=[0, 1, 2]",), search="random")
    first, second, *_ = sorted((one.ended.value for one in search.tried), reverse=True)
    over_next, over_own = leads(search)
    assert over_next.mean == pytest.approx(first - second)
    assert over_own.mean == pytest.approx(first - search.default.ended.value)
    for lead in (over_next, over_own):  # a seed adds the same to all
        assert (lead.over, lead.half_width) == ("3 seeds", pytest.approx(0, abs=1e-9))
    assert over_next.other in " ".join(said(search, None))
    told = " ".join(said(search, None))
    assert "(95 % over 3 seeds): more than the noise of two trials." in told
    assert f"as the best of {len(search.tried)} trials, so that its lead is overstated" in told


def test_with_one_seed_the_noise_of_a_lead_is_said_to_be_unknown_or_is_the_rules(store):
    search = searched(store, trials=3, search="random")
    assert "how much of it is noise is not known: that takes several seeds." in " ".join(said(search, None))
    rule = replace(search.objective.rule, noise="hill_task:error_of")
    search.objective = replace(search.objective, rule=rule)
    lead, *_ = leads(search)
    assert lead.half_width == pytest.approx(1.96 * 1e6)  # what the rule says
    assert lead.is_noise
    told = " ".join(said(search, None))
    assert "(95 % over held-out images): no difference beyond chance." in told
    assert "overstated" not in told


def test_trials_of_the_same_value_as_the_best_are_named(store):
    search = searched(store, trials=3, params={"walkers.one.x": "choice(0.8, 0.5, 1.0)"}, search="grid")
    assert " the same" not in " ".join(said(search, None))
    best, name = search.best, search.objective.value_name
    others = [one.trial.number for one in search.tried if one is not best]

    def told(*numbers):
        alike = [
            replace(one, ended=best.ended) if one.trial.number in numbers else one for one in search.tried
        ]
        return _as_good(SimpleNamespace(best=best, objective=search.objective, tried=alike))

    assert told() == []
    assert told(others[0]) == [f"Trial {others[0]} has the same {name}."]
    made_none = "what was searched made no difference."
    assert told(*others) == [f"All 3 trials with a {name} have the same: {made_none}"]
    alike = [replace(best, trial=replace(best.trial, number=number)) for number in range(10, 17)]
    found = SimpleNamespace(best=best, objective=search.objective, tried=[*search.tried, *alike])
    assert _as_good(found) == [f"Trials 10, 11, 12, 13, 14 and 2 more have the same {name}."]


def test_where_the_suites_own_values_are_the_best_nothing_is_compared(store):
    own = searched(
        store, trials=2, params={"walkers.one.x": "choice(0.9, 1.0)"}, search="grid", fresh_seeds=2
    )
    assert best_is_default(own)
    assert plan_judging(own) is None
    assert "The best trial has the suite's own values: there is nothing to compare" in " ".join(
        said(own, None)
    )
    assert "less the suite's own values" not in " ".join(said(own, None))
    other = searched(store, trials=2, params={"walkers.one.x": "choice(0.8, 1.0)"}, search="grid")
    assert not best_is_default(other)
    assert (beats_default(own), beats_default(other)) == (False, True)
