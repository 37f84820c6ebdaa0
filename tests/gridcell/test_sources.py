"""Which files a file imports, against what Python itself has loaded after it ran."""

import subprocess
import sys

import pytest

from gridcell.sources import imported_files

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
