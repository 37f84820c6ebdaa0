"""The examples of public names: each public function has one, and each gives what it says."""

import doctest
import inspect
from importlib import import_module

import pytest

PUBLIC = ("gridcell", *(f"gridcell.{name}" for name in ("data", "learn", "report", "plots", "testing")))
NAMES = [(module, name) for module in PUBLIC for name in sorted(import_module(module).__all__)]


def value_of(module, name):
    value = getattr(import_module(module), name)
    return inspect.unwrap(value) if callable(value) else value


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_an_example_gives_what_it_says(module, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = value_of(module, name)
    if inspect.isfunction(value):
        assert ">>>" in (inspect.getdoc(value) or ""), f"{module}.{name} has no example"
    if not (inspect.isfunction(value) or inspect.isclass(value)) or not value.__module__.startswith(
        "gridcell"
    ):
        return
    home = import_module(value.__module__)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder(exclude_empty=True).find(value, name, module=home):
        runner.run(test)
    assert runner.failures == 0
