"""The task from settings to report, and a run that is interrupted."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from farcuriosity.cells import train, video
from farcuriosity.plan import plan
from farcuriosity.report.results import write
from farcuriosity.settings import Settings
from gridcell.context import Context
from gridcell.errors import UserError
from gridcell.report import GridResults
from gridcell.suite import parse_settings

SMALL = {
    "environments": {
        "rooms": {
            "id": "gridcell/Rooms-v0",
            "options": {"rows": 1, "columns": 2, "size": 3, "view": 3, "max_steps": 20},
        }
    },
    "curiosities": {"none": {}, "far": {"criterion": "z", "rho": 0.5, "least": 5, "capacity": 8}},
    "training": {
        "steps": 640,
        "environments": 4,
        "horizon": 16,
        "epochs": 1,
        "minibatches": 2,
        "features": 16,
        "lstm": 0,
        "random_steps": 50,
    },
}


def parsed(**changes):
    return parse_settings(Settings, SMALL | changes)


def context(cell, store, folder, **more):
    (folder / "outputs").mkdir(parents=True)
    (folder / "scratch").mkdir()
    return Context(cell, store, folder / "outputs", folder / "scratch", folder / "cache", **more)


def done(cell, store, folder):
    """Run a cell and commit it, as the platform does."""
    run = {"train": train.run, "video": video.run}[cell.kind]
    surroundings = context(cell, store, folder)
    provenance = {"seconds": 1.0, "versions": {}}
    metrics = run(cell, surroundings)
    return store.results.commit(cell, metrics, surroundings.outputs, provenance, surroundings.curves.points)


def test_the_shipped_suites_plan_without_heavy_imports():
    code = (
        "import sys; from farcuriosity import task; from gridcell.suite import load_suite, suite_names\n"
        "for name in suite_names(task):\n"
        "    suite = load_suite(task, name); grid = suite.grid(); task.estimate_cost(suite.settings, grid)\n"
        "    print(name, len(grid))\n"
        "print(sorted({'torch', 'ray', 'minigrid', 'matplotlib', 'ale_py', 'cv2'} & set(sys.modules)))"
    )
    paths = os.pathsep.join(sys.path)
    said = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    *sizes, heavy = said.stdout.splitlines()
    assert heavy == "[]"
    # environments x curiosities x seeds, + videos, + worlds x curiosities x seeds
    assert sizes == [
        "atari 24",
        f"conditions {3 * 4 * 4 * 5}",
        f"doorkey {3 * 5 * 2}",  # and an evaluation each
        f"mini {2 * 3 * 2 + 1 * 3 * 2}",
        f"paper {7 * 5 * 5 + 2 * 2 * 5}",
        "pong 4",
        f"released {4 * 2 * 5}",
        f"returns {1 * 2 * 10}",
        f"spaces {15 * 2}",
    ]


def test_steps_are_whole_updates_and_threads_change_no_id():
    one = plan(parsed())
    assert {cell.config["steps"] for cell in one.cells.values()} == {640}
    other = plan(parsed(training=SMALL["training"] | {"steps": 650, "threads": 2}))
    assert list(one.cells) == list(other.cells)
    assert {cell.resources.cpus for cell in other.cells.values()} == {2}


def test_rounding_is_said_whatever_it_amounts_to():
    """Of 100 steps that a user asked for, 2,048 were planned without a word; and 2,048 of 2,000."""

    def notes(steps):
        return plan(parsed(training=SMALL["training"] | {"steps": steps})).notes

    assert any("rooms: 100 steps are rounded to 128, in updates of 4 x 16" in one for one in notes(100))
    assert any("rooms: 650 steps are rounded to 640, in updates of 4 x 16" in one for one in notes(650))
    assert not any("rounded" in one for one in notes(640))


def test_one_note_tells_the_rounding_of_all_environments_that_share_it():
    rooms = parsed().environments["rooms"].model_dump(mode="json", exclude_none=True)
    environments = {f"e{number}": rooms for number in range(6)} | {"odd": {**rooms, "steps": 70}}
    made = plan(parsed(environments=environments, training=SMALL["training"] | {"steps": 650}))
    told = [note for note in made.notes if "rounded" in note]
    assert told[0].startswith("e0, e1, e2, e3 and 2 more: 650 steps are rounded to 640")
    assert told[1].startswith("odd: 70 steps are rounded to 64")


@pytest.mark.xdist_group("agents")
def test_an_agents_processes_have_the_threads_that_were_asked_for(local_ray):
    for processes in ({}, {"runners": 2}, {"learners": 2}, {"runners": 1, "learners": 2}):
        cell, *_ = plan(parsed(training=SMALL["training"] | {"threads": 3} | processes)).cells.values()
        assert train.threads_of(cell) == 3
    cell, *_ = plan(parsed()).cells.values()
    algorithm = train.build(cell.config, 0, "cpu", threads=3)
    try:
        assert algorithm.env_runner.config.env_config["threads"] == 3
    finally:
        algorithm.stop()


def test_a_cell_asks_for_the_processes_that_work_at_once_and_a_gpu_for_each_learner():
    def asked(**training):
        (cell, *_) = plan(parsed(training=SMALL["training"] | training)).cells.values()
        return cell.resources.cpus, cell.resources.gpus, cell.resources.workers

    assert asked() == (1, 0, 1)
    assert asked(runners=2, threads=3) == (9, 0, 1)
    assert asked(runners=1, gpus=0.5) == (2, 0.5, 1)
    assert asked(learners=2) == (2, 0, 1)
    assert asked(learners=2, runners=4, gpus=1) == (5, 2, 1)


def test_one_learner_goes_without_saying_and_two_make_other_cells():
    one, two = (plan(parsed(training=SMALL["training"] | {"learners": n})) for n in (1, 2))
    assert list(one.cells) == list(plan(parsed()).cells)
    assert not set(one.cells) & set(two.cells)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"curiosities": {"rdn": {}}}, "Unknown curiosity 'rdn': did you mean 'rnd'"),
        ({"curiosities": {"far": {"roh": 3}}}, "Unknown setting 'curiosities.far.roh': did you mean 'rho'"),
        ({"training": {"environments": 6}}, "training.environments"),
        ({"training": {"environments": 8, "learners": 3}}, "training.environments to a multiple of 12"),
        ({"training": {"learners": 2, "gpus": 0.5}}, "2 learners can't share a GPU"),
        ({"training": {"learning_rate": 1}}, "Unknown setting 'training.learning_rate'"),
        (
            {"training": {"preset": ["burda", "released"]}},
            "there is no preset .* of training",
        ),
        ({"training": {"preset": {}}}, "there is no preset .* of training"),
        ({"environments": {"rooms": {}}}, "environments.rooms.id"),
        ({"environments": {"pong": {"id": "ALE/Pomg-v5"}}}, "'ALE/Pomg-v5': did you mean 'ALE/Pong-v5'"),
        ({"environments": {"pong": {"id": "ale_py:ALE/Pomg-v5"}}}, "did you mean 'ALE/Pong-v5'"),
        ({"environments": {"pong": {"id": "ALE/Qqqqqqqqqqqq"}}}, "there is none with a similar name"),
        ({"environments": {"a": {"id": "gridcell/Room-v0"}}}, "did you mean 'gridcell/Rooms-v0'"),
        (
            {"environments": {"pong": {"id": "ALE/Pong-v5", "options": {"stickyy": 0.25}}}},
            "Unknown setting 'environments.pong.options.stickyy': did you mean 'sticky'",
        ),
        (
            {"environments": {"rooms": {"id": "gridcell/Rooms-v0", "options": {"rowz": 3}}}},
            "Unknown setting 'environments.rooms.options.rowz': did you mean 'rows'",
        ),
        (
            {"environments": {"rooms": {"id": "gridcell/Rooms-v0", "options": {"view": 4}}}},
            "environments.rooms.options.view' is wrong: what is seen has a middle, so its side must be odd",
        ),
        (
            {"environments": {"pole": {"id": "CartPole-v1", "options": {"length": math.inf}}}},
            "environments.pole.options' is wrong: length is inf",
        ),
        ({"curiosities": {"far": {"capacity": 7}}}, "4 environments need a capacity of at least 8 fragments"),
        ({"curiosities": {"rnd": {"lr": math.inf}}}, "curiosities.rnd.lr' is wrong"),
        ({"curiosities": {"far": {"rho": math.inf}}}, "curiosities.far.rho' is wrong"),
        ({"curiosities": {"far": {"module": {"lr": math.inf}}}}, "module.lr' is wrong"),
        (
            {"forgetting": {"curiosities": {"idle": {"kind": "none"}}}},
            "forgetting.curiosities' is wrong: 'idle' rewards nothing",
        ),
    ],
)
def test_mistakes_are_told_in_a_sentence(changes, message):
    with pytest.raises(UserError, match=message):
        parsed(**changes)


def test_an_empty_suite_is_refused():
    with pytest.raises(UserError, match="nothing to run"):
        plan(Settings())


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ({"environments": {"e": {"id": "CartPole-v1"}}}, "'environments' has no effect: 'curiosities' names"),
        ({"curiosities": {"rnd": {}}}, "'curiosities' has no effect: 'environments' names none"),
        (
            {"forgetting": {"path": {"laps": 3}, "paths": {"long": {"laps": 9}}}},
            "'forgetting.path' has no effect: 'forgetting.paths' are followed instead",
        ),
    ],
)
def test_what_has_no_effect_is_said(given, note):
    study = {"worlds": {"two": {}}, "curiosities": {"rnd": {}}, **given.pop("forgetting", {})}
    notes = plan(Settings(forgetting=study, **given)).notes
    assert any(note in one for one in notes), notes
    assert not [one for one in plan(Settings(forgetting=study | {"path": {}})).notes if "no effect" in one]


def test_studies_that_would_have_one_name_are_refused():
    study = {"worlds": {"a": {}, "a-b": {"rows": 3}}, "curiosities": {"rnd": {}}}
    with pytest.raises(UserError, match=r"'a' along path 'b-c' and world 'a-b' along path 'c' .* 'a-b-c'"):
        plan(Settings(forgetting=study | {"paths": {"b-c": {}, "c": {}}}))
    assert len(plan(Settings(forgetting=study | {"paths": {"b": {}, "c": {}}})).targets) == 4


@pytest.mark.slow
@pytest.mark.xdist_group("agents")
def test_from_settings_to_report_and_video(store, tmp_path, local_ray):
    settings = parsed(video={"enabled": True, "max_steps": 15})
    grid = plan(settings)
    results = {cell.id: done(cell, store, tmp_path / cell.id) for cell in grid.cells.values()}
    found = GridResults("farcuriosity / test", settings.model_dump(mode="json"), grid, results, {}, store)
    report = write(found, tmp_path / "report")
    page = report.page.read_text()
    assert page.count("<video") == 2
    assert "Fragments over time" in page  # the page writes the titles of its figures
    assert "where fragments were made" in page
    assert "began a new fragment" in page
    rows = json.loads((tmp_path / "report" / "summary.json").read_text())["table"]
    assert [row["curiosity"] for row in rows] == ["none", "far"]
    assert rows[1]["values"]["fragments"]["mean"] > 1
    far = next(result for result in results.values() if result.cell.config.get("curiosity") == "far")
    with np.load(store.results.fetch(far, "episodes.npz", tmp_path)) as episodes:
        assert episodes["lengths"].max() <= 20
        assert far.metrics["score"] == pytest.approx(episodes["returns"][-100:].mean())
        assert episodes["frames"].shape[1:] == (3, 3, 3)


def test_the_machine_says_how_often_to_save():
    assert train.seconds_between_checkpoints({}) == 300
    assert train.seconds_between_checkpoints({"GRIDCELL_CHECKPOINT_SECONDS": "2.5"}) == 2.5
    for wrong in ("often", "-1", "nan"):
        with pytest.raises(UserError, match=f"is '{wrong}'"):
            train.seconds_between_checkpoints({"GRIDCELL_CHECKPOINT_SECONDS": wrong})


class Stopped(BaseException):
    """As if the process had been killed: nothing may catch and tidy up after it."""


@pytest.mark.slow
@pytest.mark.xdist_group("agents")
@pytest.mark.parametrize(
    "processes",
    [{}, pytest.param({"learners": 2, "runners": 2}, marks=pytest.mark.long)],
    ids=["one", "four"],
)
def test_an_interrupted_run_goes_on_from_its_last_checkpoint(store, tmp_path, local_ray, processes):
    (_, far) = plan(parsed(training=SMALL["training"] | processes)).cells.values()
    assert far.config["curiosity"] == "far"

    def stop(step, _metrics):
        if step >= 384:
            raise Stopped

    broken = context(far, store, tmp_path / "one", reporter=stop)
    with pytest.raises(Stopped):
        train.train(far, broken, checkpoint_every_s=0.0)
    again = context(far, store, tmp_path / "two")
    metrics = train.train(far, again, checkpoint_every_s=1e9)
    assert metrics["steps"] == 640
    for name, points in again.curves.points.items():
        steps = [step for step, _ in points]
        assert steps == list(range(steps[0], 641, 64)), name  # none twice, none missing
    before, after = broken.curves.points, again.curves.points
    for name in ("fragments", "places", "intrinsic_reward", "episodes"):
        kept = before[name][:-1]  # the last was reported after the last checkpoint
        assert [tuple(point) for point in after[name][: len(kept)]] == kept
    assert after["fragments"][len(before["fragments"]) - 1][1] >= before["fragments"][-2][1] > 1
