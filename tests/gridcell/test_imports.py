"""Imports run one way, and no files import each other in a circle.

Imports inside functions and under TYPE_CHECKING count, too: they tie files together as others do.
"""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("imports")

ROOT = Path(__file__).parents[2]

ORDER = [
    "errors",
    "build",
    "notice",
    "thinned",
    "debugging",
    "syntax",
    "paths_in_code",
    "sources",
    "digest",
    "paths_elsewhere",
    "package_data",
    "plugins",
    "secrets",
    "printable",
    "registry",
    "parts",
    "cell",
    "settings",
    "grid",
    "store",
    "context",
    "tuning",
    "task",
    "fingerprint",
    "provenance",
    "staleness",
    "stages",
    "suite",
    "plots",
    "data",
    "learn",
    "report",
    "execute",
    "mlflow",
    "answers",
    "cluster",
    "search",
    "testing",
    "cli",
    "__main__",
]
"""Packages and files of gridcell, each of which imports those before it alone."""

SHARED = "fragmentation_recall"  # a library of two tasks, itself no task


def _modules() -> dict[str, Path]:
    found = {}
    for root in (ROOT / "platform", ROOT / "tasks"):
        for path in root.rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()
TASKS = [
    name for name in MODULES if name.split(".")[0] not in ("gridcell", "docs")
]  # docs read all of gridcell


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in MODULES:
                    yield whole
                elif node.module in MODULES:
                    yield node.module


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """Name of a module -> the modules here that it imports."""
    return {name: set(_imports(path)) - {name} for name, path in MODULES.items()}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return what is left of a graph once ends and starts are taken away, again and again: its circles."""
    left = {name: set(targets) for name, targets in graph.items()}
    while ends := {name for name, targets in left.items() if not targets & left.keys()}:
        left = {name: targets for name, targets in left.items() if name not in ends}
    while True:
        wanted = set().union(*left.values()) if left else set()
        starts = left.keys() - wanted
        if not starts:
            break
        left = {name: targets for name, targets in left.items() if name not in starts}
    return [sorted(left)] if left else []


def test_circles_are_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}, "e": set()}) == [["b", "c"]]


def test_no_files_import_each_other_in_a_circle(graph):
    assert circles(graph) == []


def room(name: str) -> str:
    """Return the package or file of gridcell in which a module lies."""
    _, _, rest = name.partition(".")
    return rest.partition(".")[0]


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("gridcell.")])
def test_gridcell_imports_in_one_direction(name, graph):
    for target in sorted(graph[name]):
        if target == "gridcell":  # its version
            continue
        assert target.startswith("gridcell."), f"{name} imports {target}: gridcell imports no task"
        if room(target) != room(name):
            assert ORDER.index(room(target)) < ORDER.index(room(name)), f"{name} imports {target}"


@pytest.mark.parametrize("name", TASKS)
def test_no_task_imports_another_task(name, graph):
    own = name.partition(".")[0]
    others = {target.partition(".")[0] for target in graph[name]} - {own, "gridcell", SHARED}
    assert not others


FACES = {"gridcell", *(f"gridcell.{name}" for name in ("data", "learn", "report", "plots", "testing"))}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_imports_the_public_face_alone(name):
    reached = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            reached |= {alias.name for alias in node.names if alias.name.split(".")[0] == "gridcell"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "gridcell":
            reached.add(node.module)
    assert reached <= FACES


@pytest.mark.parametrize("face", sorted(FACES))
def test_every_public_name_is_there(face):
    module = import_module(face)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_the_top_floor_of_a_task_is_small():
    for task in (ROOT / "tasks").iterdir():
        rooms = [path for path in task.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
        assert len(rooms) <= 12, f"{task.name}: {sorted(path.name for path in rooms)}"
