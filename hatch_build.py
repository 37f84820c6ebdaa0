"""Puts the commit of the sources into what is built, so that ``gridcell --version`` can name it."""

import subprocess
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

IN_SOURCES = "platform/gridcell/commit.txt"


class CommitHook(BuildHookInterface):
    """Adds ``commit.txt`` to sdist and wheel; an editable install asks git instead."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the file and include it."""
        carried = Path(self.root, IN_SOURCES)
        if version == "editable" or carried.exists():  # an sdist carries it
            return
        commit = self._commit()
        if commit:
            file = Path(mkdtemp(), "commit.txt")
            file.write_text(f"{commit}\n", encoding="utf-8")
            target = IN_SOURCES if self.target_name == "sdist" else "gridcell/commit.txt"
            build_data["force_include"][str(file)] = target

    def _commit(self) -> str:
        try:
            asked = [
                subprocess.run(
                    ["git", "-C", self.root, *words], capture_output=True, text=True, check=True
                ).stdout.strip()
                for words in (["rev-parse", "HEAD"], ["status", "--porcelain"])
            ]
        except (OSError, subprocess.CalledProcessError):  # no git, or no repository
            return ""
        return asked[0] + (", modified since" if asked[1] else "")
