"""Databases and addresses of MLflow: unusable, relative, refused."""

import contextlib
import re
import sqlite3
import subprocess
import sys

import pytest
import toy_task
from tests.mlflow_runs import children, experiment, runs

from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.mlflow.address import connect, tracking_uri
from gridcell.store.plans import grid_id


@pytest.fixture
def uri(tmp_path):
    """Where no database is: these tests are of how it is made."""
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.mark.slow
def test_two_drivers_that_begin_together_make_one_experiment(grid, uri):
    code = (
        "from gridcell.mlflow.experiment import Experiment; "
        f"Experiment({uri!r}, 'toy', 'mini', {grid_id(grid)!r}, 7)"
    )
    drivers = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [driver.communicate()[1] for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0] * 2, told
    assert len(runs(uri)) == 1


def test_a_database_whose_making_was_interrupted_is_set_aside_and_made_anew(grid, store, uri, tmp_path):
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    database = tmp_path / "mlflow.db"
    with contextlib.closing(sqlite3.connect(database)) as opened:
        opened.execute("CREATE TABLE experiments (experiment_id INTEGER)")
        opened.execute("CREATE TABLE runs (run_uuid TEXT)")
        opened.commit()
    shown = experiment(uri, grid)
    assert shown.aside == tmp_path / "mlflow.db.unusable-1"
    assert shown.aside.exists()
    assert shown.mirror(store, grid.cells) == len(grid)
    assert experiment(uri, grid).aside is None


def test_a_database_that_holds_runs_and_a_file_of_another_kind_stay(grid, uri, tmp_path):
    database = tmp_path / "mlflow.db"
    with contextlib.closing(sqlite3.connect(database)) as opened:
        opened.execute("CREATE TABLE runs (run_uuid TEXT)")
        opened.execute("INSERT INTO runs VALUES ('mine')")
        opened.commit()
    before = database.read_bytes()
    with pytest.raises(Exception, match=r"(?i)table|revision|schema|column"):
        experiment(uri, grid)
    with contextlib.closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT run_uuid FROM runs").fetchall() == [("mine",)]
    assert before[:16] == database.read_bytes()[:16]
    database.write_text("name,value\n" * 20)
    with pytest.raises(UserError, match="no SQLite database"):
        experiment(uri, grid)
    assert database.read_text().startswith("name,value")


@pytest.mark.slow
@pytest.mark.parametrize(
    "seconds", [0.0, 0.3, 1.0, *(pytest.param(more, marks=pytest.mark.long) for more in (0.1, 0.6))]
)
def test_a_writer_killed_while_it_makes_the_database_leaves_none_or_a_whole_one(grid, uri, tmp_path, seconds):
    code = (
        "from gridcell.mlflow.address import connect; connect('sqlite://'); print(flush=True)\n"
        f"from gridcell.mlflow.database import prepare; prepare({uri!r})"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as making:
        making.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            making.wait(seconds)
        making.kill()
    assert experiment(uri, grid).aside is None
    assert not list(tmp_path.glob("*.making-*"))


def test_a_relative_database_and_an_experiment_deleted_in_the_pages(grid, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    uri = "sqlite:///relative.db"
    experiment(uri, grid).mirror(store, grid.cells)
    client = connect(uri)
    found = client.get_experiment_by_name("toy/mini")
    assert found.artifact_location == (tmp_path / "mlflow-artifacts").as_uri()
    client.delete_experiment(found.experiment_id)
    experiment(uri, grid).mirror(store, grid.cells)
    assert client.get_experiment_by_name("toy/mini").lifecycle_stage == "active"
    assert len(children(uri)) == len(grid)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("./mlruns", "can't keep runs in the folder './mlruns'"),
        ("file:///tmp/mlruns", "can't keep runs in the folder"),
        ("http://", "'http://' (--tracking) names no server"),
        ("http://:5000", "'http://:5000' (--tracking) names no server"),
        ("https://host:0", "names no server"),
        (
            "https://user:" + "secret" + "@host:port/x",  # whole, it would look like a secret that is sent
            "The port in 'https://user:***@host:port/x' (--tracking) must be a number",
        ),
        ("http://host:99999", "must be a number from 1 to 65535"),
        ("postgresql://host:port/x", "must be a number"),
        ("htp://there", "did you mean 'http'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////etc/passwd/mlflow.db", "can't be written"),
    ],
)
def test_an_address_that_mlflow_cannot_use_is_refused(store, uri, said):
    with pytest.raises(UserError, match=re.escape(said)):
        tracking_uri(uri, store)


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:1", "postgresql+psycopg2://x:y@h/db", "sqlite:///new/mlflow.db", "databricks"],
)
def test_other_addresses_are_left_as_they_are(store, uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tracking_uri(uri, store) == uri
