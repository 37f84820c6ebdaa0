"""The command as its tests call it, a Ray for many of their runs, and a task whose files they edit."""

import contextlib
import sys
from unittest import mock

import pytest

import shared_ray
from edited_chain import FILES, Chain, forget_modules
from gridcell import plugins
from gridcell.cli import main
from gridcell.execute.cluster import ray_cluster
from gridcell.mlflow.mirror import Mirror


@pytest.fixture
def without_mlflow(monkeypatch):
    """A mirror that is there, and to which nothing is written: MLflow starts longer than these grids run."""
    monkeypatch.setattr(Mirror, "_follow", lambda self: None)


@pytest.fixture
def gridcell(without_mlflow, monkeypatch, capsys, tmp_path):
    """Run the command in this process, in an empty folder; return (exit code, output, errors)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["gridcell", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def one_ray(request):
    """A Ray with two CPUs, or as many as the module says (``CPUS``), on which runs go one after another.

    Tests of several modules share it, in the process of the group ``one-ray``.
    """
    cpus = getattr(request.module, "CPUS", 2)

    @contextlib.contextmanager
    def there(address, num_cpus):
        assert (address, num_cpus) == (None, cpus)
        yield

    shared_ray.provide(request.module, ray_cluster, None, cpus)
    with mock.patch("gridcell.execute.tune.ray_cluster", there):
        yield


@pytest.fixture(params=["inline", pytest.param("ray", marks=shared_ray.TESTS)])
def executor(request):
    """Each executor in turn."""
    if request.param == "ray":
        request.getfixturevalue("one_ray")
    return request.param


@pytest.fixture
def chain(tmp_path, monkeypatch, store):
    """Return what plans, runs and judges the chain with the code that is in its folder now."""
    folder = tmp_path / "code"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    yield Chain(folder, store)
    plugins.forget()
    forget_modules()
