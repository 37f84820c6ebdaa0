"""A search goes on where it was, whoever runs it, and shares its cells with every other grid."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.search.check import check
from gridcell.search.figures import draw
from gridcell.search.importance import importance
from gridcell.search.judge import Judged
from gridcell.search.report import trials_table
from gridcell.search.run import SearchRun
from gridcell.search.search import Search
from gridcell.search.sentences import _verdict, said
from gridcell.search.wanted import GENERIC, tuning_of
from gridcell.staleness import Staleness
from gridcell.store import Store
from gridcell.store.filesystem import Folder
from gridcell.tuning import Rule, Tuning
from hill_search import INLINE, PLUGIN, SPACE, asked, hill, searched

LOOKING = ["tpe", "cmaes"]
ALL = ["random", "qmc", *LOOKING]


def new_store(tmp_path, name="other"):
    return Store(str(tmp_path / name)).prepare()


@pytest.mark.parametrize("search", ALL)
def test_an_extended_search_is_the_search_of_that_length(store, tmp_path, search):
    first = searched(store, 6, search=search)
    longer = searched(store, 13, search=search)
    assert asked(longer)[:6] == asked(first)
    assert asked(longer) == asked(searched(new_store(tmp_path), 13, search=search))


def test_of_a_search_that_is_done_nothing_is_run_again(store, monkeypatch, tmp_path):
    monkeypatch.setenv("HILL_LOG", str(tmp_path / "log"))
    before = searched(store)
    ran = (tmp_path / "log").read_text().split()
    again = searched(store)
    assert (tmp_path / "log").read_text().split() == ran
    assert [one.ended.value for one in again.tried] == [one.ended.value for one in before.tried]


class Killed(KeyboardInterrupt):
    """Stands for the end of the process."""


@pytest.mark.parametrize("search", LOOKING)
def test_a_search_that_ends_at_any_write_goes_on_as_if_nothing_had_been(store, tmp_path, monkeypatch, search):
    whole = searched(new_store(tmp_path), 9, search=search)
    monkeypatch.setenv("HILL_LOG", str(tmp_path / "log"))
    choice, writes = random.Random(1), [0]
    create = Folder.create

    def dying(folder, name, data):
        writes[0] -= 1
        if writes[0] == 0 and choice.random() < 0.5:  # before the write, or after it
            raise Killed
        made = create(folder, name, data)
        if writes[0] == 0:
            raise Killed
        return made

    monkeypatch.setattr(Folder, "create", dying)
    deaths = 0
    for _ in range(100):
        writes[0] = choice.randrange(1, 6)
        try:
            found = searched(store, 9, search=search)
            break
        except Killed:
            deaths += 1
    assert deaths >= 5
    assert asked(found) == asked(whole)
    assert found.best.trial == whole.best.trial
    cells = (tmp_path / "log").read_text().split()
    done = {target.cell for one in found.tried for target in one.grid.targets}
    assert len(cells) - len(set(cells)) <= deaths  # of a cell that had not been committed, and no other
    assert done <= set(cells)


@pytest.mark.slow  # ten processes that start
def test_ten_times_killed_it_finds_the_same(store, tmp_path, monkeypatch):
    whole = searched(new_store(tmp_path), 12)
    code = (
        "import sys, time; sys.path[:0] = sys.argv[2:]\n"
        "import hill_search, hill_task\n"
        "from gridcell.store import Store\n"
        "real = hill_task.height\n"
        "print('up', flush=True)\n"
        "hill_search.searched(Store(sys.argv[1]), 12)\n"
        "print('end', flush=True)\n"
    )
    paths = [str(PLUGIN.parents[1]), str(PLUGIN.parent)]
    choice, kills = random.Random(0), 0
    while kills < 10:
        process = subprocess.Popen(
            [sys.executable, "-c", code, store.uri, *paths], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline().strip() == "up"
        time.sleep(choice.random() * 0.15)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        kills += 1
    found = searched(store, 12)
    assert asked(found) == asked(whole)
    assert found.best.trial == whole.best.trial
    assert found.best.ended.value == whole.best.ended.value


def test_a_changed_space_keeps_the_trials_that_still_fit(store):
    first = searched(store, 12)
    narrow = SPACE | {"walkers.one.x": "uniform(0, 0.5)"}
    second = searched(store, 12, narrow)
    kept = [params for params in asked(first) if params["walkers.one.x"] <= 0.5]
    assert 0 < len(kept) < 12
    assert asked(second)[: len(kept)] == kept
    assert len(second.tried) == 12
    assert second.outside == 12 - len(kept)
    back = searched(store, 12)
    assert asked(back)[:12] == asked(first)
    assert len(back.tried) == 12 + second.outside  # all that were ever asked for
    assert back.outside == 0


def test_a_setting_that_is_added_or_left_out_has_the_suites_own_value(store):
    two = {key: SPACE[key] for key in ("walkers.one.x", "walkers.one.y")}
    first = searched(store, 5, two)
    wider = searched(store, 8, SPACE)  # k is 1 where nobody says otherwise
    assert asked(wider)[:5] == [params | {"walkers.one.k": 1} for params in asked(first)]
    others = [params for params in asked(wider)[5:] if params["walkers.one.k"] != 1]
    back = searched(store, 8, two)
    assert back.outside == len(others)


def test_a_trial_that_equals_cells_of_another_grid_is_free(store, tmp_path, monkeypatch):
    plain = searched(new_store(tmp_path), 4)
    for one in plain.tried[:2]:
        run_grid(plain.objective.task, one.grid, store, INLINE)
    monkeypatch.setenv("HILL_LOG", str(tmp_path / "log"))
    searched(store, 4)
    assert len((tmp_path / "log").read_text().split()) == 2 + 1  # two trials, and the suite's own values


def test_two_drivers_share_one_search(store, tmp_path, monkeypatch):
    """The second begins in the middle of the first, which then takes up what the second has chosen."""
    monkeypatch.setenv("HILL_LOG", str(tmp_path / "log"))
    first = hill(store, 10, at_once=2)
    more, calls, second = SearchRun.more, [0], []

    def interrupted(run, ended):
        calls[0] += 1
        if calls[0] == 6 and not second:
            second.append(None)
            second[0] = searched(store, 10, at_once=2)
        return more(run, ended)

    monkeypatch.setattr(SearchRun, "more", interrupted)
    SearchRun(first, INLINE).run()
    assert asked(first) == asked(second[0]) == asked(searched(new_store(tmp_path), 10, at_once=2))
    cells = (tmp_path / "log").read_text().split()[: 10 + 1]
    assert len(set(cells)) == 11


def test_a_trial_that_fails_or_diverges_is_a_trial_with_its_class(store):
    params = {"walkers.one.x": "linspace(0, 1, 5)", "walkers.one.shape": "choice(round, cliff, bog)"}
    found = searched(store, 15, params, search="grid")
    ended = {
        (one.trial.params["walkers.one.shape"], one.trial.params["walkers.one.x"]): one.ended
        for one in found.tried
    }
    assert len(ended) == 15
    for (shape, x), one in ended.items():
        expected = "bug" if shape == "bog" else "diverged" if shape == "cliff" and x > 0.5 else ""
        assert one.failure == expected
        assert (one.value is None) == bool(expected)
    assert found.best.trial.params["walkers.one.x"] == 0.25


def test_a_trial_whose_metric_is_no_number_is_a_trial_without_a_value(store):
    params = {"walkers.one.shape": "choice(round, fog, cloud, pit, cave)"}
    found = searched(store, 5, params, search="grid")
    ended = {one.trial.params["walkers.one.shape"]: one.ended for one in found.tried}
    assert ended["round"].state == "done"
    for shape in ("fog", "cloud", "pit", "cave"):
        assert (ended[shape].state, ended[shape].value, ended[shape].failure) == ("failed", None, "no height")
    assert found.best.trial.params["walkers.one.shape"] == "round"


def test_a_mean_over_targets_of_which_some_lack_the_metric_is_refused(store):
    search = hill(store, 2, overrides=["walkers.two.shape=cave"])
    search.objective = replace(search.objective, select={"walker": ["one", "two"]})
    both = search.objective
    search = Search(both, search.space, search.wanted, store)
    with pytest.raises(
        UserError, match=r"1 of 2 targets have no metric 'height', such as walker=two, seed=0"
    ):
        SearchRun(search, INLINE).run()


def test_best_and_default_are_compared_by_finite_values_alone(store):
    search = hill(store)
    suite = search.objective.suite({"walkers.one.shape": "fog"})
    grid = search.objective.grid(suite)
    run_grid(search.objective.task, grid, store, INLINE)
    results, _ = store.results.read_many(grid.cells)
    assert search.objective.score(suite, grid, results, store) is None


def test_without_a_rule_that_judges_no_comparison_is_promised(store, monkeypatch):
    rule = Rule("own", "all", score="gridcell.search.objective:mean_over_targets")
    search = hill(store, fresh_seeds=2)
    monkeypatch.setattr("gridcell.search.wanted.Tuning", lambda: Tuning({"height": "max"}, (rule,)))
    with pytest.raises(UserError, match=r"no rule with oracle=True.*--fresh-seeds 0"):
        check(search)
    check(hill(store, fresh_seeds=0))


def test_a_rule_that_scores_by_something_else_names_it(store):
    search = searched(store, trials=2, search="random")
    search.objective = replace(search.objective, rule=replace(search.objective.rule, value="score"))
    told = " ".join(said(search, None))
    assert "Its score is" in told
    assert "for height under rule" in told
    assert "score, " in trials_table(search).head[2].heading


def test_axes_of_trials_and_whole_numbers_have_ticks_at_these_alone(store):
    search = searched(store, trials=2, search="random")
    pictures = {one.name: one.figure for one in draw(search)}
    (history,) = pictures["history"].axes
    of_k = next(axes for axes in pictures["slices"].axes if axes.get_xlabel() == "walkers.one.k")
    for axes in (history, of_k):
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert ticks
        assert all(float(tick).is_integer() for tick in ticks)


def test_rules_without_any_are_the_generic_one(store):
    task = replace(hill(store).objective.task, tuning=Tuning({"height": "max"}))
    assert tuning_of(task).rules == (GENERIC,)


@pytest.mark.parametrize(("search", "package"), [("tpe", "optuna"), ("gp", "optuna"), ("cmaes", "cmaes")])
def test_a_package_that_is_missing_is_one_sentence_before_anything_starts(
    store, monkeypatch, search, package
):
    monkeypatch.setattr(
        "gridcell.search.samplers.find_spec", lambda name: None if name == package else object()
    )
    with pytest.raises(UserError, match=f"--search {search} needs {package}.*pip install.*grid, qmc, random"):
        check(hill(store, search=search))
    check(hill(store, search="random"))


def test_importance_is_left_out_where_its_package_is(store, monkeypatch):
    found = searched(store, 8, search="random")
    assert importance(found)
    monkeypatch.setattr("gridcell.search.importance.find_spec", lambda name: None)
    assert importance(found) == {}


def test_what_failed_before_is_tried_again_and_what_diverged_is_not(store, tmp_path, monkeypatch):
    params = {"walkers.one.x": "linspace(0.6, 1, 2)", "walkers.one.shape": "choice(cliff, bog)"}
    monkeypatch.setenv("HILL_LOG", str(tmp_path / "log"))
    searched(store, 4, params, search="grid")
    ran = (tmp_path / "log").read_text().split()
    again = searched(store, 4, params, search="grid")
    more = (tmp_path / "log").read_text().split()[len(ran) :]
    shapes = {target.cell: one for one in again.tried for target in one.grid.targets}
    assert [shapes[cell].trial.params["walkers.one.shape"] for cell in more] == ["bog", "bog"]
    assert [one.ended.state for one in again.tried].count("diverged") == 2


def test_the_budget_ends_the_search_and_a_larger_one_goes_on(store):
    few = searched(store, 12, budget=1e-9, at_once=1)
    assert 0 < len(few.tried) < 12
    assert few.over_budget
    assert len(searched(store, 12, at_once=1).tried) == 12


def test_another_seed_or_sampler_is_another_search(store):
    plain = hill(store)
    others = [hill(store, seed=1), hill(store, search="random"), hill(store, mode="min")]
    assert len({plain.id, *(other.id for other in others)}) == 4
    assert hill(store, 99).id == plain.id


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"walkers.one.z": "uniform(0, 1)"}, "Unknown setting 'walkers.one.z': "),
        ({"walkers.on.x": "uniform(0, 1)"}, "did you mean 'one'"),
        ({"walkers.one.x": "uniform(0, 2)"}, "it must be at most 1"),
        ({"walkers.one.k": "uniform(0.2, 0.7)"}, "walkers.one.k' is wrong"),
        ({**SPACE, "resources.height.cpus": "int(1, 2)"}, r"nothing that resources.height.cpus changes"),
        ({**SPACE, "walkers.two.x": "uniform(0, 1)"}, r"nothing that walkers.two.x changes"),
        ({**SPACE, "walkers.one.x": "choice([0.1, 0.2], 0.3)"}, r"a list of values is a sweep"),
    ],
)
def test_a_wrong_setting_is_known_before_anything_runs(store, params, sentence):
    search = hill(store, params=params)
    with pytest.raises(UserError, match=sentence):
        check(search)
    assert not store.results.done()


def test_stale_results_are_told_and_marked_or_made_again_or_refused(store, monkeypatch):
    """The code of the cells changes between two commands."""
    first = searched(store, 4)
    stale = Staleness(
        reasons={target.cell: "by other code" for one in first.tried for target in one.grid.targets},
        stamps={
            target.cell: store.results.read(target.cell).stamp
            for one in first.tried[:2]
            for target in one.grid.targets
        },
    )

    def find(task, grid, store, results):
        current = {name for name, result in results.items() if result.stamp in stale.stamps.values()}
        return Staleness(
            dict.fromkeys(current, "by other code"), {name: results[name].stamp for name in current}
        )

    monkeypatch.setattr("gridcell.search.run.find_stale", find)
    kept = hill(store, 4)
    SearchRun(kept, INLINE, "keep").run()
    assert [one.ended.stale for one in kept.tried] == [True, True, False, False]
    with pytest.raises(UserError, match="--changed rerun makes them again"):
        SearchRun(hill(store, 4), INLINE, "fail").run()
    again = hill(store, 4)
    SearchRun(again, INLINE, "rerun").run()
    assert [one.ended.stale for one in again.tried] == [False] * 4
    cells = [target.cell for one in again.tried for target in one.grid.targets]
    assert [store.results.read(cell).stamp in stale.stamps.values() for cell in cells] == [False] * 4


@pytest.mark.slow
@pytest.mark.xdist_group("one-ray")
def test_on_ray_the_trials_are_the_same(one_ray, store, tmp_path):
    found = hill(store, 7)
    SearchRun(found, RunOptions(num_cpus=2)).run()
    assert asked(found) == asked(searched(new_store(tmp_path), 7))


def test_a_search_that_is_stopped_says_why_and_goes_on(store):
    params = {"walkers.one.shape": "choice(bog, round)", "walkers.one.x": "linspace(0, 1, 3)"}
    first = hill(store, 6, params, search="grid")
    run = SearchRun(first, RunOptions(executor="inline", max_failures=1))
    run.run()
    assert "--max-failures" in run.stopped
    assert any(not one.is_over for one in first.tried)
    again = searched(store, 6, params, search="grid")
    assert [one.ended.state for one in again.tried].count("done") == 3


def test_a_trial_that_a_rule_plans_asks_for_what_the_suite_says(store, monkeypatch):
    search = hill(store, overrides=["resources.height.memory_gb=4"])
    plan = search.objective.task.plan
    monkeypatch.setattr(
        "gridcell.search.objective.imported", lambda _: lambda settings, labels: plan(settings)
    )
    objective = replace(search.objective, rule=Rule("held", "a half is held out", plan="hill:half"))
    cells = objective.grid(objective.suite({})).cells.values()
    assert {cell.kind: cell.resources.memory_gb for cell in cells} == {"base": 0, "height": 4}


@pytest.mark.parametrize("parts", [{}, {"a": (float("nan"), 1.0), "b": (1.0, 1.0)}])
def test_a_trial_without_a_value_for_a_part_has_none(store, monkeypatch, parts):
    search = hill(store)
    monkeypatch.setattr("gridcell.search.objective.imported", lambda _: lambda results, metric: parts)
    objective = replace(search.objective, rule=Rule("parts", "the part itself", parts="hill:parts"))
    suite = objective.suite({})
    grid = objective.grid(suite)
    ended = objective.ended(suite, grid, dict.fromkeys(grid.cells, SimpleNamespace(seconds=1.0)), {}, store)
    assert (ended.state, ended.value, ended.failure) == ("failed", None, "no height")


def test_best_and_default_are_compared_on_the_seeds_that_both_have(store):
    judged = Judged((1, 2, 3), (1.0, 9.0, 2.0), (0.5, None, 1.0))
    assert judged.means() == (1.5, 0.75)
    assert judged.difference[0] == 0.75
    assert Judged((1,), (None,), (1.0,)).means() == (None, None)
    said = _verdict(hill(store), judged)
    assert said.startswith("On 2 of 3 fresh seeds (the others lack a value) height of walker=one is 1.5 ")
