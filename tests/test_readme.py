"""The README quotes real code: each block that names a file is that file."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
QUOTED = [
    "tasks/imagenet_rib/methods/l2_sp.py",
    "platform/gridcell/data/shifts/v2.py",
    "tasks/imagenet_rib/suites/mini.yaml",
]


@pytest.mark.parametrize("path", QUOTED)
def test_quoted_files_are_as_they_are(path):
    assert (ROOT / path).read_text().strip() in README


def test_the_quoted_task_is_as_it_is():
    block = re.search(r"^task = Task\(.*?^\)$", README, re.DOTALL | re.MULTILINE)
    assert block is not None
    assert block.group() in (ROOT / "tasks/imagenet_rib/__init__.py").read_text()


def test_what_the_readme_links_to_exists():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
