"""What has to agree before a release is built."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def versions(root: Path = ROOT) -> dict[str, str]:
    """Return the version by the file that says it."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    face = (root / "platform/gridcell/__init__.py").read_text()
    citation = (root / "CITATION.cff").read_text()
    found = {
        "platform/gridcell/__init__.py": re.search(r'^__version__ = "(.+)"$', face, re.MULTILINE),
        "CITATION.cff": re.search(r"^version: (.+)$", citation, re.MULTILINE),
    }
    return {"pyproject.toml": project, **{name: match[1] if match else "" for name, match in found.items()}}


def problems(root: Path = ROOT) -> list[str]:
    """Return what keeps a release from being built, a sentence each."""
    found = versions(root)
    version = found["pyproject.toml"]
    said = [
        f"{name} has version {other or 'none'}, pyproject.toml {version}"
        for name, other in found.items()
        if other != version
    ]
    headings = re.findall(r"^## (.+)$", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    if not any(re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d{{2}}-\d{{2}}\)", one) for one in headings):
        said.append(f"CHANGELOG.md has no heading '## {version} (YYYY-MM-DD)'")
    if changes := _git(root, "status", "--porcelain"):
        said.append(f"The tree has changes: {', '.join(changes.split()[1::2][:5])}")
    return said


def _git(root: Path, *words: str) -> str:
    asked = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True)
    return asked.stdout.strip()
