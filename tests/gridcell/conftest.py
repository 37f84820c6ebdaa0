"""The command as its tests call it, and a task whose files they edit."""

import sys

import pytest

from edited_chain import FILES, Chain, forget_modules
from gridcell import plugins
from gridcell.cli import main
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
