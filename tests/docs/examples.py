"""The code blocks of READMEs and pages, and what each is marked with.

A comment before a block says what a test does with it:

``<!-- planned only: REASON -->``
    The block is not run. Its ``gridcell`` commands are parsed, and their suites planned.
``<!-- not run: REASON -->``
    The same, for commands of other programs.
``<!-- suite of TASK: NAME.yaml -->``, ``<!-- changes to SUITE of TASK -->``
    A YAML block is such a suite, saved under this name, or what one that extends SUITE says.

Blocks without a mark are run, from top to bottom, in one empty folder a page.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PROGRAMS = {"aws", "cp", "docker", "export", "gridcell", "kubectl", "make", "pip", "python", "ray", "sbatch"}
PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]{1,}\b|\$\w|s3://|gs://|/scratch|/shared")


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        page: path of its file, from the root.
        line: where it begins, from 1.
        language: sh, python, yaml, toml or text.
        text: what it says.
        mark: words of the comment before it; empty where there is none.
    """

    page: str
    line: int
    language: str
    text: str
    mark: str = ""

    @property
    def id(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def runs(self) -> bool:
        return not self.mark.startswith(("planned only:", "not run:"))

    @property
    def commands(self) -> list[list[str]]:
        """The words of each ``gridcell`` command."""
        found = []
        for line in self.lines:
            words = shlex.split(line.removeprefix(".venv/bin/"), comments=True)
            for place, word in enumerate(words):
                if word == "gridcell" and (place == 0 or words[0] == "docker"):
                    found += _split(words[place + 1 :])
        return found

    @property
    def lines(self) -> list[str]:
        """Its shell commands, those that are continued joined."""
        joined = re.sub(r"\\\n\s*", " ", self.text).splitlines()
        return [line.strip() for line in joined if line.strip()]


def _split(words: list[str]) -> list[list[str]]:
    """Separate commands that stand in one line: ``gridcell a; gridcell b``."""
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "gridcell":
            commands.append([])
        elif word != "&":
            commands[-1].append(word.removesuffix(";"))
    return commands


def pages() -> list[Path]:
    """Return all READMEs and pages: what the repository holds, save what is generated."""
    found = [*ROOT.glob("*.md")]
    for folder in ("platform", "tasks", "clusters", "docker", "tests"):
        found += (path for path in (ROOT / folder).rglob("*.md") if "generated" not in path.parts)
    return sorted(found)


def blocks_of(path: Path) -> list[Block]:
    """Return the code blocks of a page, in their order."""
    found, mark = [], ""
    for token in MarkdownIt().enable("table").parse(path.read_text(encoding="utf-8")):
        if token.type == "html_block":
            comment = re.fullmatch(r"<!-- (.*?) -->", token.content.strip(), re.DOTALL)
            mark = comment[1] if comment else ""
        elif token.type in ("fence", "code_block"):
            language = token.info.strip() or _guess(token.content)
            if not language.startswith("{"):  # a directive of the site
                page = path.relative_to(ROOT).as_posix()
                found.append(Block(page, token.map[0] + 1, language, token.content, mark))
            mark = ""
        elif token.type == "inline":
            mark = ""
    return found


def _guess(text: str) -> str:
    lines = [line.removeprefix(".venv/bin/").split() for line in text.splitlines() if line.strip()]
    programs = {words[0] for words in lines}
    return "sh" if PROGRAMS & programs or any(name.endswith(".sh") for name in programs) else "text"


BLOCKS = [block for path in pages() for block in blocks_of(path)]


def inline_commands(path: Path) -> list[list[str]]:
    """Return the words of the ``gridcell`` commands that stand in a page's sentences and tables."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"(?<!`)`gridcell ([^`]+)`(?!`)", text)
    whole = [one for one in found if not any(mark in one for mark in ("...", "|", "[PATH]"))]
    return [shlex.split(one) for one in whole if path.name != "CHANGELOG.md"]  # which names commands in short
