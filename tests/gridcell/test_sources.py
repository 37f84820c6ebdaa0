"""Which files a file imports, against what Python itself has loaded after it ran."""

import subprocess
import sys

import pytest

from gridcell.sources import imported_files, look_again

FILES = {
    "start.py": (
        "import a\nfrom pack import one\n\ndef later():\n    import late\n    from pack.sub import deep\n"
    ),
    "a.py": "import json\nimport b as renamed\n",
    "b.py": "",
    "late.py": "import b\n",
    "unused.py": "import a\n",
    "pack/__init__.py": "from . import two\n",
    "pack/one.py": "from .sub.deep import x\n",
    "pack/two.py": "",
    "pack/sub/__init__.py": "",
    "pack/sub/deep.py": "from ..three import x\n",
    "pack/three.py": "x = 1\n",
    "pack/never.py": "import a\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_it_finds_what_python_loads_and_nothing_else(folder):
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); import start; start.later(); "
        "print(*(m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', None)), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = sorted(line for line in done.stdout.splitlines() if line.startswith(str(folder)))
    found = [str(path) for path in imported_files(folder / "start.py", [folder])]
    assert found == loaded
    assert not [name for name in found if "never" in name or "unused" in name]


def test_an_edit_is_seen(folder):
    before = imported_files(folder / "start.py", [folder])
    (folder / "a.py").write_text("import unused, json\n")
    after = imported_files(folder / "start.py", [folder])
    assert {path.name for path in after} - {path.name for path in before} == {"unused.py"}


def test_a_file_that_is_no_python_is_named(folder):
    (folder / "b.py").write_text("def (:\n")
    with pytest.raises(SyntaxError) as error:
        imported_files(folder / "start.py", [folder])
    assert error.value.filename == str(folder / "b.py")


DYNAMIC = [
    ("import importlib\nimportlib.import_module('a')", {"a.py", "b.py"}),
    (
        "from importlib import import_module\nimport_module('pack.three')",
        {"pack/__init__.py", "pack/two.py", "pack/three.py"},
    ),
    ("__import__('b')", {"b.py"}),
    (
        "from importlib import import_module\nimport_module(f'models.{name}')",
        {"models/x.py", "models/y.py", "b.py"},
    ),
    (
        "from importlib import import_module\nimport_module('models.' + name)",
        {"models/x.py", "models/y.py", "b.py"},
    ),
    ("from importlib import import_module\nimport_module(f'model_{name}')", {"model_z.py"}),
    ("from importlib import import_module\nimport_module(name)", set()),  # the file doesn't tell
    ("from models import *", {"models/x.py", "models/y.py", "b.py"}),
    ("from a import *", {"a.py", "b.py"}),
    ("import compiled", {"compiled.abi3.so"}),
    # a name that is no more than a text
    ("from importlib import import_module\nNAME = 'b'\nimport_module(NAME)", {"b.py"}),
    ("import importlib\nimportlib.import_module(name='b')", {"b.py"}),
    ("from importlib import import_module as load\nload('b')", {"b.py"}),
    ("import importlib\nload = importlib.import_module\nload('b')", {"b.py"}),
    (
        "from importlib import import_module\nfor n in ('b', 'model_z'): import_module(n)",
        {"b.py", "model_z.py"},
    ),
    ("from importlib import import_module\nM = {'x': 'b'}\ndef f(n): import_module(M[n])", {"b.py"}),
    ("from importlib import import_module\ndef f(n='b'): import_module(n)", {"b.py"}),
    (
        "from importlib import import_module\nimport_module('models.{}'.format(n))",
        {"models/x.py", "models/y.py", "b.py"},
    ),
    (
        "from importlib import import_module\nimport_module('models.%s' % n)",
        {"models/x.py", "models/y.py", "b.py"},
    ),
    (
        "from importlib import import_module\nimport_module('.three', package='pack')",
        {"pack/__init__.py", "pack/two.py", "pack/three.py"},
    ),
    ("import pkgutil\npkgutil.resolve_name('b:x')", {"b.py"}),
    ("import runpy\nrunpy.run_module('b')", {"b.py"}),
    ("import pydoc\npydoc.locate('b.x')", {"b.py"}),
    ("exec('import b')", {"b.py"}),
    ("NAME = 'b'\n__import__(NAME)", {"b.py"}),
    ("instantiate({'_target_': 'b.Net'})", {"b.py"}),
    (
        "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'models'))\nimport x",
        {"models/x.py", "b.py"},
    ),
    # what is no import, or is never run
    ("model.eval()\nNAME = 'b'", set()),
    ("from importlib.resources import files\nNAME = 'b'", set()),
    ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import b", set()),
    ("import typing\nif typing.TYPE_CHECKING:\n    import b\nelse:\n    import model_z", {"model_z.py"}),
]


@pytest.mark.parametrize(("code", "expected"), DYNAMIC, ids=[code for code, _ in DYNAMIC])
def test_names_that_a_file_tells_count_however_it_imports_them(folder, code, expected):
    (folder / "models").mkdir()
    (folder / "models" / "x.py").write_text("import b\n")
    (folder / "models" / "y.py").write_text("")
    (folder / "models" / "notes.txt").write_text("")
    (folder / "model_z.py").write_text("")
    (folder / "compiled.abi3.so").write_bytes(b"\x7fELF")
    (folder / "start.py").write_text(code)
    found = imported_files(folder / "start.py", [folder])
    assert {path.relative_to(folder).as_posix() for path in found} == {"start.py", *expected}


def test_a_package_that_imports_its_modules_by_a_loop_counts_whole(folder):
    loop = (
        "import pkgutil, importlib\nfor one in pkgutil.iter_modules(__path__): importlib.import_module({})\n"
    )
    for number, told in enumerate(
        ("f'{__name__}.{one.name}'", "f'.{one.name}', __name__", "'.' + one.name, __package__")
    ):
        package = folder / f"loop{number}"
        package.mkdir()
        (package / "__init__.py").write_text(loop.format(told))
        (package / "one.py").write_text("")
        (folder / "start.py").write_text(f"import loop{number}\n")
        found = imported_files(folder / "start.py", [folder])
        assert package / "one.py" in found


def test_a_file_that_was_not_there_before_is_found_after_a_second_look(folder):
    (folder / "start.py").write_text("import new\n")
    assert set(imported_files(folder / "start.py", [folder])) == {folder / "start.py"}
    (folder / "new.py").write_text("")
    look_again()
    assert set(imported_files(folder / "start.py", [folder])) == {folder / "start.py", folder / "new.py"}
