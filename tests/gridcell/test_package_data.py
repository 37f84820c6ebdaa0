"""Data files that code reads beside it are found without running it, and belong to its fingerprint."""

import pytest

from gridcell import plugins
from gridcell.errors import UserError
from gridcell.fingerprint import Codes
from gridcell.package_data import data_files, files_of, files_outside
from gridcell.paths_in_code import places_in
from gridcell.staleness import find_stale
from gridcell.suite import load_suite
from gridcell.task import find_task

TABLE, BOTH, NONE = {"table.json"}, {"maps/a.txt", "maps/b.txt"}, set()
CODE = [
    ('Path(__file__).with_name("table.json")', TABLE),
    ('Path(__file__).parent / "table.json"', TABLE),
    ('HERE = Path(__file__).resolve().parent\nx = (HERE / "table.json").read_text()', TABLE),
    (
        'def f():\n    return (Path(__file__).parent / "table.json").read_text()',
        TABLE,
    ),
    ('Path(__file__).with_suffix(".tsv")', {"part.tsv"}),
    ('Path(__file__).parents[1] / "up.csv"', {"../up.csv"}),
    ('import os\nopen(os.path.join(os.path.dirname(os.path.abspath(__file__)), "table.json"))', TABLE),
    ('from importlib.resources import files\nfiles(__package__).joinpath("table.json")', TABLE),
    ('from importlib import resources\nresources.files("package") / "table.json"', TABLE),
    ('from importlib.resources import files\nfiles("package.maps") / "a.txt"', {"maps/a.txt"}),
    ('def f(name):\n    return Path(__file__).parent / "maps" / f"{name}.txt"', BOTH),
    ('def f(name):\n    return Path(__file__).parent.joinpath("maps", name)', {*BOTH, "maps/c.npz"}),
    ('MAPS = Path(__file__).parent / "maps"\nx = sorted(MAPS.glob("*.txt"))', BOTH),
    ('for each in (Path(__file__).parent / "maps").iterdir(): pass', {*BOTH, "maps/c.npz"}),
    ('Path(__file__).parent.rglob("*.txt")', BOTH),
    ('DATA_FILES = ("table.json", "maps/*.txt")', TABLE | BOTH),
    ('import os\nHERE = os.path.dirname(__file__)\nopen(f"{HERE}/table.json")', TABLE),
    ('import os\nHERE = os.path.dirname(__file__)\nopen(HERE + "/maps/" + name + ".txt")', BOTH),
    ('import os\nopen("%s/table.json" % os.path.dirname(__file__))', TABLE),
    ('import os\nopen("{}/maps/{}.txt".format(os.path.dirname(__file__), name))', BOTH),
    ('open(str(Path(__file__).parent) + "/table.json")', TABLE),
    ('Path(__file__, "..", "table.json")', TABLE),
    ('Path(__file__).parent / "maps" / ".." / "table.json"', TABLE),
    ('import os\nopen(os.path.join(os.path.split(__file__)[0], "table.json"))', TABLE),
    ('import os\nopen(os.path.splitext(__file__)[0] + ".tsv")', {"part.tsv"}),
    (
        'import os\nfor folder, _, names in os.walk(os.path.dirname(__file__) + "/maps"): pass',
        {*BOTH, "maps/c.npz"},
    ),
    ('if (place := Path(__file__).parent / "maps").exists(): (place / "a.txt").read_text()', {"maps/a.txt"}),
    ('if (table := open(Path(__file__).with_name("table.json"))).readable(): pass', TABLE),
    ('def f(x=Path(__file__).with_name("table.json")): pass', TABLE),
    ('table: str = (Path(__file__).parent / "table.json").read_text()', TABLE),
    (
        "class Maps:\n    here = Path(__file__).parent\n    def f(self): return self.here / 'table.json'",
        TABLE,
    ),
    ("def f(self):\n    self.here = Path(__file__).parent\n    return self.here / 'table.json'", TABLE),
    ('import inspect, os\nopen(os.path.join(os.path.dirname(inspect.getfile(f)), "table.json"))', TABLE),
    ('Path(__spec__.origin).with_name("table.json")', TABLE),
    ('import sys\nPath(sys.modules[__name__].__file__).with_name("table.json")', TABLE),
    ('import pkgutil\npkgutil.get_data("package", "table.json")', TABLE),
    ('from importlib.resources import read_text\nread_text("package", "table.json")', TABLE),
    ("import numpy\nPath(numpy.__file__).with_name('table.json')", NONE),
    ('from package.places import MAPS\nMAPS / "a.txt"', {"maps/a.txt"}),
    ('from .places import MAPS as WHERE\nWHERE / "a.txt"', {"maps/a.txt"}),
    ('from package import places\nplaces.MAPS / "a.txt"', {"maps/a.txt"}),
    ('from package import places\nPath(places.__file__).with_name("table.json")', TABLE),
    ('Path(__file__).with_name(".hidden")', {".hidden"}),
    ('NAME = "table.json"\nPath(__file__).with_name(NAME)', TABLE),
    ("def f(folder=Path(__file__).parent):\n    return folder / 'table.json'", TABLE),
    ("def here():\n    return Path(__file__).parent\nopen(here() / 'maps' / 'a.txt')", {"maps/a.txt"}),
    ("import os\nHERE, _ = os.path.split(__file__)\nopen(os.path.join(HERE, 'table.json'))", TABLE),
    ("import os\nHERE = os.path.dirname(__file__) or '.'\nopen(os.path.join(HERE, 'table.json'))", TABLE),
    ("HERE = Path(__file__).parent if True else None\nopen(HERE / 'table.json')", TABLE),
    ("open(__file__.rpartition('/')[0] + '/table.json')", TABLE),
    ("open(__file__.replace('part.py', 'table.json'))", TABLE),
    ("import os\nopen(os.path.join(__file__, os.pardir, 'table.json'))", TABLE),
    ("import os\nopen(os.path.dirname(__file__) + os.sep + 'table.json')", TABLE),
    ("from os.path import dirname, join\nopen(join(dirname(__file__), 'maps/a.txt'))", {"maps/a.txt"}),
    ("from pathlib import Path as P\nopen(P(__file__).parent / 'maps' / f'{name}.txt')", BOTH),
    ("import os\nfor each in os.scandir(os.path.dirname(__file__) + '/maps'): pass", {*BOTH, "maps/c.npz"}),
    ("import os\nos.chdir(os.path.dirname(__file__))\nopen('table.json')", TABLE),
    (
        "import inspect\nP = Path(inspect.currentframe().f_code.co_filename).parent\nopen(P / 'table.json')",
        TABLE,
    ),
    ("print(__file__)\nsave('table.json')\nopen('part.tsv', 'w')\nPath('maps/a.txt').write_text('')", NONE),
    ("print(__file__)\n'table.json'", NONE),
    ('Path(__file__).with_name("other.py")', NONE),  # it counts as code: see below
    ('Path(__file__).with_name("absent.json")', NONE),
    ('Path(__file__).parents[99] / "table.json"', NONE),
    ('Path(__file__).parent / "suites"', NONE),
    ('open("table.json")', NONE),
    ('"""Reads table.json beside __file__."""', NONE),
]


@pytest.mark.parametrize(("code", "expected"), CODE, ids=[code for code, _ in CODE])
def test_data_files_that_code_reads_are_found(code, expected, tmp_path):
    package = tmp_path / "package"
    for name in (
        "table.json",
        "part.tsv",
        "../up.csv",
        "maps/a.txt",
        "maps/b.txt",
        "maps/c.npz",
        "maps/.DS_Store",
        ".hidden",
    ):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(name)
    (package / "suites").mkdir()
    (package / "suites" / "mini.yaml").write_text("{}")
    (package / "other.py").write_text("")
    (package / "places.py").write_text("from pathlib import Path\nMAPS = Path(__file__).parent / 'maps'\n")
    (package / "part.py").write_text(f"from pathlib import Path\n{code}\n")
    found = data_files(package / "part.py", tmp_path)
    assert set(found) == {(package / name).resolve() for name in expected}


def test_files_outside_the_root_do_not_count(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "inside" / "part.py").write_text(
        'open(__file__ and "x")\nfrom pathlib import Path\nPath(__file__).parents[1] / "secret.json"\n'
    )
    assert data_files(tmp_path / "inside" / "part.py", tmp_path / "inside") == ()
    outside = files_outside(tmp_path / "inside" / "part.py", tmp_path / "inside")
    assert outside == ((tmp_path / "secret.json").resolve(),)
    assert len(data_files(tmp_path / "inside" / "part.py", tmp_path)) == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            "import runpy\nrunpy.run_path(str(Path(__file__).with_name('named.py')))",
            {"named.py", "deeper.py"},
        ),
        ("exec((Path(__file__).parent / 'named.py').read_text())", {"named.py", "deeper.py"}),
        ("for file in Path(__file__).parent.glob('*.py'): pass", set()),
        ("print(__file__)", set()),
    ],
)
def test_code_that_is_named_by_its_path_counts_as_code(code, expected, tmp_path):
    (tmp_path / "part.py").write_text(f"from pathlib import Path\n{code}\n")
    (tmp_path / "named.py").write_text("import deeper\n")
    (tmp_path / "deeper.py").write_text("")
    files = files_of(tmp_path / "part.py", [tmp_path])
    assert {path.name for path in files.code} == {"part.py", *expected}
    assert not files.data


def test_a_link_counts_where_it_lies(tmp_path):
    (tmp_path / "elsewhere" / "maps").mkdir(parents=True)
    for name in ("table.json", "maps/a.txt", "shared.py"):
        (tmp_path / "elsewhere" / name).write_text("")
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("table.json", "maps", "shared.py"):
        (folder / name).symlink_to(tmp_path / "elsewhere" / name)
    (folder / "part.py").write_text(
        "import shared\nfrom pathlib import Path\nHERE = Path(__file__).parent\n"
        "open(HERE / 'table.json')\nopen(HERE / 'maps' / 'a.txt')\n"
    )
    files = files_of(folder / "part.py", [folder])
    assert set(files.code) == {folder / "part.py", folder / "shared.py"}
    assert set(files.data) == {folder / "table.json", folder / "maps" / "a.txt"}


METHOD = """
import json
from pathlib import Path
from imagenet_rib.learning import objectives
from imagenet_rib.method import FineTuning, Parameters, Recipe

def prepare(start, /):
    strength = json.loads(Path(__file__).with_name("tuned.json").read_text())
    return Recipe(start.model, None)

method = FineTuning(name="tuned", summary="Reads its strength.", parameters=Parameters, prepare=prepare)
"""


@pytest.fixture
def tuned(tmp_path):
    (tmp_path / "tuned_of_test.py").write_text(METHOD)
    (tmp_path / "tuned.json").write_text("1")
    yield tmp_path / "tuned_of_test.py"
    plugins.forget()


def planned(file):
    task = find_task("imagenet-rib")
    grid = load_suite(task, "mini", plugins=[str(file)]).grid()
    cell = next(one for one in grid.cells.values() if one.config.get("method") == "tuned")
    return task, grid, cell


def test_an_edited_table_makes_the_results_of_its_method_stale(tuned, store, tmp_path):
    task, grid, cell = planned(tuned)
    before = Codes(task).of(cell)
    assert set(before.data) == {"tuned.json"}
    store.codes.save(before.fingerprint, before.to_record())
    store.results.commit(cell, {}, tmp_path / "none", {"code": before.fingerprint})
    results, _ = store.results.read_many([cell.id])
    assert not find_stale(task, grid, store, results)
    (tmp_path / "tuned.json").write_text("1000")
    stale = find_stale(task, grid, store, results)
    assert stale.reasons == {cell.id: "by other code: tuned.json changed since"}


def test_records_of_before_data_files_counted_are_not_stale_by_them(tuned, store, tmp_path):
    task, grid, cell = planned(tuned)
    now = Codes(task).of(cell)
    store.codes.save("earlier", {"files": dict(now.files), "release": None})
    store.results.commit(cell, {}, tmp_path / "none", {"code": "earlier"})
    results, _ = store.results.read_many([cell.id])
    assert not find_stale(task, grid, store, results)


def test_records_of_a_rule_by_which_fewer_files_counted_are_not_stale_by_it(tuned, store, tmp_path):
    """A file that both count still makes them stale."""
    task, grid, cell = planned(tuned)
    now = Codes(task).of(cell)
    fewer = {name: digest for name, digest in now.files.items() if not name.endswith("objectives")}
    store.codes.save("earlier", {"files": fewer, "data": {}, "release": None})
    store.results.commit(cell, {}, tmp_path / "none", {"code": "earlier"})
    results, _ = store.results.read_many([cell.id])
    assert not find_stale(task, grid, store, results)
    tuned.write_text(METHOD.replace("loads", "load"))
    assert find_stale(task, grid, store, results).reasons == {
        cell.id: "by other code: method tuned changed since"
    }
    store.codes.save("now", now.to_record() | {"files": fewer})
    store.results.commit(cell, {}, tmp_path / "none", {"code": "now"}, replaces=results[cell.id].stamp)
    results, _ = store.results.read_many([cell.id])
    assert "imagenet_rib.learning.objectives" in find_stale(task, grid, store, results).reasons[cell.id]


def test_data_files_of_a_plugin_travel_with_it(tuned, tmp_path):
    plugins.load([tuned])
    (sent,) = plugins.to_send()
    assert sent.files["tuned.json"] == b"1"
    plugins.forget()
    plugins.receive([sent])
    here = plugins.here(tuned)
    assert here != tuned
    assert here.with_name("tuned.json").read_text() == "1"


def test_a_plugin_that_is_too_large_to_be_sent_is_refused_in_a_sentence(tuned, tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "_LARGEST", 10)
    plugins.load([tuned])
    with pytest.raises(UserError, match="at most 0 MB are sent"):
        plugins.to_send()


def test_a_plugin_of_just_the_size_that_may_be_sent_is_sent(tuned, monkeypatch):
    plugins.load([tuned])
    (sent,) = plugins.to_send()
    size = sum(map(len, sent.files.values()))
    monkeypatch.setattr(plugins, "_LARGEST", size)
    assert plugins.to_send() == (sent,)
    monkeypatch.setattr(plugins, "_LARGEST", size - 1)
    with pytest.raises(UserError):
        plugins.to_send()


@pytest.mark.parametrize(
    "line", ["x = {}", "x: object = {}", "if (x := {}): pass", "f(x={})", "def f(x={}): pass"]
)
def test_a_path_is_found_wherever_it_stands_in_a_statement(line):
    code = "from pathlib import Path\n" + line.format('g(Path(__file__).with_name("table.json"))')
    assert "/a/table.json" in places_in(code.encode(), "/a/part.py")
