"""Run the benchmarks and print one table."""

import argparse
import importlib
import json
import operator
import os
import platform
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

COMPARE = {"<=": operator.le, ">=": operator.ge}


def names() -> list[str]:
    """Return the benchmarks there are."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def verdict(value: float, aim: str) -> str:
    """Say whether a figure meets its aim, as ``"<= 1.15"``."""
    if not aim:
        return ""
    sign, _, bound = aim.partition(" ")
    return "met" if COMPARE[sign](value, float(bound)) else "missed"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("benchmarks", nargs="*", metavar="NAME", help=f"of: {', '.join(names())}")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    if unknown := set(arguments.benchmarks) - set(names()):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(names())}")
    console = Console()
    table = Table(
        "benchmark", "figure", "value", "aim", "", title=f"{os.cpu_count()} cores, {platform.machine()}"
    )
    table.columns[2].justify = "right"
    figures = {}
    for name in arguments.benchmarks or names():
        console.print(f"{name} ...", highlight=False)
        begun = time.perf_counter()
        module = importlib.import_module(f"tests.benchmarks.{name}")
        aims = getattr(module, "AIMS", {})
        measured = module.measure()
        for figure, value in measured.items():
            aim = aims.get(figure, "")
            table.add_row(name, figure, f"{value:.4g}", aim, verdict(value, aim))
        figures[name] = {"figures": measured, "aims": aims, "seconds": time.perf_counter() - begun}
    console.print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
        console.print(f"Written to {arguments.out}")


main()
