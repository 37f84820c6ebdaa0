"""What 'submit' refuses before it sends anything, and what a job is given to find its code."""

from pathlib import Path

import pytest

from gridcell.cli.interruption import GRACE_S
from gridcell.cluster import jobs
from gridcell.cluster.jobs import environment_for
from gridcell.cluster.package import pack
from gridcell.errors import UserError
from gridcell.execute.reach import prepare_to_reach
from gridcell.task import TASKS_VARIABLE, _installed, _load, find_task

ROOT = Path(__file__).parents[3]
PASSWORD = "hunter22"


@pytest.fixture(autouse=True)
def folder_without_a_cluster(monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:9")
    (tmp_path / "code.py").write_text("x = 1\n")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--storage", "runs"], "'runs' is a folder of this machine"),
        (["--storage", f"s3://me:{PASSWORD}@bucket/x"], "--storage would show its password"),
        (["--storage", "/s", "--tracking", "sqlite:///m.db"], "a file of one machine"),
        (
            ["--storage", "/s", "--tracking", f"http://a:{PASSWORD}@h:5000"],
            "--tracking would show its password",
        ),
        (
            ["--storage", "/s", "--env", "AWS_SECRET_ACCESS_KEY=1"],
            "'--env AWS_SECRET_ACCESS_KEY' would show a secret",
        ),
        (["--storage", "/s", "--env", "NOWHERE_SET"], "takes its value from this shell"),
        (["--storage", "/s", "--suite", "/elsewhere/my.yaml"], "There is no suite file"),
        (
            ["--storage", "/s", "--suite", ROOT / "tests/plugins/toy_suites/mini.yaml"],
            "isn't among the files",
        ),
        (["--storage", "/s", "--set", "widht=3"], "did you mean 'width'"),
        (["--storage", "/s", "--select", "wat=total", "--dry-run"], "did you mean 'what'"),
        (["--storage", "/s", "--max-concurrent", "0", "--dry-run"], "--max-concurrent must be at least 1"),
        (["--storage", "/s", "--max-failures", "0", "--dry-run"], "--max-failures must be at least 1"),
        (["--storage", "/s", "--stall-timeout", "0", "--dry-run"], "--stall-timeout must be above 0"),
        (["--storage", "/s", "--address", "foo"], "'foo' must be that of the head's dashboard"),
        (["--storage", "/s", "--address", "127.0.0.1:1"], "must be that of the head's dashboard"),
        (["--storage", "/s", "--address", "http://h:x"], "No Ray job server answers at http://h:x"),
        (["--storage", "/s", "--limit-mib", "0.1", "--exclude", "nothing"], "No Ray job server answers"),
    ],
)
def test_mistakes_are_one_sentence_and_send_nothing(gridcell, options, sentence):
    code, output, errors = gridcell("submit", "toy", *options)
    assert (code, output) == (2, "")
    assert sentence in errors
    assert PASSWORD not in errors
    assert errors.count("\n") == 1


def test_auto_is_refused_where_no_cluster_was_begun(monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(UserError, match="No Ray cluster was begun on this machine"):
        prepare_to_reach("auto")


def test_a_suite_that_extends_a_file_elsewhere_is_not_sent_without_it(gridcell, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "base.yaml").write_text("extends: mini\n")
    Path("own.yaml").write_text(f"extends: {elsewhere / 'base.yaml'}\n")
    code, _, error = gridcell("submit", "toy", "--suite", "own.yaml", "--storage", "/s", "--dry-run")
    assert code == 2
    assert "base.yaml' isn't among the files that are sent" in error
    Path("base.yaml").write_text("extends: mini\n")
    Path("own.yaml").write_text("extends: base.yaml\n")
    code, output, _ = gridcell("submit", "toy", "--suite", "own.yaml", "--storage", "/s", "--dry-run")
    assert (code, "base.yaml" in output) == (0, True)


def test_a_dry_run_lists_what_would_be_sent(gridcell):
    code, output, _ = gridcell("submit", "toy", "--storage", "/s", "--dry-run")
    assert code == 0
    assert output.splitlines() == ["   0.0 MiB  code.py", "1 file, 0.0 MiB would be sent"]


def test_what_a_run_is_limited_by_goes_along(gridcell, monkeypatch):
    commands, environments = [], []

    class Listening:
        def __init__(self, address):
            pass

        def submit(self, package, command, *, environment, **_):
            commands.append(command)
            environments.append(environment)
            return "toy-mini-1"

    monkeypatch.setattr("gridcell.cli.jobs.Jobs", Listening)
    limits = ["--max-concurrent", "4", "--retry-diverged", "--max-failures", "3", "--stall-timeout", "60.5"]
    code, _, errors = gridcell("submit", "toy", "--storage", "/s", "--no-wait", *limits)
    assert (code, errors) == (0, "")
    ((*command,),) = commands
    assert command[-len(limits) :] == limits
    # Else Ray kills a job that is asked to stop before its cells have saved checkpoints.
    assert int(environments[0]["RAY_JOB_STOP_WAIT_TIME_S"]) > GRACE_S


def test_data_that_only_the_cluster_has_are_no_obstacle(gridcell):
    problem = ["--set", "problems.digits.source=npz", "--set", "problems.digits.path=/cluster/digits.npz"]
    code, output, _ = gridcell("submit", "inductive-bias", "--storage", "/s", *problem, "--dry-run")
    assert code == 0
    first, *_, last = output.splitlines()
    assert first.startswith("Not planned here, but by the job: There is no data file or folder '/cluster/")
    assert last == "1 file, 0.0 MiB would be sent"


def test_a_job_finds_the_sources_of_its_working_directory_first(tmp_path):
    task = find_task("toy")
    inside = environment_for(task, ROOT, {})
    assert inside["PYTHONPATH"].split(":") == ["platform", "tests/plugins", "${PYTHONPATH}"]
    assert inside[TASKS_VARIABLE] == "toy=toy_task:task"
    outside = environment_for(task, tmp_path, {"PYTHONPATH": "/x", "A": "b"})
    assert (outside["PYTHONPATH"], outside["A"]) == ("/x", "b")


def test_a_task_is_found_by_the_variable_of_a_job(monkeypatch):
    monkeypatch.setenv(TASKS_VARIABLE, "sent=toy_task:task")
    _installed.cache_clear()
    _load.cache_clear()
    try:
        assert find_task("sent").summary == "Sums over a small graph."
    finally:
        monkeypatch.undo()
        _installed.cache_clear()
        _load.cache_clear()


def test_a_cluster_whose_nodes_cannot_start_a_job_says_what_to_do(monkeypatch, tmp_path):
    class Client:
        def submit_job(self, **_):
            raise RuntimeError("Request failed with status code 500: No available agent to submit job, ...")

    monkeypatch.setattr(jobs, "PATIENCE_S", 0.0)
    monkeypatch.setattr(jobs, "_connect", lambda address: Client())
    with pytest.raises(UserError, match=r"No node of the cluster at http://h can start a job.*listen-port"):
        jobs.Jobs("http://h").submit(pack(tmp_path), ["true"], name="job", environment={})
