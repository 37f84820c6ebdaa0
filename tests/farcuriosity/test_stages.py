"""Agents trained in stages: each goes on where the one before ended, under the settings that it names."""

import numpy as np
import pytest
import torch

from farcuriosity import task
from farcuriosity.agent import checkpoint
from farcuriosity.agent.algorithm import learner_of
from farcuriosity.agent.local import local_ray
from farcuriosity.cells.train import build
from farcuriosity.search import changes_of
from gridcell.cell import Stage
from gridcell.errors import UserError
from gridcell.execute.attempt import Attempt
from gridcell.execute.run_cell import run_cell
from gridcell.settings.stages import Schedule
from gridcell.store import Store
from gridcell.suite import load_suite

UPDATE = 64  # steps of all environments between updates
SMALL = (
    "environments={rooms: {id: gridcell/Rooms-v0, options: {rows: 1, columns: 2, max_steps: 40}}}",
    "curiosities={far: {criterion: z, rho: 2, least: 5, capacity: 16, module: {features: 8, burn_in: 0}}}",
    f"training={{steps: {4 * UPDATE}, environments: 4, horizon: {UPDATE // 4}, epochs: 2, minibatches: 2, "
    "features: 16, lstm: 0, random_steps: 64}",
    "forgetting={}",
    "seeds=[3]",
)
FIRST = {"training.lr": 1e-3, "training.adam_eps": 1e-8, "curiosities.far.module.lr": 1e-3}
SECOND = {
    "training.lr": 4e-3,
    "training.adam_eps": 1e-5,
    "training.entropy": 0.1,
    "training.intrinsic_weight": 0.5,
    "training.epochs": 1,
    "training.minibatches": 4,
    "curiosities.far.module.lr": 2e-3,
    "curiosities.far.rho": 3.0,
    "curiosities.far.novelty": 0.9,
}


def planned(*stages, count=2):
    return load_suite(task, "mini", SMALL, schedule=Schedule(stages, count)).grid()


def run(grid, store):
    for cell in grid.cells.values():
        outcome = run_cell(Attempt(cell, task, store))
        assert outcome.failure is None, outcome.failure
    return store.results.read(grid.targets[0].cell)


def same(one, other):
    """Whether two checkpoints hold the same, to the last bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


@pytest.mark.slow
@pytest.mark.xdist_group("agents")
@pytest.mark.usefixtures("local_ray")
def test_a_stage_from_a_stored_agent_is_the_one_that_is_trained_from_nothing(tmp_path):
    stored, fresh = (Store(str(tmp_path / name)).prepare() for name in ("stored", "fresh"))
    first = run(planned(FIRST), stored)
    assert first.metrics["steps"] == 2 * UPDATE
    grid = planned(FIRST, SECOND)
    assert first.cell.id in grid.cells
    last = run(grid, stored)
    assert last.cell.stage == Stage(2 * UPDATE, 4 * UPDATE)
    assert last.metrics["steps"] == 4 * UPDATE
    assert [step for step, _ in last.curves["policy_loss"]] == [UPDATE * n for n in (1, 2, 3, 4)]
    again = run(grid, fresh)
    assert again.metrics == last.metrics
    for name in ("agent.pt", "best.pt"):
        held = [
            torch.load(store.results.fetch(one, name, tmp_path / f"c{place}"), weights_only=True)
            for place, (store, one) in enumerate([(stored, last), (fresh, again)])
        ]
        assert same(*held)
    assert "state.pt" in first.artifacts
    assert "state.pt" not in last.artifacts  # nothing goes on from the end
    other = run(planned(FIRST, FIRST), stored)
    assert other.metrics != last.metrics  # the settings of the second stage do count


@pytest.mark.slow
@pytest.mark.xdist_group("agents")
@pytest.mark.usefixtures("local_ray")
def test_what_a_stage_hands_on_holds_no_setting_that_may_change(tmp_path):
    """Of all entries that may differ, an algorithm that took up a state behaves as its own settings say."""
    first, second = (list(planned(FIRST, stage).cells.values()) for stage in (FIRST, SECOND))
    with local_ray():
        before, after = build(first[0].config, 3, "cpu"), build(second[1].config, 3, "cpu")
        try:
            before.train()
            checkpoint.save(before, tmp_path / "state.pt", best=None, curves={})
            checkpoint.load(after, tmp_path / "state.pt")
            learner = learner_of(after)
            (policy,) = [one for _, one in learner.get_optimizers_for_module("default_policy")]
            assert {(group["lr"], group["eps"]) for group in policy.param_groups} == {(4e-3, 1e-5)}
            fragments = list(learner.curiosity._fragments.held())
            rates = {group["lr"] for one in fragments for group in one.optimiser.param_groups}
            assert rates == {2e-3}
            moments = [state["exp_avg"] for one in fragments for state in one.optimiser.state.values()]
            assert any(np.abs(moment.numpy()).max() > 0 for moment in moments)  # Adam's moments did go on
            assert learner.progress.steps == UPDATE
            rules = learner.curiosity._decisions
            assert rules is not None
            assert learner.config.entropy_coeff == 0.1
            assert learner.config.num_epochs == 1
        finally:
            before.stop()
            after.stop()


def test_each_entry_that_may_change_is_one_of_the_configuration():
    (cell,) = load_suite(task, "mini", SMALL).grid().cells.values()
    for name in changes_of(cell):
        held = cell.config
        for key in name.split("."):
            if key not in held and name.startswith("parameters.module."):
                break  # it has its default there
            held = held[key]
    assert "training.lr" in changes_of(cell)


@pytest.mark.parametrize(
    "name", ["features", "lstm", "environments", "horizon", "steps", "random_steps", "anneal", "policy"]
)
def test_what_gives_an_agent_its_shape_can_not_change(name):
    values = {"features": 32, "lstm": 8, "environments": 8, "horizon": 32, "steps": 512, "random_steps": 9}
    changed = {f"training.{name}": values.get(name, True if name == "anneal" else "released")}
    with pytest.raises(UserError, match="can't change between stages"):
        planned({}, changed)


def test_a_curiosity_of_another_size_can_not_go_on():
    with pytest.raises(UserError, match=r"parameters.capacity can't change between stages"):
        planned({}, {"curiosities.far.capacity": 32})
    with pytest.raises(UserError, match=r"parameters.module.features can't change between stages"):
        planned({}, {"curiosities.far.module.features": 16})


def test_a_plan_counts_the_steps_of_each_stage_once():
    suite = load_suite(task, "mini", SMALL, schedule=Schedule((FIRST, SECOND), 2))
    plain = load_suite(task, "mini", SMALL)
    costs = [task.estimate_cost(one.settings, one.grid()) for one in (suite, plain)]
    assert costs[0]["steps"] == costs[1]["steps"] == "256 by 1 agent"
