"""Jobs, end to end: submitted from outside to a real cluster of a head and worker nodes, one or two."""

import json
import shutil
from itertools import pairwise

import pytest

from gridcell.errors import UserError
from gridcell.execute.reach import prepare_to_reach
from gridcell.store import Store
from local_cluster import ROOT, SOURCES, LocalCluster

TINY = ["--suite", "tests/imagenet_rib/tiny.yaml", "--select", "method=ft", "--select", "downstream=v2,r"]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("jobs")]


@pytest.fixture(scope="module")
def cluster():
    """Without MLflow, which nobody looks at here: each job would start it, and be followed by it."""
    cluster = LocalCluster({"PYTHONPATH": f"{ROOT / 'tests/without_mlflow'}:{SOURCES}"})
    try:
        cluster.start()
        cluster.add_worker()
        cluster.wait_for_nodes(2)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def two_workers(cluster):
    """The cluster with one worker node more, which stays."""
    cluster.add_worker()
    cluster.wait_for_nodes(3)
    return cluster


@pytest.fixture
def own_task(tmp_path):
    """A folder with a task of one's own, which the cluster doesn't have."""
    folder = tmp_path / "mine"
    shutil.copytree(ROOT / "tests/plugins", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_a_task_of_ones_own_is_sent_run_and_followed(cluster, own_task, tmp_path):
    storage = tmp_path / "store"
    done = cluster.gridcell("submit", "toy", "--storage", storage, "--no-wait", cwd=own_task)
    assert done.returncode == 0, done.stderr
    job = done.stdout.split("job ")[1].split()[0]
    assert job.startswith("toy-mini-")

    followed = cluster.gridcell("job", "logs", job, "--follow", cwd=tmp_path)
    assert "7 cells run, 0 failed" in followed.stdout
    told = json.loads(cluster.gridcell("job", "status", job, "--json", cwd=tmp_path).stdout)
    assert (told["status"], told["exit_code"]) == ("SUCCEEDED", 0)
    assert f"gridcell run toy --suite mini --storage {storage} --address auto" in told["entrypoint"]
    store = Store(str(storage))
    assert len(store.results.done()) == 7
    total = next(c for plan in store.plans.read_all() for c in plan.cells.values() if c.title == "total")
    assert store.results.read(total.id).metrics == {"sum": 6}
    assert "had ended already" in cluster.gridcell("job", "stop", job, cwd=tmp_path).stdout


@pytest.mark.long
def test_a_grid_on_two_nodes_equals_the_same_grid_on_one(two_workers, tmp_path):
    cluster = two_workers
    many, one = tmp_path / "many", tmp_path / "one"
    done = cluster.gridcell("submit", "imagenet-rib", *TINY, "--storage", many, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    done = cluster.gridcell("run", "imagenet-rib", *TINY, "--storage", one, "--executor", "inline", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    many, one = Store(str(many)).results, Store(str(one)).results
    assert many.done() == one.done()
    results = {cell: many.read(cell) for cell in many.done()}
    assert {cell: result.content for cell, result in results.items()} == {
        cell: one.read(cell).content for cell in one.done()
    }
    # The head has no CPU and each worker node one: two cells at a time, as the two pre-trainings, are two
    # nodes at work.
    spans = sorted(
        (result.provenance["started"], result.provenance["started"] + result.seconds)
        for result in results.values()
    )
    assert any(later[0] < earlier[1] for earlier, later in pairwise(spans))


SUITE = """
plugins: [parts/turning.py]
maps: {small: 1}
agents: {turning: {kind: turning}}
steps: 100
"""
STRAIGHT = """
from farmap.agents.kind import AgentKind, Parameters

class Settings(Parameters):
    turn: float = 0.1

class Agent:
    active_memory = own_memory = box_memory = 0
    done = gave_up = False

    def __init__(self, rng, *, turn):
        self.rng, self.turn, self.heading, self.stopped = rng, turn, 0, False

    def observe(self, observation):
        self.heading, self.stopped = int(observation["heading"]), not observation["moved"].any()

    def act(self):
        return int(self.rng.integers(4)) if self.stopped or self.rng.random() < self.turn else self.heading

    def counts(self):
        names = ("fragments", "recalls", "matches", "looks", "stored_memory", "cells_read")
        return dict.fromkeys(names, 0)

agent = AgentKind(name="straight", make=Agent, parameters=Settings)
"""
TURNING = """
import json
from pathlib import Path
from farmap.agents.kind import AgentKind, Parameters
from own_walk import Agent

def make(rng):
    return Agent(rng, turn=json.loads(Path(__file__).with_name("turn.json").read_text()))

agent = AgentKind(name="turning", make=make)
"""


def test_parts_of_ones_own_are_sent_with_the_data_that_they_read(cluster, tmp_path):
    """An agent by ``--plugin``, and one with a module and a table beside it by the suite."""
    folder = tmp_path / "mine"
    (folder / "parts").mkdir(parents=True)
    (folder / "straight.py").write_text(STRAIGHT)
    (folder / "parts" / "own_walk.py").write_text(STRAIGHT.partition("agent = ")[0])
    (folder / "parts" / "turning.py").write_text(TURNING)
    (folder / "parts" / "turn.json").write_text("0.5")
    (folder / "suite.yaml").write_text(SUITE)
    what = ("farmap", "--suite", "suite.yaml", "--plugin", "straight.py")
    done = cluster.gridcell("submit", *what, "--storage", tmp_path / "many", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    done = cluster.gridcell("run", *what, "--storage", tmp_path / "one", "--executor", "inline", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    many, one = Store(str(tmp_path / "many")).results, Store(str(tmp_path / "one")).results
    assert many.done() == one.done()
    results = [many.read(cell) for cell in many.done()]
    assert {result.cell.title.split()[0] for result in results} == {"straight", "turning"}
    for result in results:
        other = one.read(result.cell.id)
        assert timeless(result) == timeless(other), result.cell.title
        assert result.provenance["code"] == other.provenance["code"], result.cell.title


def timeless(result):
    """Return what doesn't depend on how fast the machine is."""
    return result.curves, {name: value for name, value in result.metrics.items() if "second" not in name}


def test_a_job_that_fails_and_one_that_is_stopped_say_so(cluster, own_task, tmp_path):
    done = cluster.gridcell("submit", "toy", "--storage", "/proc/nowhere", cwd=own_task)
    assert done.returncode == 2  # what 'gridcell run' ended with, for nothing can be written there
    assert "failed with exit code 2" in done.stdout
    done = cluster.gridcell("submit", "toy", "--storage", tmp_path / "s", "--no-wait", cwd=own_task)
    job = done.stdout.split("job ")[1].split()[0]
    assert "is being stopped" in cluster.gridcell("job", "stop", job, cwd=tmp_path).stdout
    listed = json.loads(cluster.gridcell("job", "list", "--json", cwd=tmp_path).stdout)
    assert job in {item["id"] for item in listed}


def test_a_job_that_is_stopped_saves_checkpoints_and_another_goes_on(cluster, own_task, tmp_path):
    """Ray by itself would kill it after three seconds; here a checkpoint takes longer than that."""
    code = own_task / "toy_task.py"
    save = '(context.scratch / "state").write_text("so far")'
    code.write_text(code.read_text().replace(save, f"time.sleep(4)\n            {save}"))
    what = ("toy", "--set", "width=1", "--set", "length=1", "--set", "fail.r0c0=works-until-asked")
    again = ("submit", *what, "--storage", tmp_path / "s")
    done = cluster.gridcell(*again, "--no-wait", cwd=own_task)
    job = done.stdout.split("job ")[1].split()[0]
    while "running 1" not in cluster.gridcell("job", "logs", job, cwd=tmp_path).stdout:
        pass  # a call takes a second
    cluster.gridcell("job", "stop", job, cwd=tmp_path)
    said = cluster.gridcell("job", "logs", job, "--follow", cwd=tmp_path).stdout
    assert "Asked to end: running cells save a checkpoint" in said
    assert "Stopped; 0 of 2 cells are done and kept." in said
    assert "if this is a job, submit it again" in said
    done = cluster.gridcell(*again, cwd=own_task)
    assert "2 cells run, 0 failed" in done.stdout, done.stdout + done.stderr


def test_mistakes_are_one_sentence(cluster, own_task, tmp_path, monkeypatch):
    done = cluster.gridcell("job", "status", "nope", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no job 'nope'" in done.stderr
    monkeypatch.setitem(cluster.environment, "RAY_AUTH_TOKEN", "another-token-another-token-12345")
    done = cluster.gridcell("job", "list", cwd=tmp_path)
    assert done.returncode == 2
    assert "refuses this token" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_grid_is_run_from_a_shell_on_the_head(cluster, tmp_path):
    address = f"127.0.0.1:{cluster.port}"
    (tmp_path / "suite.yaml").write_text(
        "maps: {small: 1}\nagents: {random-walk: {kind: random-walk}}\nsteps: 200\n"
    )
    farmap = ("run", "farmap", "--suite", "suite.yaml", "--storage", tmp_path / "s", "--address", address)
    done = cluster.gridcell(*farmap, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    # The workers don't have the toy task, which this shell has.
    environment = dict(cluster.environment)
    cluster.environment["PYTHONPATH"] += f":{ROOT / 'tests/plugins'}"
    try:
        done = cluster.gridcell("run", "toy", "--storage", tmp_path / "t", "--address", address, cwd=tmp_path)
    finally:
        cluster.environment.update(environment)
    assert done.returncode == 2
    assert "can't load the task 'toy'" in done.stderr


def test_the_doctor_asks_each_node(cluster, tmp_path):
    address = f"127.0.0.1:{cluster.port}"
    done = cluster.gridcell(
        "doctor", "--address", address, "--storage", tmp_path / "s", "--json", cwd=tmp_path
    )
    findings = json.loads(done.stdout)["findings"]
    nodes = [finding for finding in findings if finding["check"].startswith("node ")]
    assert [node["level"] for node in nodes] == ["ok"] * len(cluster.processes), nodes


@pytest.mark.parametrize(
    ("address", "sentence"),
    [("ray://127.0.0.1:10001", "gridcell submit"), ("127.0.0.1:9", "nothing answers at 127.0.0.1:9")],
)
def test_an_address_that_cannot_work_is_refused_at_once(address, sentence, monkeypatch):
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # set by the function: taken back at the end
    with pytest.raises(UserError, match=sentence):
        prepare_to_reach(address)


def test_auto_says_whose_address_it_took_and_how_to_name_another(monkeypatch, tmp_path):
    """On a shared host it is that of whoever began a cluster last."""
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:9")
    with pytest.raises(UserError, match=r"begun last on this host, by whomever .* --address HOST:PORT"):
        prepare_to_reach("auto")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(UserError, match="This address is RAY_ADDRESS's; name the head"):
        prepare_to_reach("auto")
