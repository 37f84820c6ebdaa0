"""Trials that pause at rungs: each step is taken once, what is whole is an ordinary cell, and it resumes."""

import random
from collections import Counter

import pytest

from climb_search import INLINE, PLUGIN, came_to, climb, climbed
from dying_writes import die_at_a_write
from gridcell import GridBuilder, plugins
from gridcell.cell import Cell, id_of_whole, is_intermediate
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.search.report import summary, trials_table
from gridcell.search.run import SearchRun
from gridcell.search.rungs import Ladder
from gridcell.search.samplers import Told, suggest
from gridcell.search.sentences import said
from gridcell.search.space import Space
from gridcell.search.spent import expected, spent
from gridcell.search.trial import Ended
from gridcell.staleness import BY_NEEDS, Staleness
from gridcell.store import Store
from gridcell.store.filesystem import Folder
from gridcell.store.usage import prune, usage
from gridcell.tuning import Fidelity

SCHEDULERS = ["asha", "hyperband"]
FIDELITY = Fidelity("climb", "steps", "climb_task:steps_of")


def new_store(tmp_path, name="other"):
    return Store(str(tmp_path / name)).prepare()


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Where each step that a walker takes is noted."""
    path = tmp_path / "log"
    path.touch()
    monkeypatch.setenv("CLIMB_LOG", str(path))
    return path


def steps(log):
    return log.read_text().splitlines()


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """A search that trains all its trials to their end: 27 of 27 steps each."""
    return climbed(new_store(tmp_path_factory.mktemp("every")), 27)


@pytest.mark.parametrize(
    ("scheduler", "at_once", "most"), [("asha", 1, 1 / 3), ("asha", 4, 1 / 3), ("hyperband", 4, 1 / 2)]
)
def test_it_finds_what_training_all_trials_finds_with_a_part_of_the_steps(
    store, every, log, scheduler, at_once, most
):
    whole = 27 * 27
    found = climbed(store, 27, scheduler=scheduler, at_once=at_once)
    assert found.best.trial == every.best.trial
    assert found.best.ended.value == every.best.ended.value
    taken = steps(log)
    assert len(taken) - 27 <= most * whole  # beside the suite's own values
    assert max(Counter(taken).values()) == 1  # no step is taken twice
    assert (spent(found).units, spent(found).whole) == (len(taken) - 27, whole)


def test_what_is_whole_is_an_ordinary_result_and_a_pause_is_none(store, tmp_path):
    found = climbed(store, 9, scheduler="asha")
    done = store.results.done()
    assert not any(map(is_intermediate, done))
    assert all(map(is_intermediate, store.results.at_pauses()))
    plain = new_store(tmp_path)
    run_grid(found.objective.task, found.best.whole, plain, INLINE)
    for cell_id in found.best.whole.cells:
        assert store.results.read(cell_id).content == plain.results.read(cell_id).content


def test_a_search_without_a_scheduler_goes_on_from_the_pauses_of_one_with(store, log):
    stopped = climbed(store, 9, scheduler="asha")
    every = climbed(store, 9)
    assert [one.trial for one in every.tried] == [one.trial for one in stopped.tried]
    assert Counter(steps(log)).total() == len(set(steps(log))) == 10 * 27


def test_a_whole_trial_leaves_no_checkpoint_and_a_stopped_one_leaves_one(store):
    found = climbed(store, 9, scheduler="asha")
    for one in found.tried:
        (cell_id,) = found.ladder.totals(one.whole)
        left = store.folder.names(f"checkpoints/{cell_id}")
        assert len(left) == (0 if one.is_done else 1)
    asked = usage(store, 0.0)
    assert asked.prunable["checkpoints"] == [] or not asked.grids
    prune(store, asked, ["rungs"])
    assert store.results.at_pauses() == set()


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("search", ["random", "tpe"])
def test_a_search_that_ends_at_any_write_goes_on_as_if_nothing_had_been(
    store, tmp_path, monkeypatch, log, scheduler, search
):
    whole = climbed(new_store(tmp_path), 9, scheduler=scheduler, search=search)
    log.write_text("")
    choice = random.Random(1)
    writes = die_at_a_write(monkeypatch, choice)
    deaths = 0
    for _ in range(200):
        writes[0] = choice.randrange(1, 40)
        try:
            found = climbed(store, 9, scheduler=scheduler, search=search)
            break
        except KeyboardInterrupt:
            deaths += 1
    assert deaths >= 3
    assert came_to(found) == came_to(whole)
    taken = steps(log)
    assert len(taken) - len(set(taken)) <= deaths  # steps whose checkpoint was not written, and no others


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_longer_search_goes_on_and_trains_no_step_again(store, log, scheduler):
    first = climbed(store, 6, scheduler=scheduler)
    longer = climbed(store, 18, scheduler=scheduler)
    assert [one.trial for one in longer.tried[:6]] == [one.trial for one in first.tried]
    assert longer.best.ended.value >= first.best.ended.value
    assert max(Counter(steps(log)).values()) == 1
    again = climbed(store, 18, scheduler=scheduler)
    assert came_to(again) == came_to(longer)
    assert max(Counter(steps(log)).values()) == 1


def test_two_drivers_share_one_search(store, tmp_path, monkeypatch, log):
    """The second begins in the middle of the first, which then takes up what the second has chosen."""
    alone = climbed(new_store(tmp_path), 12, scheduler="asha")
    log.write_text("")
    first = climb(store, 12, scheduler="asha")
    more, calls, second = SearchRun.more, [0], []

    def interrupted(run, ended):
        calls[0] += 1
        if calls[0] == 9 and not second:
            second.append(None)
            second[0] = climbed(store, 12, scheduler="asha")
        return more(run, ended)

    monkeypatch.setattr(SearchRun, "more", interrupted)
    SearchRun(first, INLINE).run()
    assert came_to(first) == came_to(second[0]) == came_to(alone)
    assert max(Counter(steps(log)).values()) == 1


def test_a_trial_that_diverges_counts_as_the_worst_of_its_rung(store):
    params = {"walkers.one.falls_at": "choice(1, 5, null)", "walkers.one.x": "linspace(0, 1, 4)"}
    found = climbed(store, 12, params, search="grid", scheduler="asha")
    fallen = {1: 0, 5: 2}  # the rung on the way to which a walker falls: after 1, 3 and 9 steps
    for one in found.tried:
        falls = one.trial.params["walkers.one.falls_at"]
        if one.ended.state == "diverged":
            assert one.rung == fallen[falls]
        else:
            assert falls is None or one.rung < fallen[falls]
    assert found.best.trial.params["walkers.one.falls_at"] is None


def test_what_a_walker_left_on_its_way_to_the_end_is_not_taken_for_a_rung(store, monkeypatch, log):
    """An ordinary run of its cell was ended at its 20th step, beyond the first rungs."""
    found = climb(store, 1, scheduler="asha")
    grid = found.default.whole

    def ended(folder, local, name):
        put(folder, local, name)
        if name.rpartition("/")[2].startswith(f"{20:012d}"):
            raise KeyboardInterrupt

    put = Folder.put
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "put", ended)
        with pytest.raises(KeyboardInterrupt):
            run_grid(found.objective.task, grid, store, INLINE)
    paused = Ladder(FIDELITY, 3, 4).at(grid, 1)
    run_grid(found.objective.task, paused, store, INLINE)
    (target,) = paused.targets
    assert store.results.read(target.cell).metrics["height"] == pytest.approx(3 * (1 - 0.36))
    log.write_text("")
    run_grid(found.objective.task, grid, store, INLINE)  # goes on from its own, which is newer
    assert len(steps(log)) == 7


def test_records_of_other_code_are_made_again_and_those_from_kept_results_are_not(store, monkeypatch, log):
    climbed(store, 6, scheduler="asha")
    first = len(steps(log))
    reasons = {}

    def find(task, grid, store, results):
        found = {name: why for name, why in reasons.items() if name in results and results[name].stamp in old}
        return Staleness(found, {name: results[name].stamp for name in found})

    monkeypatch.setattr("gridcell.search.run.find_stale", find)
    paused, _ = store.results.read_many(store.results.at_pauses())
    old = {result.stamp for result in paused.values()}
    reasons.update(dict.fromkeys(paused, BY_NEEDS))
    climbed(store, 6, scheduler="asha")
    assert len(steps(log)) == first
    climbs = [name for name, result in paused.items() if result.cell.kind == "climb"]
    reasons.update(dict.fromkeys(climbs, "by other code"))
    climbed(store, 6, scheduler="asha")
    again, _ = store.results.read_many(paused)
    assert all(again[name].stamp != paused[name].stamp for name in climbs)


def test_a_cell_that_others_of_the_kind_start_from_runs_whole():
    grid = GridBuilder("climb")
    first = grid.add("climb", {"x": 0.1, "steps": 9, "falls_at": None}, title="first")
    second = grid.add("climb", {"x": 0.2, "steps": 9, "falls_at": None}, needs={"climb": first})
    view = grid.add("view", {}, needs={"climb": second})
    other = grid.add("base", {})
    for name, cell in {"view": view, "other": other, "first": first}.items():
        grid.target({"walker": name}, cell)
    whole = grid.build()
    plugins.load([PLUGIN], joins=True)
    ladder = Ladder(FIDELITY, 3, 3)
    paused = ladder.at(whole, 1)
    ids = [target.cell for target in paused.targets]
    assert ids[1:] == [other.id, first.id]
    seen = paused.cells[ids[0]]
    assert seen.stop == 3
    assert not seen.pauses  # its function is not told to
    (stopped,) = [cell for cell in paused.cells.values() if cell.pauses]
    assert stopped.id == f"{second.id}@3"
    assert id_of_whole(stopped.id) == second.id
    assert Cell.from_record(stopped.to_record()) == stopped
    assert ladder.at(whole, 2) is whole
    assert [ladder.stop_of(10, rung) for rung in range(3)] == [2, 4, 10]


def test_a_cell_that_does_not_heed_its_stop_fails_with_a_sentence(store, monkeypatch):
    search = climb(store, 2, scheduler="asha")
    whole = {"steps": 27}
    monkeypatch.setattr("climb_task.climb", lambda cell, context: whole)
    monkeypatch.setattr("climb_task.view", lambda cell, context: {"height": 1.0})
    SearchRun(search, INLINE).run()
    assert {one.ended.failure for one in search.tried} == {"invalid"}
    failure = next(iter(store.failures.read_all().values()))
    assert "its function must heed context.stop" in failure["message"]


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"search": "cmaes"}, "--search cmaes learns from whole trials alone.*grid, qmc, random, tpe"),
        ({"overrides": ["walkers.one.steps=2"]}, "has 2 steps: too few for a rung of a 3th"),
    ],
)
def test_what_a_scheduler_can_not_do_is_refused_before_anything_runs(store, how, sentence):
    with pytest.raises(UserError, match=sentence):
        climb(store, 3, scheduler="asha", **how)
    assert not store.results.done()


def test_a_short_fidelity_has_fewer_rungs(store):
    assert climb(store, 3, scheduler="asha", overrides=["walkers.one.steps=10"]).ladder.rungs == 3


def test_the_search_without_scheduler_has_the_id_that_it_had(store):
    ids = {climb(store, 3, **how).id for how in ({}, {"scheduler": "none"}, {"eta": 2}, {"rungs": 2})}
    assert len(ids) == 1
    others = {climb(store, 3, scheduler="asha", **how).id for how in ({}, {"eta": 2}, {"rungs": 2})}
    assert len(others | ids) == 4


def test_the_report_says_how_far_each_trial_came_and_what_was_saved(store):
    found = climbed(store, 9, scheduler="asha")
    table = trials_table(found)
    place = [column.title for column in table.columns].index("steps")
    came = [row[place] for row in table.rows]
    assert came[0] == "27 of 27"
    assert came[-2:] == ["1 of 27", "27 of 27"]  # the worst trial, and the suite's own values
    trained = spent(found)
    assert any(f"{trained.units} of 243 steps" in sentence for sentence in said(found, None))
    told = summary(found, None)["scheduler"]
    assert (told["rungs"], told["trained"], told["whole"]) == ([1, 3, 9, 27], trained.units, 243)
    plan = expected(found.wanted, found.ladder, found.default)
    assert plan.units == 9 * 1 + 3 * 2 + 1 * 6 + 1 * 18


def test_tpe_learns_where_trials_are_stopped_early():
    space = Space.parse(["a=uniform(0, 1)"])
    inside = 0
    for seed in range(4):
        told = []
        for number in range(40):
            trial = suggest("tpe", space, told, number=number, seed=seed, maximise=True)
            bad = trial.params["a"] > 0.5
            told.append(Told(trial, Ended("stopped", 0.0), 0 if bad else 2))
            inside += bad and number >= 20
    assert inside / (4 * 20) < 0.25


@pytest.mark.long
def test_on_ray_it_finds_the_same_best_and_takes_no_step_twice(store, tmp_path, log):
    alone = climbed(new_store(tmp_path), 12, scheduler="asha")
    log.write_text("")
    found = climbed(store, 12, scheduler="asha", at_once=3, options=RunOptions(num_cpus=2))
    assert found.best.trial == alone.best.trial
    assert max(Counter(steps(log)).values()) == 1
