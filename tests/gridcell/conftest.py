"""The command as the tests of the command call it."""

import sys

import pytest

from gridcell.cli import main


@pytest.fixture
def gridcell(monkeypatch, capsys, tmp_path):
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
