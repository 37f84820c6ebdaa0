"""What pages have the reader type is typed, from top to bottom, in an empty folder, every night."""

import os
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from docs.examples import BLOCKS

pytestmark = pytest.mark.long
BIN = str(Path(sys.executable).parent)


def session_of(block):
    """Return which blocks share a folder: the whole first hour does, else those of one page."""
    folder = block.page.rpartition("/")[0]
    return folder if folder.endswith("first_hour") else block.page


def sessions():
    runnable = [block for block in BLOCKS if block.runs and block.language in ("sh", "python", "yaml")]
    for name, blocks in groupby(runnable, session_of):
        found = list(blocks)
        if any(block.language != "yaml" for block in found):
            yield pytest.param(found, id=name)


def type_in(block, folder):
    """Do with a block what its reader does; fail where a command does."""
    if block.language == "yaml":
        named = re.fullmatch(r"suite of \S+: (\S+)", block.mark)
        if named:
            (folder / named[1]).write_text(block.text)
        return
    if block.language == "python":
        commands = [[sys.executable, "-c", block.text]]
    else:
        commands = [["bash", "-euo", "pipefail", "-c", line] for line in block.lines]
    environment = {**os.environ, "PATH": os.pathsep.join([BIN, os.environ["PATH"]])}
    for command in commands:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{block.id}: {command[-1]}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("blocks", sessions())
def test_what_a_page_has_the_reader_type(blocks, tmp_path):
    for block in blocks:
        type_in(block, tmp_path)
