"""Population-based training: against a plain simulation, and whatever ends or goes wrong on the way."""

import json
import random
from collections import Counter
from functools import partial

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dying_writes import die_at_a_write
from gridcell.cli.tune import _tags
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.mlflow.mirror import Mirror
from gridcell.search.cost import cost_of
from gridcell.search.lineage import ancestry, schedule_table, trained
from gridcell.search.population import FACTORS, RESAMPLED, Member, Population, due
from gridcell.search.report import summary, trials_table, write
from gridcell.search.run import SearchRun
from gridcell.search.sentences import said
from gridcell.search.space import Space
from gridcell.search.trial import Trial
from gridcell.store import Store
from gridcell.suite import load_suite
from mlflow_runs import children, parent_of
from noise_search import INLINE, LR, bred, came_to, noise

pytestmark = pytest.mark.xdist_group("population")

LOW, HIGH = 0.01, 1.0


def step(v, rate):
    return (1 - rate) ** 2 * v + rate * rate


def rounded(rate):
    return min(max(float(f"{rate:.6g}"), LOW), HIGH)


def simulated(members, stages, units, seed):
    """Run the method on arrays of rates and losses, without a cell; return rates and losses by generation."""
    rates = [
        rounded(LOW * (HIGH / LOW) ** np.random.default_rng([seed, member]).random(1)[0])
        for member in range(members)
    ]
    losses = [100.0] * members
    fifth = max(1, members // 5)
    told = []
    for generation in range(stages):
        for member in range(members):
            for _ in range(units // stages):
                losses[member] = step(losses[member], rates[member])
        told.append((list(rates), list(losses)))
        order = sorted(range(members), key=lambda member: (losses[member], member))
        now_rates, now_losses = list(rates), list(losses)
        for member in order[members - fifth :]:
            draws = np.random.default_rng([seed, (generation + 1) * members + member, 1])
            chosen = order[int(draws.random() * fifth)]
            chance, share = draws.random(), draws.random()
            if chance < RESAMPLED:
                rate = LOW * (HIGH / LOW) ** share
            else:
                rate = now_rates[chosen] * FACTORS[share >= 0.5]
            rates[member], losses[member] = rounded(rate), now_losses[chosen]
    return told


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A search that nothing disturbed."""
    return bred(Store(str(tmp_path_factory.mktemp("whole"))).prepare())


def test_it_is_what_a_plain_simulation_of_the_method_gives(whole):
    told = simulated(5, 4, 12, seed=0)
    assert len(whole.tried) == 20
    for one in whole.tried:
        generation, member = divmod(one.trial.number, 5)
        rates, losses = told[generation]
        assert one.trial.params == {"runs.one.lr": rates[member]}
        assert one.ended.value == pytest.approx(losses[member], rel=1e-12)
        assert one.ended.state == ("done" if generation == 3 else "stopped")
    assert whole.best.ended.value == min(told[-1][1])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_its_schedule_beats_every_single_setting_of_the_task(seed):
    """As in the paper's toy: no single step size is good from the beginning to the end."""
    best = min(simulated(20, 24, 48, seed)[-1][1])

    def loss(rate):
        v = 100.0
        for _ in range(48):
            v = step(v, rate)
        return v

    assert best < min(loss(rate) for rate in np.geomspace(LOW, HIGH, 2000))


def test_a_trial_is_what_its_schedule_gives_from_nothing(whole, tmp_path):
    store = Store(str(tmp_path / "fresh")).prepare()
    stages = [dict(stage) for stage in whole.best.trial.stages]
    assert len({json.dumps(stage) for stage in stages}) > 1
    suite = load_suite(whole.objective.task, "mini", [f"stages={json.dumps(stages)}"])
    grid = suite.grid()
    run_grid(suite.task, grid, store, INLINE)
    assert grid.cells.keys() == whole.best.grid.cells.keys()
    for cell_id in grid.cells:
        assert store.results.read(cell_id).content == whole.store.results.read(cell_id).content


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Where each unit that is trained is noted."""
    path = tmp_path / "log"
    path.touch()
    monkeypatch.setenv("NOISE_LOG", str(path))
    return path


def test_it_trains_what_as_many_whole_trials_would_and_no_unit_twice(store, log, whole):
    found = bred(store)
    units = log.read_text().splitlines()
    assert max(Counter(units).values()) == 1
    assert len(units) - 12 == trained(found)  # beside the suite's own values
    # Of two copies with equal values the cells are the same; so it is never more than five whole trainings.
    assert trained(found) <= 5 * 12
    assert came_to(found) == came_to(whole)
    again = bred(store)
    assert came_to(again) == came_to(whole)
    assert len(log.read_text().splitlines()) == len(units)


def test_a_search_that_ends_at_any_write_goes_on_as_if_nothing_had_been(store, monkeypatch, log, whole):
    choice = random.Random(1)
    writes = die_at_a_write(monkeypatch, choice)
    deaths = 0
    for _ in range(200):
        writes[0] = choice.randrange(1, 90)
        try:
            found = bred(store)
            break
        except KeyboardInterrupt:
            deaths += 1
    assert deaths >= 3
    assert came_to(found) == came_to(whole)
    units = log.read_text().splitlines()
    assert len(units) - len(set(units)) <= deaths


def test_two_drivers_share_one_population(store, monkeypatch, log, whole):
    """The second begins in the middle of the first, which then takes up what the second has chosen."""
    first = noise(store)
    more, calls, second = SearchRun.more, [0], []

    def interrupted(run, ended):
        calls[0] += 1
        if calls[0] == 20 and not second:
            second.append(None)
            second[0] = bred(store)
        return more(run, ended)

    monkeypatch.setattr(SearchRun, "more", interrupted)
    SearchRun(first, INLINE).run()
    assert came_to(first) == came_to(second[0]) == came_to(whole)
    assert max(Counter(log.read_text().splitlines()).values()) == 1


@given(st.permutations(range(5)), st.lists(st.floats(-9, 9), min_size=5, max_size=5), st.integers(1, 4))
def test_the_order_in_which_trials_end_changes_no_choice(order, scores, ended):
    """A generation waits until all are over, and then follows from their results alone."""
    population, space = Population(5, 2), Space.parse(["lr=uniform(0, 1)"])
    ask = partial(
        due, population, 1, space=space, drawn=lambda number: Trial(number, {"lr": number / 9}), seed=1
    )
    first = ask({})
    assert [one.number for one in first] == [0, 1, 2, 3, 4]
    members = [Member(trial, score) for trial, score in zip(first, scores, strict=True)]
    running = {place: members[place] if place in order[:ended] else None for place in range(5)}
    assert ask(running) == []
    chosen = ask({place: members[place] for place in order})
    assert chosen == ask({place: members[place] for place in range(5)})
    assert [one.number for one in chosen] == [5, 6, 7, 8, 9]
    half = {place: members[place] for place in order} | {one.number: None for one in chosen[:ended]}
    assert ask(half) == chosen[ended:]  # another driver, or this one before its end, has chosen the others


def test_a_longer_search_adds_populations_and_keeps_what_is_there(store, log, whole):
    bred(store)
    before = len(log.read_text().splitlines())
    longer = bred(store, 10, population=5)
    assert came_to(longer)[:20] == came_to(whole)
    assert len(longer.tried) == 40
    assert {one.trial.parent for one in longer.tried[20:25]} == {None}
    assert all(one.trial.parent is None or one.trial.parent >= 20 for one in longer.tried[20:])
    assert longer.best.ended.value <= whole.best.ended.value
    units = log.read_text().splitlines()
    assert max(Counter(units).values()) == 1
    assert len(units) > before


def test_another_seed_range_population_or_number_of_stages_is_another_search(store):
    searches = [
        noise(store),
        noise(store, seed=1),
        noise(store, rungs=3),
        noise(store, 8),
        noise(store, params={"runs.one.lr": "loguniform(0.01, 0.9)"}),
        noise(store, search="qmc"),
        noise(store, scheduler="none", search="random"),
    ]
    assert len({one.id for one in searches}) == len(searches)
    assert noise(store, 10, population=5).id == searches[0].id


def test_members_that_diverge_are_replaced_and_never_copied(store):
    found = bred(store, params={**LR, "runs.one.diverges_above": "choice(0.05, 0.3, 1e9)"})
    fallen = {one.trial.number for one in found.tried if one.ended.state == "diverged"}
    assert fallen
    assert not fallen & {one.trial.parent for one in found.tried}
    assert found.best.ended.state == "done"
    assert "diverged" in said(found, None)[0]


def test_where_all_members_diverge_the_search_ends_with_a_sentence(store):
    found = bred(
        store, 4, params={"runs.one.lr": "loguniform(0.5, 1)"}, overrides=["runs.one.diverges_above=0.1"]
    )
    assert [one.ended.state for one in found.tried] == ["diverged"] * 4
    assert found.best is None
    assert any("All members of a generation failed or diverged" in sentence for sentence in said(found, None))


@pytest.mark.long
def test_on_ray_it_is_the_same(tmp_path, whole):
    found = bred(Store(str(tmp_path / "ray")).prepare(), options=RunOptions(executor="ray", num_cpus=2))
    assert came_to(found) == came_to(whole)


def test_the_budget_ends_it_between_generations(store):
    found = bred(store, budget=1e-9)
    assert len(found.tried) in (0, 5)
    assert any("budget" in sentence for sentence in said(found, None))


def test_the_best_is_written_as_a_schedule_and_judged_on_fresh_seeds(store, tmp_path):
    search = noise(store, fresh_seeds=2)
    run = SearchRun(search, INLINE)
    run.run()
    write(search, run.judged, tmp_path / "report", title="search")
    best = load_suite(search.objective.task, str(tmp_path / "report" / "best.yaml"))
    assert [cell.id for cell in best.grid().cells.values()] == [*search.best.grid.cells]
    assert run.judged.seeds == (1, 2)
    value = search.best.ended.value
    assert run.judged.best == pytest.approx([value + 1e-6, value + 2e-6])
    assert run.judged.default == pytest.approx([search.default.ended.value + seed * 1e-6 for seed in (1, 2)])
    page = (tmp_path / "report" / "report.html").read_text()
    assert "The schedule of the best trial" in page
    assert "Lineage" in page or "lineage" in page
    rows = (tmp_path / "report" / "trials.csv").read_text().splitlines()
    assert "goes on from" in rows[0]
    assert len(rows) == 1 + 20 + 1
    told = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert told["scheduler"] == {
        "name": "pbt",
        "population": 5,
        "stages": 4,
        "ends": [3, 6, 9, 12],
        "unit": "units",
        "trained": trained(search),
    }
    assert told["trials"][19]["parent"] in range(10, 15)
    assert len(told["trials"][19]["earlier"]) == 3
    assert told["importance"]["shares"] == {}


def test_the_lineage_says_who_was_copied_and_under_which_settings(whole):
    line = ancestry(whole, whole.best)
    assert [one.trial.number // 5 for one in line] == [0, 1, 2, 3]
    assert [one.trial.params for one in line] == list(whole.best.trial.stages)
    table = schedule_table(whole)
    assert [row[1] for row in table.rows] == [f"{3 * n} to {3 * n + 3}" for n in range(4)]
    assert [row[2] for row in table.rows] == [one.trial.number for one in line]
    states = Counter(row[1] for row in trials_table(whole).rows)
    assert states == {"done": 6, "gone on": 12, "replaced": 3}  # the suite's own values among those done
    copied = [one for one in whole.tried if one.trial.parent not in (None, one.trial.number - 5)]
    assert len(copied) == 3
    shown = [row for row in trials_table(whole).rows if str(row[4]).endswith(", copied")]
    assert len(shown) == len(copied)
    assert f"{len(copied)} times a member was replaced" in " ".join(said(whole, None))
    assert summary(whole, None)["trials"][0]["cells"]


def test_a_plan_says_how_many_cells_and_stages_there_are(store):
    cost = cost_of(noise(store, 10, population=5))
    assert (cost.trials, cost.shared, cost.each) == (10, 1, 5)  # four stages and one measurement; one base
    assert (cost.stages, cost.beside) == (8, (2, 0))  # a stage and its measurement, four times; the default's
    assert "8 cells each in all stages beside 1 that they share: at most 81 cells" in " ".join(cost.lines())
    assert "2 populations of 5 members in 4 stages, which end after 3, 6, 9, 12 units" in (
        " ".join(cost.lines())
    )


def test_a_plan_of_a_population_is_what_it_runs(store, log):
    cost = cost_of(noise(store, 3, fresh_seeds=2))
    found = noise(store, 3, fresh_seeds=2)
    SearchRun(found, INLINE).run()
    own, judged = cost.beside
    most = cost.shared + 3 * cost.stages + own + judged
    assert own == 2
    assert judged == 2 * (5 + 2)  # of each seed four stages and a measurement, two of the suite's own values
    assert len(store.results.done()) == most  # nobody was perturbed to the very values of another


@pytest.mark.slow
def test_the_lineage_is_in_mlflow_and_in_every_plan(store, tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    found = noise(store, 4, rungs=2)
    mirrors = []

    def watch(grid):
        header = {"tags": _tags(found), "parent": f"search {found.id}"}
        mirrors.append(Mirror(uri, "noise", "mini", grid, store, **header))
        return mirrors

    run = SearchRun(found, INLINE, watch=watch)
    run.run()
    mirrors[0].close()
    parent = parent_of(uri)
    assert parent.data.tags["gridcell.scheduler.name"] == "pbt"
    assert parent.data.tags["gridcell.scheduler.population"] == "4"
    assert parent.data.tags["gridcell.search_id"] in parent.info.run_name
    tags = {one.data.tags["gridcell.trial"]: one.data.tags for one in children(uri) if _is_trial(one)}
    assert len(tags) == len(found.tried) == 8
    for one in found.tried:
        of_run = tags[str(one.trial.number)]
        assert of_run["gridcell.generation"] == str(len(one.trial.stages))
        above = None if one.trial.parent is None else str(one.trial.parent)
        assert of_run.get("gridcell.parent_trial") == above
        assert of_run["mlflow.parentRunId"] == parent.info.run_id
    labels = {target.labels["trial"]: target.labels for target in run.grid.targets}
    assert [labels[one.trial.number].get("parent_trial") for one in found.tried] == [
        one.trial.parent for one in found.tried
    ]


def _is_trial(run):
    return run.data.tags.get("gridcell.trial", "default") != "default"


def test_at_the_end_no_state_stays_that_a_stage_could_go_on_from(store, log):
    found = noise(store, overrides=["keep_weights=last"])
    run = SearchRun(found, INLINE)
    run.run()
    run.tidying.at_end(run.grid.cells)
    results, _ = store.results.read_many(store.results.done())
    left = [
        (result.cell, name)
        for result in results.values()
        for name, item in result.artifacts.items()
        if store.folder.local(item.path).exists()
    ]
    assert {name for _, name in left} == {"v.json"}
    begun_from = {cell.needs.get("start") for one in found.tried for cell in one.grid.cells.values()}
    assert not begun_from & {cell.id for cell, _ in left}
    units = len(log.read_text().splitlines())
    assert came_to(bred(store, overrides=["keep_weights=last"])) == came_to(found)
    assert len(log.read_text().splitlines()) == units


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"population": 20}, "--trials 5 is no whole population of 20: add --population 5, or --trials 20"),
        ({"population": 4}, "or --trials 8 or --trials 4"),
        ({"search": "tpe"}, "--scheduler pbt chooses by itself"),
        ({"search": "cmaes"}, "--scheduler pbt chooses by itself"),
        ({"rungs": 30}, "12 units are too few for 30 stages: 12 at most"),
        ({"metric": ["loss", "v"]}, "Unknown metric 'v'"),
        ({"params": {"runs.one.width": "int(1, 4)"}}, "width can't change between stages"),
        ({"params": {"runs.one.units": "int(9, 12)"}}, "units can't change between stages"),
        ({"overrides": ["stages=[{runs.one.kind: a}, {}]"]}, "trains in stages of its own"),
        (
            {"overrides": ["stages=[{runs.one.kind: a}, {}]"], "scheduler": "asha"},
            "trains in stages of its own",
        ),
    ],
)
def test_what_a_population_can_not_be_is_refused_before_anything_runs(store, how, sentence):
    with pytest.raises(UserError) as refused:
        noise(store, **how)
    assert sentence in str(refused.value)
    assert not store.folder.names("searches")
