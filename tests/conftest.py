"""What all tests share: the toy plug-in on the path, here and in worker processes."""

import os
import sys
from pathlib import Path

import pytest

PLUGINS = str(Path(__file__).parent / "plugins")
sys.path.insert(0, PLUGINS)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [PLUGINS, os.environ.get("PYTHONPATH")]))


@pytest.fixture
def store(tmp_path):
    from gridcell.store import Store

    return Store(str(tmp_path / "store")).prepare()
