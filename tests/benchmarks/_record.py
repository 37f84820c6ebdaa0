"""What was measured, kept as figures.json, and the table of it in README.md."""

import datetime
import json
import operator
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FIGURES = HERE / "figures.json"
README = HERE / "README.md"
BEGIN, END = "<!-- figures -->\n", "<!-- /figures -->\n"
COMPARE = {"<=": operator.le, ">=": operator.ge}


def verdict(value: float, aim: str) -> str:
    """Say whether a figure meets its aim, as ``"<= 1.15"``."""
    if not aim:
        return ""
    sign, _, bound = aim.partition(" ")
    return "met" if COMPARE[sign](value, float(bound)) else "missed"


def circumstances() -> dict[str, Any]:
    """Return where and when something is measured: the machine, its load, the date and the commit."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    modified = bool(_git("status", "--porcelain", "--", "platform", "tasks"))
    return {
        "machine": f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}",
        "load": round(os.getloadavg()[0], 1),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit + (" (modified)" if modified else ""),
    }


def keep(found: Mapping[str, Any], figures: Path = FIGURES, readme: Path = README) -> None:
    """Put what was measured in place of what was measured before, and write the table again.

    Args:
        found: benchmark -> its figures, aims, seconds and circumstances.
        figures: the file with what was measured.
        readme: the file with the table.
    """
    known = json.loads(figures.read_text()) if figures.exists() else {}
    both = dict(sorted({**known, **found}.items()))  # the figures of each stay in the order of its measure()
    figures.write_text(json.dumps(both, indent=1) + "\n")
    readme.write_text(with_table(readme.read_text(), both))


def with_table(text: str, found: Mapping[str, Any]) -> str:
    """Return the README's text with the table of the figures between its two marks."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + tables(found) + END + rest.partition(END)[2]


def tables(found: Mapping[str, Any]) -> str:
    """Return a table for each benchmark, in Markdown, with its circumstances above it."""
    parts = []
    for name, one in sorted(found.items()):
        where = f"{one['machine']}; load {one['load']} at the start; {one['date']}; commit {one['commit']}"
        lines = [f"### {name}\n", f"{where}; {one['seconds']:.0f} s.\n"]
        lines += ["| figure | value | aim | |", "| --- | --- | --- | --- |"]
        for figure, value in one["figures"].items():
            aim = one["aims"].get(figure, "")
            lines.append(f"| {figure} | {_number(value)} | {aim} | {verdict(value, aim)} |")
        parts.append("\n".join(lines) + "\n\n")
    return "\n" + "".join(parts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _git(*words: str) -> str:
    asked = subprocess.run(["git", "-C", str(HERE), *words], capture_output=True, text=True, check=True)
    return asked.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return " ".join(value.split())
    return platform.processor() or platform.machine()
