"""``make release``: check, build sdist and wheel into dist/, try the wheel alone in an empty environment."""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from tests.release import checks, wheel


def main() -> None:
    """Do it, or say what keeps it from being done."""
    console = Console(highlight=False, soft_wrap=True)
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=__doc__)
    parser.add_argument("--rehearse", action="store_true", help="build and try whatever disagrees")
    parser.add_argument("--borrow", action="store_true", help="use the other packages of this environment")
    parser.add_argument("--parts", action="store_true", help="run a part of each suite")
    arguments = parser.parse_args()
    for problem in (found := checks.problems()):
        console.print(problem)
    if found and not arguments.rehearse:
        sys.exit("No release was built.")
    built = wheel.build(checks.ROOT / "dist")
    console.print(f"Built {built.name}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = wheel.install(built, folder / "environment", borrow=arguments.borrow)
        (folder / "work").mkdir()
        for line in wheel.try_alone(python, folder / "work", whole=not arguments.parts):
            console.print(line)
    console.print(f"{built} works alone.")


if __name__ == "__main__":
    main()
