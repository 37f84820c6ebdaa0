"""Files of the user's own: loaded, edited, sent to other processes, refused where they are of no use."""

import os
import pickle
import re
import subprocess
import sys

import pytest

from gridcell import plugins
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.fingerprint import Codes
from gridcell.parts import PartKind, check_useful, joined, load_named
from gridcell.store.scratch import sweep
from gridcell.suite import load_suite
from gridcell.task import find_task, task_names
from shared_ray import RAY_AT_NIGHT

TASK = '''
"""A task in one file, with a helper beside it."""

from pathlib import Path

from gridcell.grid import GridBuilder
from gridcell.settings import Strict
from gridcell.task import Task
from helper_of_test import FACTOR


class Settings(Strict):
    """One number."""

    number: int = 1


def plan(settings):
    grid = GridBuilder("doubling")
    grid.target({"number": settings.number}, grid.add("double", {"number": settings.number}))
    return grid.build()


def double(cell, context):
    import helper_of_test_later

    return {"doubled": FACTOR * cell.config["number"] + helper_of_test_later.NOTHING}


def write(results, out):
    raise AssertionError


task = Task(
    name="doubling",
    summary="Numbers doubled, in a file of the user's own.",
    settings=Settings,
    suites=Path(__file__).parent,
    plan=plan,
    cells={"double": f"{__name__}:double"},
    report=f"{__name__}:write",
)
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "doubling_of_test.py").write_text(TASK)
    (tmp_path / "helper_of_test.py").write_text("FACTOR = 2\n")
    (tmp_path / "helper_of_test_later.py").write_text("NOTHING = 0\n")
    (tmp_path / "mini.yaml").write_text("number: 21\n")
    yield tmp_path
    plugins.forget()
    for name in ("helper_of_test", "helper_of_test_later"):
        sys.modules.pop(name, None)


@RAY_AT_NIGHT
def test_a_task_in_a_file_runs_by_every_executor(folder, store, executor):
    plugins.load([folder / "doubling_of_test.py"])
    task = find_task("doubling")
    grid = load_suite(task, "mini").grid()
    schedule = run_grid(task, grid, store, RunOptions(executor=executor, num_cpus=2))
    assert not schedule.failed
    (cell,) = grid.cells
    assert store.results.read(cell).metrics == {"doubled": 42}


def test_it_is_a_task_as_long_as_it_is_loaded(folder):
    assert "doubling" not in task_names()
    plugins.load([folder / "doubling_of_test.py"])
    assert "doubling" in task_names()
    plugins.forget()
    with pytest.raises(UserError, match="Unknown task 'doubling'"):
        find_task("doubling")


def test_another_process_receives_it_with_the_files_it_imports(folder):
    plugins.load([folder / "doubling_of_test.py"])
    sent, task = plugins.to_send(), find_task("doubling")
    assert set(sent[0].files) == {"doubling_of_test.py", "helper_of_test.py", "helper_of_test_later.py"}
    received = folder / "received"
    received.write_bytes(pickle.dumps((sent, pickle.dumps(task))))
    for file in folder.glob("*.py"):
        file.unlink()
    code = (
        "import pickle, sys; from gridcell import plugins; "
        f"sent, task = pickle.load(open({str(received)!r}, 'rb')); plugins.receive(sent); "
        "task = pickle.loads(task); print(task.name, task.settings().number)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["doubling", "1"]


def sent(folder):
    """Return a file with the plug-in as a process is sent it, and an empty folder for temporary files."""
    plugins.load([folder / "doubling_of_test.py"])
    received, temporary = folder / "received", folder / "temporary"
    received.write_bytes(pickle.dumps(plugins.to_send()))
    temporary.mkdir()
    return received, temporary


@pytest.mark.parametrize("module", ["gridcell.plugins", "gridcell.execute.received"])
def test_what_a_process_receives_lies_in_a_temporary_folder_that_goes_with_it(folder, module):
    received, temporary = sent(folder)
    code = (
        f"import os, pickle; from {module} import receive; from gridcell import plugins; "
        f"receive(pickle.load(open({str(received)!r}, 'rb'))); "
        "here = plugins.here(plugins.loaded()[0].path); print(here, here.is_file())"
    )
    environment = os.environ | {"TMPDIR": str(temporary)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.startswith(str(temporary))
    assert done.stdout.endswith("True\n")
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_received_is_swept(folder, monkeypatch):
    received, temporary = sent(folder)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    code = (
        "import os, pickle, signal; from gridcell.execute.received import receive; "
        f"receive(pickle.load(open({str(received)!r}, 'rb'))); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(temporary.iterdir())) == 2  # the folder and its lock
    assert sweep() == 1
    assert list(temporary.iterdir()) == []


def test_an_edited_file_is_loaded_anew_and_an_edited_helper_too(folder):
    file = folder / "doubling_of_test.py"
    (before,) = plugins.load([file])
    (same,) = plugins.load([file])
    assert same.module is before.module
    (folder / "helper_of_test.py").write_text("FACTOR = 3\n")
    (after,) = plugins.load([file])
    assert after.module.FACTOR == 3
    assert len(plugins.loaded()) == 1


def test_files_that_are_edited_twice_a_second_are_run_as_they_are(folder, monkeypatch):
    """Python takes bytecode for a file's as long as size and second of its last change are the same."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file, helper = folder / "twice_edited.py", folder / "twice_edited_beside.py"
    found = []
    for number in (1, 2):
        for path, text in ((file, f"OWN = {number}\n"), (helper, f"FACTOR = {number}\n")):
            path.write_text(text if path is helper else f"from twice_edited_beside import FACTOR\n{text}")
            os.utime(path, (1e9, 1e9))
        (plugin,) = plugins.load([file])
        found.append((plugin.module.OWN, plugin.module.FACTOR))
    assert found == [(1, 1), (2, 2)]


def test_an_edited_helper_in_a_folder_without_init_is_loaded_anew(folder):
    (folder / "space_of_test").mkdir()
    (folder / "space_of_test" / "helper.py").write_text("FACTOR = 2\n")
    file = folder / "spaced_of_test.py"
    file.write_text("from space_of_test.helper import FACTOR\n")
    plugins.load([file])
    (folder / "space_of_test" / "helper.py").write_text("FACTOR = 30\n")
    assert plugins.load([file])[0].module.FACTOR == 30


def test_an_edited_package_of_the_folder_is_noticed_at_its_root(folder):
    """Python runs ``__init__.py`` of a package whose module is imported."""
    (folder / "pack_of_test").mkdir()
    (folder / "pack_of_test" / "__init__.py").write_text("SCALE = 1\n")
    (folder / "pack_of_test" / "core.py").write_text("")
    file = folder / "doubling_of_test.py"
    file.write_text("import pack_of_test.core\n" + TASK)
    plugins.load([file])
    task = find_task("doubling")
    (cell,) = load_suite(task, "mini").grid().cells.values()
    before = Codes(task).of(cell)
    (folder / "pack_of_test" / "__init__.py").write_text("SCALE = 2\n")
    assert Codes(task).of(cell).fingerprint != before.fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def (:", r"not valid Python: .*line 1"),
        ("import sys\nsys.exit(3)", "fails when it is loaded: SystemExit: 3"),
        ("1 / 0", "fails when it is loaded: ZeroDivisionError: division by zero"),
        ("import helper_of_test\nraise ValueError('no')", "fails when it is loaded: ValueError: no"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_refused_with_the_reason(folder, text, message):
    (folder / "broken.py").write_text(text)
    with pytest.raises(UserError, match=message):
        plugins.load([folder / "broken.py"])
    assert plugins.loaded() == ()


@pytest.mark.parametrize("name", ["json", "random", "sys", "torch", "farmap", "gridcell"])
def test_a_file_that_would_hide_another_module_is_refused(folder, name):
    """Its folder comes first where Python looks: in a worker, 'import json' would find it."""
    (folder / f"{name}.py").write_text("")
    with pytest.raises(
        UserError, match=f"{name}.py' hides another module, .*{name}.*: give the file another"
    ):
        plugins.load([folder / f"{name}.py"])
    assert str(folder) not in sys.path


def test_a_package_is_a_plugin_with_what_it_imports_of_itself(folder, tmp_path):
    """By its folder or its ``__init__.py``; an edit of a module is named, in other processes too."""
    package = folder / "packed of test"
    package.mkdir()
    (package / "__init__.py").write_text(TASK.replace("from helper_of_test import", "from .core import"))
    (package / "core.py").write_text("FACTOR = 5\n")
    (package / "helper_of_test_later.py").write_text("NOTHING = 0\n")
    (package / "mini.yaml").write_text("number: 21\n")
    (plugin,) = plugins.load([package])
    assert plugin.path == package / "__init__.py"
    assert plugins.load([package / "__init__.py"])[0].module is plugin.module
    assert set(plugin.files) == {"__init__.py", "core.py", "helper_of_test_later.py"}
    task = find_task("doubling")
    (cell,) = load_suite(task, "mini").grid().cells.values()
    here = Codes(task).of(cell)
    assert set(here.files) == {"__init__", "core", "helper_of_test_later"}
    sent = plugins.to_send()
    plugins.forget()
    plugins.receive(sent)
    assert Codes(find_task("doubling")).of(cell).fingerprint == here.fingerprint


FINDS_ITS_FILES_BY_NAME = """
import os, sys
from importlib import import_module
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "source"))
import inner_of_test
for name in ("named_of_test",):
    import_module(name)
def where():
    return Path(__file__).parent
def table():
    return (where() / "tables" / "a.json").read_text()
"""


NAMED_IN_FIELDS = """
from gridcell.task import BatchFunction
from gridcell.tuning import Rule, Tuning
task = Task(
    name="doubling",
    summary="a: sentence",
    settings=Settings,
    suites=Path(__file__).parent,
    plan=plan,
    cells={"double": "of_cells:run"},
    report="of_report:write",
    tables={"all": "of_tables:rows"},
    estimate="of_estimate:cost",
    durations="of_durations:seconds",
    play="of_play:watch",
    export="inner.of_export:export",
    uses="of_uses:modules",
    reads="of_reads:names",
    batches={"double": BatchFunction("of_passes:run", key="of_keys:key")},
    tuning=Tuning(rules=(Rule("own", "a: b", score="of_rules:score"),)),
)
"""


def test_the_files_of_all_functions_that_a_task_names_travel(folder):
    """Whatever field, or entry of one, names them: a worker may need any."""
    named = set(re.findall(r'"(?:inner\.)?(of_\w+):', NAMED_IN_FIELDS))
    files = {f"inner/{name}.py" if name == "of_export" else f"{name}.py" for name in named}
    assert len(files) == 12
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("0")
    file = folder / "doubling_of_test.py"
    file.write_text(TASK + NAMED_IN_FIELDS)
    (plugin,) = plugins.load([file])
    assert files < set(plugin.files)


def test_what_a_plugin_imports_or_reads_by_a_name_travels_and_is_the_same_code_there(folder):
    for name in ("source/inner_of_test.py", "named_of_test.py", "tables/a.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("0")
    file = folder / "doubling_of_test.py"
    file.write_text(TASK + FINDS_ITS_FILES_BY_NAME)
    (plugin,) = plugins.load([file])
    assert {"source/inner_of_test.py", "named_of_test.py", "tables/a.json"} < set(plugin.files)

    def code():
        (cell,) = load_suite(find_task("doubling"), "mini").grid().cells.values()
        return Codes(find_task("doubling")).of(cell)

    here = code()
    assert {"inner_of_test", "named_of_test"} < set(here.files)
    assert set(here.data) == {"tables/a.json"}
    sent = plugins.to_send()
    plugins.forget()
    for name in ("inner_of_test", "named_of_test"):
        del sys.modules[name]
    plugins.receive(sent)
    there = plugins.here(file).parent
    (there / "mini.yaml").write_text("number: 21\n")
    assert code().fingerprint == here.fingerprint
    for name in ("inner_of_test", "named_of_test"):
        del sys.modules[name]


def test_a_missing_file_names_those_that_are_there(folder):
    with pytest.raises(UserError, match=r"no plug-in file '.*dubling.py'; the folder has doubling"):
        plugins.load([folder / "dubling.py"])


METHODS = {"method": PartKind("imagenet_rib.methods:registry", "methods")}


def test_plugins_of_a_suite_start_from_its_folder_and_do_not_join(folder, monkeypatch):
    method = "from imagenet_rib.methods.ft import prepare\nfrom imagenet_rib.method import FineTuning\n"
    (folder / "mine.py").write_text(f"{method}method = FineTuning('mine', 'A copy of ft.', prepare)\n")
    load_named(["mine.py"], folder)
    assert joined({"methods": {"ft": {}}}, METHODS) == {"methods": {"ft": {}}}
    monkeypatch.chdir(folder)
    plugins.load(["mine.py"], joins=True)
    assert joined({"methods": {"ft": {}}}, METHODS) == {"methods": {"ft": {}, "mine": {}}}
    assert joined({"methods": {"mine": {"x": 1}}}, METHODS) == {"methods": {"mine": {"x": 1}}}
    with pytest.raises(UserError, match="must be a list of Python files"):
        load_named("mine.py", folder)


def test_a_suite_that_extends_another_takes_up_the_plugins_of_both(folder):
    (folder / "base.yaml").write_text("plugins: [doubling_of_test.py]\nnumber: 3\n")
    (folder / "over.yaml").write_text("extends: base.yaml\nnumber: 4\n")
    plugins.load([folder / "doubling_of_test.py"])
    suite = load_suite(find_task("doubling"), str(folder / "over.yaml"))
    assert (suite.name, suite.settings.number) == ("over", 4)


def test_a_file_without_a_part_says_what_it_could_define(folder):
    loaded = plugins.load([folder / "helper_of_test.py"])
    with pytest.raises(UserError, match=r"of_test.py' defines no part: it needs one of .*'method', 'task'"):
        check_useful(loaded, METHODS)


@pytest.fixture(autouse=True)
def _no_plugins_left():
    yield
    plugins.forget()


def test_helpers_of_one_name_in_two_folders_are_refused(folder, tmp_path):
    """Python would give the second plug-in the first one's helper, and so another number."""
    first, second = tmp_path / "first", tmp_path / "second"
    for place in (first, second):
        place.mkdir()
        (place / f"{place.name}_of_test.py").write_text("from helper_of_test import FACTOR\n")
        (place / "helper_of_test.py").write_text(f"FACTOR = {place.name!r}\n")
    plugins.load([first / "first_of_test.py"])
    with pytest.raises(UserError, match=r"of its folder, but another .*first/helper_of_test"):
        plugins.load([second / "second_of_test.py"])
    (second / "helper_of_test.py").rename(second / "json.py")
    (second / "second_of_test.py").write_text("from json import FACTOR\n")
    with pytest.raises(UserError, match="'json' of its folder, but another 'json' is loaded"):
        plugins.load([second / "second_of_test.py"])
