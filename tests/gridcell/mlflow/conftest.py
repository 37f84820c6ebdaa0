"""What is mirrored, and where to."""

import shutil

import pytest
import toy_task

from gridcell.mlflow.database import alone, prepare


@pytest.fixture
def grid():
    return toy_task.plan(toy_task.Settings(width=2, length=2))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """A database without runs: MLflow makes its tables in seconds, and a copy of the file is as good."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    with alone(f"sqlite:///{path}"):
        prepare(f"sqlite:///{path}")
    return path


@pytest.fixture
def uri(tmp_path, empty_database):
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"
