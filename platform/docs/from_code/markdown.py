"""Text and tables in Markdown."""

import re
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells may hold Markdown, but a bar or a line's end in them is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines) + "\n"


def code(text: object) -> str:
    """Return text as inline code; nothing for nothing."""
    shown = str(text)
    if not shown:
        return ""
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def from_docstring(text: str) -> str:
    """Return a docstring's sentences as Markdown: its double back quotes and roles become inline code."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return re.sub(r"``([^`]+)``", r"`\1`", text).strip()


def plain(text: str) -> str:
    """Return text in which Markdown sees no markup."""
    return re.sub(r"([\\`*_<>\[\]{}$|])", r"\\\1", text)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text).replace("\n", " ") or " "
