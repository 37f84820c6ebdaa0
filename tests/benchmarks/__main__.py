"""Run the benchmarks, print one table, and keep the figures in figures.json and README.md."""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from tests.benchmarks._record import circumstances, keep, verdict


def names() -> list[str]:
    """Return the benchmarks there are: the files that have a ``measure()``."""
    files = Path(__file__).parent.glob("[a-z]*.py")
    return sorted(path.stem for path in files if "\ndef measure(" in path.read_text())


def measured_alone(name: str) -> dict[str, Any]:
    """Measure in a process of its own: none inherits another's threads, environment or warm caches."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "tests.benchmarks", name, "--alone", str(out)]
        # What libraries print would bury the table; it is shown only where it explains a failure.
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if ended.returncode:
            sys.exit(f"{ended.stdout}\nThe benchmark {name} failed with exit code {ended.returncode}.")
        return json.loads(out.read_text())


def measure_here(name: str, out: Path) -> None:
    """Measure in this process and write figures, aims and seconds as JSON."""
    module = importlib.import_module(f"tests.benchmarks.{name}")
    begun = time.perf_counter()
    figures = module.measure()
    seconds = time.perf_counter() - begun
    out.write_text(json.dumps({"figures": figures, "aims": getattr(module, "AIMS", {}), "seconds": seconds}))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("benchmarks", nargs="*", metavar="NAME", help=f"of: {', '.join(names())}")
    parser.add_argument("--out", type=Path, help="write the figures as JSON, too")
    parser.add_argument("--keep", action="store_true", help="put them into figures.json and README.md")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := set(arguments.benchmarks) - set(names()):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(names())}")
    if arguments.alone:
        measure_here(arguments.benchmarks[0], arguments.alone)
        return
    console = Console(width=None if sys.stdout.isatty() else 120)
    here = circumstances()
    table = Table("benchmark", "figure", "value", "aim", "", title=here["machine"])
    table.columns[2].justify = "right"
    found = {}
    for name in arguments.benchmarks or names():
        console.print(f"{name} ... ", end="", highlight=False)
        measured = measured_alone(name)
        if not measured["figures"]:
            console.print("this machine has no GPU")
            continue
        found[name] = {**circumstances(), **measured}
        console.print(f"{found[name]['seconds']:.0f} s", highlight=False)
        if arguments.keep:  # at once: what comes later may fail
            keep({name: found[name]})
        for figure, value in found[name]["figures"].items():
            aim = found[name]["aims"].get(figure, "")
            table.add_row(name, figure, f"{value:.4g}", aim, verdict(value, aim))
    console.print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        console.print(f"Written to {arguments.out}")


main()
