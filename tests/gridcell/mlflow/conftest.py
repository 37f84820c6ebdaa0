"""What is mirrored, and where to."""

import pytest
import toy_task


@pytest.fixture
def grid():
    return toy_task.plan(toy_task.Settings(width=2, length=2))


@pytest.fixture
def uri(tmp_path):
    return f"sqlite:///{tmp_path}/mlflow.db"
