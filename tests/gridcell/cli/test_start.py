"""What the command imports before it answers: each command's module once it is asked for, no other."""

import os
import subprocess
import sys
from importlib import import_module

import pytest
from typer.testing import CliRunner

from gridcell.cli.app import COMMANDS, app

NOT_FOR_NAMES = {"pydantic", "yaml", "fsspec", "rich", "sqlite3", "asyncio", "logging.config"}
TRAINING = {"torch", "ray", "mlflow", "lightning", "scipy", "sklearn", "matplotlib", "pandas", "optuna"}
MODULES = 420  # of them 350 are Python's own and Typer's; the whole command line is more than 600


def imported(words, **variables):
    code = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
    code += f"sys.argv = ['gridcell', *{list(words)!r}]\nfrom gridcell.cli import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **variables}
    )
    assert done.returncode in (0, 1), done.stderr  # 1: how completion ends
    return done.stdout, set(done.stderr.rpartition("Traceback")[0].split() or done.stderr.split())


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["-h"]], ids=" ".join)
def test_what_needs_no_command_imports_none(words):
    said, modules = imported(words)
    assert "gridcell" in said
    assert not NOT_FOR_NAMES & modules
    assert len(modules) < MODULES
    assert len([name for name in modules if name.startswith("gridcell")]) < 12


def test_the_names_of_commands_are_completed_without_their_modules():
    said, modules = imported(
        [], _GRIDCELL_COMPLETE="complete_bash", COMP_WORDS="gridcell\nre", COMP_CWORD="1"
    )
    assert said.split() == ["report", "results"]
    assert not {"yaml", "fsspec", "sqlite3", "asyncio"} & modules  # pydantic: Typer's own
    assert len([name for name in modules if name.startswith("gridcell")]) < 12


@pytest.mark.parametrize(
    "words", [["run", "--help"], ["cell", "list", "-h"], ["tune", "-h"], ["store", "-h"]]
)
def test_the_help_of_a_command_imports_no_training_library(words):
    said, modules = imported(words)
    assert said.startswith("Usage: gridcell")
    assert not TRAINING & modules


def test_each_command_is_where_the_table_says_and_its_line_fits_the_terminal():
    for name, entry in COMMANDS.items():
        module, _, attribute = entry.where.partition(":")
        assert getattr(import_module(f"gridcell.cli.{module}"), attribute), name
    listed = CliRunner().invoke(app, ["--help"], terminal_width=80).stdout
    for name, entry in COMMANDS.items():
        assert f"  {name.ljust(11)} {entry.help}" in listed.splitlines()
