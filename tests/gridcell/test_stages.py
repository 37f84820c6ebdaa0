"""Training in stages: a schedule of settings is a chain of cells, each made from the one before."""

import pytest
from hypothesis import given, strategies as st

from gridcell import Cell, load_suite, plugins
from gridcell.cell import Stage
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.settings.stages import Schedule
from gridcell.stages import ends_of
from gridcell.store import Store
from gridcell.task import find_task
from noise_search import INLINE, PLUGIN


@pytest.fixture
def task():
    plugins.load([PLUGIN], joins=True)
    return find_task("noise")


def suite(task, *rates, overrides=(), count=None):
    schedule = Schedule(tuple({"runs.one.lr": rate} for rate in rates), count or len(rates))
    return load_suite(task, "mini", overrides, schedule=schedule)


def loss(*rates_and_units, seed=0):
    """Return the mean loss after so many steps of each size, by the formula alone."""
    v = 100.0
    for rate, units in rates_and_units:
        for _ in range(units):
            v = (1 - rate) ** 2 * v + rate**2
    return v + 1e-6 * seed


@given(st.integers(1, 500), st.integers(1, 12), st.integers(1, 9))
def test_stages_share_a_training_as_equally_as_whole_grains_allow(total, count, grain):
    grains = -(-total // grain)
    if grains < count:
        with pytest.raises(UserError, match=f"too few for {count} stages: {grains} at most"):
            ends_of(total, count, grain)
        return
    ends = ends_of(total, count, grain)
    assert len(ends) == count
    assert ends[-1] == total
    assert all(end % grain == 0 for end in ends[:-1])
    sizes = [-(-(end - begin) // grain) for begin, end in zip((0, *ends), ends, strict=False)]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1


def test_a_schedule_trains_each_part_under_its_own_settings(task, store):
    planned = suite(task, 0.5, 0.2, 0.05, overrides=["seeds=[3]"]).grid()
    run_grid(task, planned, store, INLINE)
    (target,) = planned.targets
    assert store.results.read(target.cell).metrics["loss"] == loss((0.5, 4), (0.2, 4), (0.05, 4), seed=3)
    stages = [cell.stage for cell in planned.cells.values() if cell.kind == "train"]
    assert stages == [Stage(0, 4), Stage(4, 8), Stage(8, 12)]


def test_a_stage_begins_where_the_one_before_ended_whoever_asked_for_it(task, store, tmp_path, monkeypatch):
    monkeypatch.setenv("NOISE_LOG", str(tmp_path / "log"))
    run_grid(task, suite(task, 0.5, 0.2, count=3).grid(), store, INLINE)  # the first two of three
    longer = suite(task, 0.5, 0.2, 0.1).grid()
    run_grid(task, longer, store, INLINE)
    assert len((tmp_path / "log").read_text().splitlines()) == 12
    fresh = Store(str(tmp_path / "fresh")).prepare()
    run_grid(task, longer, fresh, INLINE)  # the same from nothing
    for cell_id in longer.cells:
        assert fresh.results.read(cell_id).content == store.results.read(cell_id).content


def test_ids_tell_schedules_apart_and_those_without_one_stay(task):
    plain = load_suite(task, "mini").grid()
    (train,) = [cell for cell in plain.cells.values() if cell.kind == "train"]
    again = Cell("noise", "train", dict(train.config), seed=0, needs=dict(train.needs))
    assert again.id == train.id
    assert train.stage is None
    ids = {
        suite(task, *rates, count=3).grid().targets[0].cell
        for rates in [(0.5,), (0.4,), (0.5, 0.4), (0.4, 0.5), (0.5, 0.5), (0.5, 0.5, 0.5)]
    }
    assert len(ids | {plain.targets[0].cell}) == 7


def test_a_suite_of_the_users_own_holds_a_schedule(task, store, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: mini\nstages:\n  - {runs.one.lr: 0.5}\n  - runs: {one: {lr: 0.25}}\n")
    written = load_suite(task, str(path)).grid()
    assert written.cells.keys() == suite(task, 0.5, 0.25).grid().cells.keys()
    assert "in 2 stages of equal units" in written.notes[0]
    by_option = load_suite(task, "mini", ["stages=[{runs.one.lr: 0.5}, {runs.one.lr: 0.25}]"]).grid()
    assert by_option.cells.keys() == written.cells.keys()


def test_an_entry_that_differs_in_one_stage_alone_gets_a_chain_of_its_own(task):
    both = load_suite(
        task,
        "mini",
        ["runs.two={}", "stages=[{runs.two.lr: 0.1}, {runs.two.lr: 0.5}]"],
    ).grid()
    one, two = both.targets
    assert one.cell != two.cell
    assert sum(cell.kind == "train" for cell in both.cells.values()) == 4


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (
            ["stages=[{runs.one.width: 1}, {runs.one.width: 2}]"],
            "width can't change between stages; these can:",
        ),
        (["stages=[{runs.one.units: 9}, {runs.one.units: 8}]"], "units can't change between stages"),
        (["stages=[{runs.one.lr: 0.1}]"], "has 1 stage: a schedule has at least 2"),
        (["stages=3"], "must be a list with what each stage changes"),
        (["stages=[1, 2]"], "must be a list with what each stage changes"),
        (["stages.0.runs.one.lr=3"], "the stages are set together"),
        (["stages=[{seeds: [1]}, {seeds: [2]}]"], "ask for different things"),
        (["stages=[{runs.one.lr: -1}, {runs.one.lr: 1}]"], "stage 1: The setting 'runs.one.lr' is wrong"),
        (["stages=[{runs.one.la: 1}, {}]"], "stage 1: Unknown setting 'runs.one.la': did you mean 'lr'"),
        (["runs.one.lr=0.3", "stages=[{runs.one.lr: 0.1}, {}]"], "sets what the stages set by 'runs.one.lr'"),
        (["runs.one={lr: 0.3}", "stages=[{runs.one.lr: 0.1}, {}]"], "sets what the stages set"),
        (["runs.one.lr=[0.3, 0.4]", "stages=[{runs.one.kind: b}, {}]"], "can't sweep runs.one.lr"),
        (["stages=[{runs.one.lr: [1, 2]}, {}]"], "stage 1: runs.one.lr has several values"),
        (["runs.one.units=3", "grain=2", "stages=[{}, {}, {}]"], "too few for 3 stages: 2 at most"),
    ],
)
def test_what_makes_no_schedule_is_refused(task, overrides, sentence):
    with pytest.raises(UserError) as refused:
        load_suite(task, "mini", overrides).grid()
    assert sentence in str(refused.value)


def test_a_task_without_stages_says_so():
    with pytest.raises(UserError, match="Cells of farmap can't be trained in stages"):
        load_suite(find_task("farmap"), "mini", ["stages=[{}, {}]"])
