"""Parts of each kind from files of the user's own: their ids, their code, and what a suite says of them."""

from types import SimpleNamespace

import pytest

from gridcell import plugins
from gridcell.errors import UserError
from gridcell.fingerprint import Codes, changes
from gridcell.registry import version_of
from gridcell.suite import load_suite, parse_settings
from gridcell.task import find_task


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
