"""Every command, suite and Python block of READMEs and pages is parsed, planned, imported; nothing is run."""

import ast
import re
import tomllib
from functools import cache
from importlib import import_module
from importlib.util import find_spec

import pytest
from typer.main import get_command

from docs.examples import BLOCKS, PLACEHOLDER, ROOT, inline_commands, pages
from gridcell import UserError, find_task, load_suite
from gridcell.cli.app import typer_of
from gridcell.cli.common import selection


def case(where, words):
    """Make a case of a command; planning the whole published benchmark takes seconds."""
    large = "imagenet-rib" in words and "paper" in words
    marks = [pytest.mark.slow, pytest.mark.xdist_group("whole-benchmark")] if large else []
    return pytest.param(words, id=f"{where}: {' '.join(words)[:60]}", marks=marks)


WHOLE = get_command(typer_of())
COMMANDS = [case(block.id, words) for block in BLOCKS if block.language == "sh" for words in block.commands]
COMMANDS += [case(path.relative_to(ROOT), words) for path in pages() for words in inline_commands(path)]
PLANS = ("plan", "run", "status", "report", "sync", "forget", "submit")
YOURS = re.compile(
    r"images\.npz|maps\.pkl|errors\.csv|^sets holds no suite|^There are no shards at"
)  # files that the reader brings, or has made


def of(*languages):
    return [pytest.param(block, id=block.id) for block in BLOCKS if block.language in languages]


def parsed(words):
    """Parse a command as the command line does; return its name and what it was given."""
    command, names = WHOLE, []
    while hasattr(command, "commands"):
        names.append(words[0])
        assert words[0] in command.commands, f"there is no command 'gridcell {' '.join(names)}'"
        command, words = command.commands[words[0]], words[1:]
    if not words or words == ["--help"]:  # a command that a sentence only names
        return names, {}
    return names, command.make_context(names[-1], list(words)).params


@cache
def planned(task, suite, override, seeds):
    """Plan a suite; None where only data of the reader's own are missing."""
    try:
        return load_suite(find_task(task), suite, override, seeds).grid()
    except UserError as error:
        if not YOURS.search(str(error)):
            raise
        return None


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_is_one(words, monkeypatch):
    """Its options are there; if it plans a suite, the suite has what it sets and selects."""
    monkeypatch.chdir(ROOT)
    if words[0].startswith("-") or words == ["COMMAND"]:
        return  # the command itself, as 'gridcell --version'
    names, given = parsed(words)
    if not given or names[0] not in PLANS or PLACEHOLDER.search(" ".join(words)):
        return
    if given.get("plugin") or given["suite"].endswith(".yaml"):
        return  # of a file that the page has the reader write: the nightly tests do
    grid = planned(given["task"], given["suite"], tuple(given["override"]), given["seeds"])
    if grid is not None:
        grid.select(selection(list(given["select"])))


@pytest.mark.parametrize("block", of("python"))
def test_what_a_block_imports_is_there(block):
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module = import_module(node.module)
                found = hasattr(module, alias.name) or find_spec(f"{node.module}.{alias.name}")
                assert found, f"{node.module} has no {alias.name}"


@pytest.mark.parametrize("block", of("yaml"))
def test_a_suite_can_be_read(block, tmp_path):
    changes = re.fullmatch(r"changes to (\S+) of (\S+)", block.mark)
    whole = re.fullmatch(r"suite of (\S+): \S+", block.mark)
    assert changes or whole, f"{block.id}: a comment above it has to say of which task it is a suite"
    text = f"extends: {changes[1]}\n{block.text}" if changes else block.text
    file = tmp_path / "own.yaml"
    file.write_text(text)
    assert load_suite(find_task((changes or whole)[changes.lastindex if changes else 1]), str(file))


@pytest.mark.parametrize("block", of("toml"))
def test_toml_can_be_read(block):
    assert tomllib.loads(block.text)


def test_each_block_is_of_a_kind_that_is_tested():
    assert {block.language for block in BLOCKS} <= {"sh", "python", "yaml", "toml", "text"}


def test_marks_are_known_ones():
    known = re.compile(r"|(planned only|not run): .+|suite of \S+: \S+\.yaml|changes to \S+ of \S+|/?\w+")
    assert [block.id for block in BLOCKS if not known.fullmatch(block.mark)] == []
