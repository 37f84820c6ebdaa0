"""Only public interfaces of other packages: nothing of theirs is replaced, nothing private is imported."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("platform", "tasks") for path in (ROOT / folder).rglob("*.py"))
OURS = {path.name for folder in ("platform", "tasks") for path in (ROOT / folder).iterdir()}

# The doctor's faults start Ray nodes that must listen on loopback alone, which ``ray start`` refuses.
PRIVATE = {"platform/gridcell/cluster/chaos/node.py"}
# Ray tells which nodes it drains to its own libraries alone; ``test_notice`` notices if that changes.
# torch's optimisers call these kernels; a loop over parameters, or a public optimiser, is slower.
PRIVATE_NAMES = {
    "platform/gridcell/execute/draining.py": ["ray._private"],
    "tasks/imagenet_rib/learning/objectives.py": [
        "torch._foreach_mul",
        "torch._foreach_mul_",
        "torch._foreach_sub",
    ],
    "tasks/inductive_bias/network_space/training.py": ["torch._fused_adam_"],
}
DOCUMENTED = {"os._exit", "sys._current_frames"}


def name_of(path):
    return str(path.relative_to(ROOT))


def imported_names(tree):
    """Return the names that a file binds to something of another package."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [(alias.asname or alias.name.partition(".")[0], alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found = [(alias.asname or alias.name, node.module) for alias in node.names]
        else:
            continue
        names |= {name for name, module in found if module.partition(".")[0] not in OURS}
    return names


def root_of(node):
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def replacements(tree):
    """Return the places where an attribute of something imported is assigned, deleted or set."""
    foreign = imported_names(tree)
    places = []
    for node in ast.walk(tree):
        targets = []
        if isinstance(node, ast.Assign | ast.Delete):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
            targets = [ast.Attribute(node.args[0], "", ast.Store())]
        for target in targets:
            if isinstance(target, ast.Attribute) and root_of(target.value) in foreign:
                places.append(target)
    return places


def private_names(tree):
    """Return the private attributes of imported names that a file reads."""
    foreign = imported_names(tree)
    found = {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in foreign
        if node.attr.startswith("_") and not node.attr.startswith("__")
    }
    return sorted(found - DOCUMENTED)


ALLOWED = re.compile(
    r"^sys\.(stdout|stderr|excepthook|unraisablehook)$"
)  # the standard library's own switches


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_of_another_package_is_replaced_and_nothing_private_is_imported(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    replaced = [ast.unparse(place) for place in replacements(tree)]
    assert not [place for place in replaced if not ALLOWED.match(place)]
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    others = {module for module in modules if module.partition(".")[0] not in {*OURS, "__future__"}}
    assert "unittest.mock" not in {module.rpartition(".")[0] for module in others} | others
    assert private_names(tree) == PRIVATE_NAMES.get(name_of(path), [])
    if name_of(path) not in PRIVATE:
        private = [module for module in others if any(part.startswith("_") for part in module.split("."))]
        assert not [module for module in private if "__" not in module]


def test_the_check_sees_what_it_forbids():
    tree = ast.parse(
        "import ray\nimport ray.util as u\nray.get = 1\nu.x.y = 2\nsetattr(ray, 'a', 1)\nz = 3\n"
    )
    assert [ast.unparse(place) for place in replacements(tree)] == ["ray.get", "u.x.y", "ray."]
    assert private_names(ast.parse("import ray\nray._private.x\nray.get._a\nself._b")) == ["ray._private"]
