"""Files of the user's own: loaded, edited, sent to other processes, refused where they are of no use."""

import pickle
import subprocess
import sys
from types import SimpleNamespace

import pytest

from gridcell import plugins
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.fingerprint import Codes, changes
from gridcell.parts import PartKind, check_useful, joined, load_named
from gridcell.registry import version_of
from gridcell.suite import load_suite, parse_settings
from gridcell.task import find_task, task_names

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


@pytest.mark.parametrize("executor", ["inline", pytest.param("ray", marks=pytest.mark.slow)])
def test_a_task_in_a_file_runs_by_every_executor(folder, store, executor):
    plugins.load([folder / "doubling_of_test.py"])
    task = find_task("doubling")
    grid = load_suite(task, "mini").grid()
    schedule = run_grid(task, grid, store, RunOptions(executor=executor, num_cpus=1))
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


def test_an_edited_file_is_loaded_anew_and_an_edited_helper_too(folder):
    file = folder / "doubling_of_test.py"
    (before,) = plugins.load([file])
    (same,) = plugins.load([file])
    assert same.module is before.module
    (folder / "helper_of_test.py").write_text("FACTOR = 3\n")
    (after,) = plugins.load([file])
    assert after.module.FACTOR == 3
    assert len(plugins.loaded()) == 1


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


AGENT = """
from farmap.agents.kind import AgentKind, Parameters
from farmap.agents.random_walk import RandomWalk

class Settings(Parameters):
    pace: int = 1

agent = AgentKind("mine", lambda rng, pace: RandomWalk(rng), Settings, version={version})
"""
DATASET = """
from generalization_difficulty.data.kind import DatasetKind
dataset = DatasetKind("mine", lambda seed: ([[0.0], [1.0]], [0, 1]), version={version})
"""
PROBLEM = """
from inductive_bias.problems.kind import ProblemKind
problem = ProblemKind("mine", lambda seed: ([[0.0], [1.0]], [0.0, 1.0]), version={version})
"""
KERNEL = """
from inductive_bias.spaces.kind import Kernel, KernelKind
class Settings(Kernel):
    slope: float = 2.0
space = KernelKind("mine", lambda amplitude, slope: None, Settings, version={version})
"""
NETWORK = """
from inductive_bias.spaces.kind import NetworkKind
space = NetworkKind("mine", lambda inputs, outputs: None, version={version})
"""
CURIOSITY = """
from farcuriosity.curiosity.interface import Kind
kind = Kind("mine", "What it is.", lambda *args, device: None, version={version})
"""
PARTS = {
    "agent": (AGENT, "farmap", "agent"),
    "dataset": (DATASET, "generalization-difficulty", "task"),
    "problem": (PROBLEM, "inductive-bias", "problem"),
    "kernel": (KERNEL, "inductive-bias", "space"),
    "network": (NETWORK, "inductive-bias", "space"),
    "curiosity": (CURIOSITY, "farcuriosity", "curiosity"),
}


def planned(file, task):
    """Plan a task's mini suite with the part of one file alone."""
    plugins.forget()
    return load_suite(find_task(task), "mini", plugins=[str(file)]).grid()


def written(folder, name, text):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("kind", PARTS)
def test_the_id_holds_the_declared_version_and_never_the_path(kind, tmp_path):
    text, task, label = PARTS[kind]
    first = planned(written(tmp_path / "a", "one.py", text.format(version=1)), task)
    moved = planned(written(tmp_path / "b", "two.py", text.format(version=1)), task)
    newer = planned(written(tmp_path / "a", "one.py", text.format(version=2)), task)
    assert set(first.cells) == set(moved.cells) != set(newer.cells)
    ids = [set(grid.select({label: ["mine"]}).cells) for grid in (first, newer)]
    assert ids[0]
    changed = set(first.cells) ^ set(newer.cells)
    assert changed <= ids[0] | ids[1]  # no cell of another part is another cell
    plugins.forget()
    assert set(load_suite(find_task(task), "mini").grid().cells) < set(first.cells)


@pytest.mark.parametrize("kind", PARTS)
def test_a_cell_runs_the_file_of_the_part_that_it_names_and_no_other(kind, tmp_path):
    text, task, label = PARTS[kind]
    file = written(tmp_path, "one.py", text.format(version=1))
    grid = planned(file, task)
    mine = set(grid.select({label: ["mine"]}).cells)
    by_file = {cell_id for cell_id, cell in grid.cells.items() if str(file) in find_task(task).parts_of(cell)}
    assert by_file
    assert by_file <= mine
    others = [cell for cell_id, cell in grid.cells.items() if cell_id not in by_file]
    assert any(find_task(task).parts_of(cell) for cell in others)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("agents.walker={kind: mnie}", "^Unknown 'agents.walker.kind' 'mnie': did you mean 'mine'"),
        ("agents.walker={pace: 2}", "^The setting 'agents.walker.kind' is missing"),
        ("agents.walker={kind: mine, pcae: 2}", "^Unknown setting 'agents.walker.pcae': did you mean"),
        (
            "agents.walker={kind: mine, pace: fast}",
            "agents.walker.pace' is wrong: a whole number is expected",
        ),
        ("agents.walker={kind: [mine]}", "^Unknown 'agents.walker.kind'"),
        ("agents.walker=mine", "agents.walker' is wrong: it must hold 'key: value' settings"),
    ],
)
def test_what_a_suite_says_of_ones_own_part_is_checked_by_its_settings(override, sentence, tmp_path):
    file = written(tmp_path, "one.py", AGENT.format(version=1))
    with pytest.raises(UserError, match=sentence):
        load_suite(find_task("farmap"), "mini", [override], plugins=[str(file)])


def test_settings_of_ones_own_part_survive_json(tmp_path):
    file = written(tmp_path, "one.py", AGENT.format(version=1))
    override = ["agents.walker={kind: mine, pace: 3}"]
    suite = load_suite(find_task("farmap"), "mini", override, plugins=[str(file)])
    values = suite.settings.model_dump(mode="json")
    assert values["agents"]["walker"] == {"kind": "mine", "pace": 3}
    assert parse_settings(type(suite.settings), values).model_dump(mode="json") == values


def test_a_corruption_of_ones_own_makes_set_c_another(tmp_path):
    text = (
        "from gridcell.data import Corruption\n"
        "CORRUPTIONS = (Corruption('veil', 'digital', lambda images, severity, rng: images),)\n"
    )
    with_veil = planned(written(tmp_path, "veil.py", text), "imagenet-rib")
    plugins.forget()
    without = load_suite(find_task("imagenet-rib"), "mini").grid()

    def data(grid):
        return {cell_id: cell for cell_id, cell in grid.cells.items() if cell.kind == "data"}

    (changed,) = [cell for cell_id, cell in data(with_veil).items() if cell_id not in data(without)]
    assert (changed.config["set"], changed.config["corruptions"]) == ("c", {"veil": 1})


def test_an_edit_of_either_of_two_parts_whose_files_have_one_name_is_noticed(tmp_path):
    text = (
        "from gridcell.data import Corruption\n"
        "CORRUPTIONS = (Corruption('{name}', 'digital', lambda images, severity, rng: images),)\n"
    )
    files = [
        written(tmp_path / name, "mine.py", text.format(name=f"{name}_of_test")) for name in ("one", "two")
    ]

    def code():
        plugins.forget()
        task = find_task("imagenet-rib")
        grid = load_suite(task, "mini", plugins=[str(file) for file in files]).grid()
        (cell,) = [cell for cell in grid.cells.values() if cell.kind == "data" and cell.config["set"] == "c"]
        return Codes(task).of(cell)

    before = code()
    for file in files:
        text = file.read_text()
        file.write_text(text.replace("images)", "images + 1)"))
        after = code()
        assert changes(before.files, after.files) == ["mine"]
        assert before.fingerprint != after.fingerprint
        file.write_text(text)
    assert code().fingerprint == before.fingerprint


@pytest.mark.parametrize("version", [0, -1, True, "2"])
def test_a_version_is_a_whole_number_of_one_or_more(version):
    with pytest.raises(UserError, match="The version of 'mine' must be a whole number"):
        version_of(SimpleNamespace(name="mine", version=version))


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
