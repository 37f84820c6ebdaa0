"""The reference is what the code is: each command, setting, public name, variable and exit code is on it."""

import ast
import inspect
import re
import subprocess
import sys
from importlib import import_module

import pytest
from typer.main import get_command

from docs.examples import ROOT
from docs.site import commands, generated_pages, summary
from gridcell import FailureClass, find_task, task_names
from gridcell.cli.app import typer_of
from gridcell.execute.outcome import RETRIES
from gridcell.settings.schema import settings_of

DOCS = ROOT / "platform/docs"


def typers_commands(command, words=()):
    """Yield the words and the parsed options of each command, as Typer itself sees them."""
    if not hasattr(command, "commands"):
        yield words, {name for parameter in command.params for name in getattr(parameter, "opts", ())}
        return
    for name, inner in command.commands.items():
        yield from typers_commands(inner, (*words, name))


def test_each_command_is_on_its_page_with_its_options():
    sections = dict(
        re.findall(r"^## (gridcell [^\n]+)$(.*?)(?=^## |\Z)", generated_pages()["command.md"], re.M | re.S)
    )
    found = dict(typers_commands(get_command(typer_of())))
    assert len(found) > 20
    assert set(sections) == {f"gridcell {' '.join(words)}" for words in found}
    for words, options in found.items():
        text = sections[f"gridcell {' '.join(words)}"]
        for option in options:
            if option.startswith("-") and option != "--help":
                assert f"`{option}`" in text, f"{words} misses {option}"


def test_each_command_and_option_has_a_sentence():
    for command in commands.commands():
        assert inspect.getdoc(command.function), command.words
        for parameter in commands.parameters(command.function):
            assert parameter.help, f"{command.words}: {parameter.names or parameter.value} has no help"


@pytest.mark.parametrize("name", task_names())
def test_each_setting_of_a_task_is_on_its_page(name):
    text = generated_pages()[f"settings/{name}.md"]
    for setting in settings_of(find_task(name).settings):
        assert f"`{'.'.join(setting.path)}`" in text


@pytest.mark.parametrize("name", task_names())
def test_a_summary_tells_of_each_of_its_keys(name):
    """The keys of the dict that ``summarise`` returns, read from its source, stand in its docstring."""
    module = summary.module_of(find_task(name))
    if not module:
        return  # the default report's
    source = inspect.getsource(import_module(module).summarise)
    function = ast.parse(source).body[0]
    returned = [
        node.value
        for node in ast.walk(function)
        if (isinstance(node, ast.Return) or (isinstance(node, ast.AnnAssign) and node.target.id == "summary"))
        and isinstance(node.value, ast.Dict)
    ]
    keys = {key.value for made in returned for key in made.keys if isinstance(key, ast.Constant)}
    assert keys
    told = ast.get_docstring(function)
    assert [key for key in keys if not re.search(rf"``{key}\b", told)] == []


def test_each_public_name_is_on_its_page():
    from from_code.api import PUBLIC

    for module in PUBLIC:
        text = generated_pages()[f"api/{module}.md"]
        for name in import_module(module).__all__:
            assert re.search(rf"\.{name}\n", text), f"{module}.{name}"


def test_each_variable_of_ours_is_on_the_page_of_the_environment():
    """All that is called GRIDCELL_... in the sources and the files of clusters, and none that is gone."""
    wanted = re.compile(r"\bGRIDCELL_[A-Z_]+\b")
    found = set()
    for folder, endings in (("platform/gridcell", ".py"), ("tasks", ".py"), ("clusters", "")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.name.endswith(endings):
                found |= set(wanted.findall(path.read_text(encoding="utf-8", errors="ignore")))
    assert set(wanted.findall((DOCS / "reference/environment.md").read_text())) == found


def test_each_class_of_failure_is_told_with_its_retries():
    text = (DOCS / "how_to/recover.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| (\d+)", text, re.MULTILINE))
    assert rows == {each.value: str(RETRIES.get(each, 0)) for each in FailureClass}


@pytest.mark.long
def test_the_site_is_built_without_a_warning_or_the_network(tmp_path):
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--builder", "html"]
    done = subprocess.run([*command, str(DOCS), str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"https?:", text) == [], page
